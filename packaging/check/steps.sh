# Sourced by newcomer: what a newcomer does, and what has to come of it.

# Every file of the laptop's own, as apt could leave one behind: not the newcomer's, and not apt's and the manual's own records.
files() {
    find "$work/laptop" -xdev \( -path "$work/laptop/home" -o -path "$work/laptop/var/cache" -o -path "$work/laptop/var/lib/apt" \
        -o -path "$work/laptop/var/lib/dpkg" -o -path "$work/laptop/var/log" -o -path "$work/laptop/root" \) -prune -o -printf '/%P\n' | sort
}

# apt's word is of interest when it fails.
apt() {
    on laptop apt-get -y -qq -o Dpkg::Use-Pty=0 "$@" >"$work/apt.log" 2>&1 || {
        cat "$work/apt.log" >&2
        fail "apt-get $* failed"
    }
}

install() {
    step "apt installs the package, and what it needs"
    apt update
    on laptop useradd --create-home --shell /bin/bash anna
    files >"$work/before"
    [ ! -e "$work/laptop/usr/bin/ssh" ] || fail "the laptop's root has an ssh already, so nothing is known of what the package needs"
    cp "$deb" "$work/laptop/tmp/netroam.deb"
    apt install --no-install-recommends /tmp/netroam.deb
    on laptop ssh -V || fail "apt brought no ssh with the package"
    [ ! -e "$work/laptop/etc/systemd/user/default.target.wants/netroam.service" ] || fail "the unit is enabled, and nobody asked for that"
}

