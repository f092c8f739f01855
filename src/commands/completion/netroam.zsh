#compdef netroam
# Completion of netroam for zsh; `netroam completion zsh` prints it. The candidates are netroam's own: it knows ssh's options and hosts.
_netroam() {
    local kind value about
    local -a candidates
    while IFS=$'\t' read -r value about; do
        if [[ -z $kind ]]; then
            kind=$value
        elif [[ -n $about ]]; then
            candidates+=("${value//:/\\:}:$about")
        else
            candidates+=("${value//:/\\:}")
        fi
    done < <(command netroam complete zsh "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    if [[ $kind == files ]]; then
        [[ $PREFIX == --*=* ]] && compset -P '*='
        _files
    elif (( $#candidates )); then
        _describe -V netroam candidates
    fi
}
# Found in fpath, or sourced.
if [[ ${funcstack[1]} == _netroam ]]; then
    _netroam "$@"
else
    compdef _netroam netroam
fi
