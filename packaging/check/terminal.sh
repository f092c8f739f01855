# Sourced by newcomer: a terminal to type in and to look at, which is tmux's. Nobody's configuration is read.

terminal=("tmux" -S "$work/terminal" -f /dev/null)

# Opens it with a command in it; one that is open is closed.
open() {
    close
    "${terminal[@]}" new-session -d -x 100 -y 40 "$@"
}

close() { "${terminal[@]}" kill-server 2>/dev/null || true; }

# Types a line, or a key as tmux calls it.
type_line() { "${terminal[@]}" send-keys -l -- "$1" && "${terminal[@]}" send-keys Enter; }
key() { "${terminal[@]}" send-keys "$@"; }

screen() { "${terminal[@]}" capture-pane -p; }

# Waits for a text (an extended regular expression) on the screen, half a minute at most. A screen tells nobody that it has changed.
shows() {
    local until=$((SECONDS + 30))
    until screen 2>/dev/null | grep -Eq -- "$1"; do
        if [ "$SECONDS" -ge "$until" ]; then
            echo "the terminal shows:" >&2
            screen | grep . >&2 || true
            fail "${2:-the terminal never showed} $1"
        fi
        sleep 0.1
    done
}