looks() {
    step "what the package brings is where it is looked for"
    local said verb page
    said=$(anna 'netroam --version') || fail "netroam --version fails"
    [ "$said" = "netroam $(on laptop dpkg-query -W -f '${Version}' netroam | sed 's/-[^-]*$//')" ] || fail "netroam --version says $said"

    said=$(anna 'MANPAGER=cat man netroam-watch') || fail "man netroam-watch does not open"
    grep -Eq '^ +netroam-watch +- [A-Z]' <<<"$said" || fail "man netroam-watch has no NAME: $said"
    # Whatever --help lists has a page.
    for verb in $(on laptop netroam --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'); do
        [ "$verb" = help ] && continue
        page=$(on laptop man --where "netroam-$verb") || fail "there is no page netroam-$verb"
        [ "$page" = "/usr/share/man/man1/netroam-$verb.1.gz" ] || fail "the page of netroam $verb is $page"
    done

    said=$(anna 'XDG_RUNTIME_DIR=~ systemd-analyze --user verify /usr/lib/systemd/user/netroam.service' 2>&1) || fail "systemd does not take the unit: $said"
    [ -z "$said" ] || fail "systemd says of the unit: $said"
    said=$(anna 'netroam service print')
    [ "$(tail -n +2 <<<"$said")" = "$(tail -n +2 "$work/laptop/usr/lib/systemd/user/netroam.service")" ] ||
        fail "the unit is not the one that netroam service print shows"

    # As a person has them: Debian's bash and fish load completions by themselves, zsh when compinit was called.
    printf 'autoload -Uz compinit && compinit\nPROMPT="%%%% "\n' >"$work/laptop/home/anna/.zshrc"
    completes bash 'netroam wat' '\$ netroam watch'
    completes zsh 'netroam wat' '% netroam watch'
    completes fish 'netroam wat' '> netroam watch'
}

# The shell makes the word that Tab is pressed behind a whole one. $2 is what is typed, $3 what is then to be seen.
completes() {
    local words
    as_anna --shell "/usr/bin/$1"
    open "${words[@]}"
    # A prompt is there before the shell reads keys, which is no harm: they wait for it.
    shows '[$%>]$'
    key -l "$2"
    key Tab
    shows "$3" "$1 does not complete a verb, the terminal never showed"
    close
}

network() {
    step "a cable between the laptop and the server, an account and a key"
    cable
    on server useradd --create-home --shell /bin/bash anna
    on server mkdir -p /run/sshd
    on server /usr/lib/systemd/systemd-logind --version >/dev/null 2>&1 || true
    on server sh -c '! [ -e /usr/lib/tmpfiles.d/screen-cleanup.conf ] || install -d -m 1777 -g utmp /run/screen'
    on server /usr/sbin/sshd
    moves_to 1
    anna "ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519" || fail "no key"
    on server install -d -m 700 -o anna -g anna /home/anna/.ssh
    cp "$work/laptop/home/anna/.ssh/id_ed25519.pub" "$work/server/home/anna/.ssh/authorized_keys"
    on server chown anna:anna /home/anna/.ssh/authorized_keys
}

roams() {
    step "netroam doctor, before anything else"
    anna 'netroam doctor' || fail "netroam doctor finds something wrong with a laptop on which there is nothing but the package"

    step "the first login, which asks about the host key"
    local words said
    as_anna
    open "${words[@]}"
    shows '\$$'
    type_line 'ssh gw1 echo it is \$USER; echo ssh ended with $?'
    shows '\(yes/no/\[fingerprint\]\)\? *$'
    type_line yes
    shows '^it is anna'
    shows '^ssh ended with 0'

    step "netroam doctor gw1"
    anna 'netroam doctor gw1' || fail "netroam doctor gw1 says that netroam watch gw1 will not work"

    step "netroam watch gw1, and an outage"
    type_line 'clear; netroam watch gw1; echo netroam ended with $?'
    shows 'anna@server:~\$$'
    type_line 'echo before $((40 + 2))'
    shows '^before 42'
    connected_from 192.168.1.2
    moves_to
    shows 'gw1: .*(lost 192\.168\.1\.2|no route, waiting)'
    moves_to 2
    # The status line is gone, and screen shows again what it showed.
    shows '^before 42'
    connected_from 192.168.2.2
    type_line 'echo after $((50 + 5))'
    shows '^after 55'
    [ "$(on server runuser -l anna -c 'screen -ls' | grep -c tached)" = 1 ] || fail "there is not one session of screen on the server"
    type_line exit
    shows '^netroam ended with 0'
    close

    step "netroam history --plot"
    said=$(anna 'netroam history --plot') || fail "netroam history --plot fails"
    echo "$said"
    grep -q '^gw1/' <<<"$said" || fail "netroam history --plot has no row for the session"
    grep -q '^1 outage ' <<<"$said" || fail "netroam history --plot does not count one outage"
    anna 'netroam history --plot=outages.svg' || fail "netroam history --plot=outages.svg fails"
    python3 -c '
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == "{http://www.w3.org/2000/svg}svg", root.tag
assert "gw1" in "".join(root.itertext()), "the picture does not name the host"
' "$work/laptop/home/anna/outages.svg" || fail "outages.svg is no picture of the outage"
}

# Waits until the server has a connection of ssh from this address and from no other.
connected_from() {
    local until=$((SECONDS + 30)) from
    until from=$(nsenter --net="$work/server.net" ss -Htn state established '( sport = :22 )' | awk '{ sub(/:[0-9]*$/, "", $4); print $4 }' | sort -u) &&
        [ "$from" = "$1" ]; do
        [ "$SECONDS" -lt "$until" ] || fail "the server has connections from ${from:-nowhere}, not from $1"
        sleep 0.1
    done
}

leaves() {
    step "apt removes the package, and nothing stays"
    local own left
    own=$(on laptop dpkg-query -L netroam)
    apt remove netroam
    left=$(while read -r path; do
        [ -d "$work/laptop$path" ] || [ ! -e "$work/laptop$path" ] || echo "$path"
    done <<<"$own")
    [ -z "$left" ] || fail "apt-get remove leaves $left"
    # A package without configuration of its own is purged by that.
    ! on laptop dpkg-query -W netroam >/dev/null 2>&1 || fail "dpkg still knows netroam: there is something left to purge"
    # What came with it goes too, though systemd suggests some of that.
    apt autoremove --purge -o APT::AutoRemove::SuggestsImportant=false -o APT::AutoRemove::RecommendsImportant=false
    files >"$work/after"
    left=$(comm -13 "$work/before" "$work/after")
    [ -z "$left" ] || fail "the laptop has more files than before: $left"
}
