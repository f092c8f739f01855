# Completion of netroam for bash; `netroam completion bash` prints it. The candidates are netroam's own: it knows ssh's options and hosts.
_netroam() {
    # The words as they were typed: bash breaks them at = : @ as well.
    local rest=${COMP_LINE:0:COMP_POINT} word blank i last=-1
    local -a words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        blank=${rest%%[![:blank:]]*}
        rest=${rest#"$blank"}
        word=${COMP_WORDS[i]}
        [[ $i -eq $COMP_CWORD ]] && word=$rest
        rest=${rest#"$word"}
        if [[ $last -lt 0 || -n $blank ]]; then
            last=$((last + 1))
            words[last]=$word
        else
            words[last]+=$word
        fi
    done

    # What stands before the part that bash replaces.
    local before=${words[last]%"$2"} kind= value about
    COMPREPLY=()
    while IFS=$'\t' read -r value about; do
        if [[ -z $kind ]]; then
            kind=$value
        else
            COMPREPLY+=("${value#"$before"}")
        fi
    done < <(command netroam complete bash "${words[@]}" 2>/dev/null)
    if [[ $kind == files ]]; then
        compopt -o default 2>/dev/null
    fi
}
# In the order of the candidates, where bash is new enough for that (4.4).
complete -o nosort -F _netroam netroam 2>/dev/null || complete -F _netroam netroam
