# Completion of netroam for fish; `netroam completion fish` prints it. The candidates are netroam's own: it knows ssh's options and hosts.
function __netroam_complete
    set -l token (commandline -ct)
    set -l found (command netroam complete fish (commandline -opc) "$token" 2>/dev/null)
    if test "$found[1]" = files
        # As for a command that fish knows nothing of.
        complete -C "'' $token"
    else
        printf '%s\n' $found[2..]
    end
end
complete -c netroam -e
complete -c netroam -f -k -a '(__netroam_complete)'
