# Sourced by newcomer: makes clean Debian roots, of the release and from the mirror that this machine's own apt has.

release=$(. /etc/os-release && echo "$VERSION_CODENAME")

# What apt here fetches packages from, as lines for another apt: only the system's own release, not what else a person has added.
sources() {
    # shellcheck disable=SC2016 # apt-get replaces these
    apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        grep -E " $release(-updates|-security)? " | sort -u
}

# How apt here reaches it (a proxy, for one).
way() {
    apt-config dump | grep -E '^Acquire::(http|https|Check-Valid-Until|Check-Date|Retries)' || true
}

# Makes a root with these packages besides the least that Debian is. $1 is the archive that it is kept in from one run to the next.
root() {
    local archive=$1 made
    shift
    made=$(sources) || return 1
    [ -n "$made" ] || fail "this machine's apt has no source for its own release (apt-get update?)"
    # Other sources or packages are another root.
    made=$(printf '%s\n' "$made" "$(way)" "$@")
    if [ ! -e "$archive" ] || [ "$(cat "$archive.made" 2>/dev/null)" != "$made" ]; then
        rm -f "$archive" "$archive.made"
        way >"$work/apt.conf"
        sources | mmdebstrap --variant=minbase --quiet --include="$(
            IFS=,
            echo "$*"
        )" --aptopt="$work/apt.conf" "$release" "$work/root.tar" - || fail "mmdebstrap made no root with $*"
        mv "$work/root.tar" "$archive"
        printf '%s\n' "$made" >"$archive.made"
    fi
}
