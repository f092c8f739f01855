# Sourced by the scripts beside it: installs what is missing, and says what it does.

say() { printf '\n== %s\n' "$*"; }

run() {
    say "$*"
    "$@"
}

# Runs a command as root, with the toolchain of the one who calls.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo --preserve-env=PATH,HOME,CARGO_HOME,RUSTUP_HOME,CARGO_TARGET_DIR "$@"; fi
}

# Whether a program, or a file or directory named by its whole path, is there.
present() {
    case $1 in
        /*) [ -e "$1" ] ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

# Takes words `program:package` or `/a/file:package`; installs the package where that is missing.
packages() {
    local missing=() pair
    PATH=$PATH:/usr/sbin:/sbin
    export PATH
    for pair in "$@"; do
        present "${pair%%:*}" || missing+=("${pair#*:}")
    done
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get >/dev/null 2>&1 || {
        echo "missing: ${missing[*]}; install them, there is no apt-get here" >&2
        return 1
    }
    say "installing ${missing[*]}"
    as_root apt-get update -qq
    # No daemon is to start, and none to be asked about: the tests run their own.
    # policy-rc.d is what Debian's packages ask before they start what they bring (invoke-rc.d(8)).
    as_root sh -c '
        policy=/usr/sbin/policy-rc.d
        [ -e $policy ] || { printf "#!/bin/sh\nexit 101\n" > $policy && chmod 755 $policy && trap "rm -f $policy" EXIT; }
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"' sh "${missing[@]}"
    for pair in "$@"; do
        present "${pair%%:*}" || {
            echo "${pair%%:*} is still missing after installing ${pair#*:}" >&2
            return 1
        }
    done
}

# The toolchain and the parts of it that are named.
component() {
    command -v cargo >/dev/null 2>&1 || {
        echo "no Rust toolchain: install one with rustup (https://rustup.rs)" >&2
        return 1
    }
    local part
    for part in "$@"; do
        case $part in
            rustfmt) cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt ;;
            clippy) cargo clippy --version >/dev/null 2>&1 || rustup component add clippy ;;
        esac
    done
}

# Installs a program of crates.io into $CARGO_TARGET_DIR/tools, compiled from its own Cargo.lock, unless this very version is there.
tool() {
    local name=$1 version=$2 root=${CARGO_TARGET_DIR:-target}/tools
    case $root in
        /*) ;;
        *) root=$PWD/$root ;;
    esac
    PATH=$root/bin:$PATH
    export PATH
    [ "$("$name" --version 2>/dev/null)" = "$name $version" ] || run cargo install --locked --quiet --root "$root" "$name@$version"
}
