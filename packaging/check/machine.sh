# Sourced by newcomer: two machines out of two roots, and the cable between them.

# Unpacks a root and gives it what a running system has.
machine() {
    local root=$work/$1
    mkdir "$root"
    tar -x -f "$kept/$1.tar" -C "$root" --numeric-owner
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=755 run "$root/run"
    mount -t tmpfs tmp "$root/tmp"
    cat /etc/resolv.conf >"$root/etc/resolv.conf"
    echo "$1" >"$root/etc/hostname"
    touch "$work/$1.uts"
    unshare --uts="$work/$1.uts" hostname "$1"
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n10.9.0.1 gw1\n' "$1" >"$root/etc/hosts"
    # No daemon is to start in a root: there is none that would stop it.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
}

# The words with which a command runs on a machine: under its name, and in its own network once it has one.
as_machine() {
    machine=(nsenter --uts="$work/$1.uts")
    [ ! -e "$work/$1.net" ] || machine+=(--net="$work/$1.net")
    machine+=(chroot "$work/$1")
}

# Runs a command there, as root.
on() {
    local machine
    as_machine "$1"
    shift
    "${machine[@]}" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TERM=screen \
        DEBIAN_FRONTEND=noninteractive "$@"
}

# A login shell of the newcomer's on the laptop, in words for a terminal.
as_anna() {
    local machine
    as_machine laptop
    words=("${machine[@]}" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=screen-256color
        runuser --login anna "$@")
}

# Runs a command line in one.
anna() {
    local words
    as_anna --command "$1"
    "${words[@]}" </dev/null
}

# Gives the machines networks, a cable, and an ssh server with an address that is the same wherever the laptop is.
cable() {
    local name
    for name in laptop server; do
        touch "$work/$name.net"
        unshare --net="$work/$name.net" ip link set lo up
        nsenter --net="$work/$name.net" mount -t sysfs sys "$work/$name/sys"
    done
    nsenter --net="$work/laptop.net" ip link add wlan0 type veth peer name lan0 netns "$work/server.net"
    on_net server "addr add 10.9.0.1/32 dev lo" "addr add 192.168.1.1/24 dev lan0" "addr add 192.168.2.1/24 dev lan0" "link set lan0 up"
    on_net laptop "link set wlan0 up"
}

# Runs `ip` in a machine's network with each of these lines.
on_net() {
    local name=$1
    shift
    printf '%s\n' "$@" | nsenter --net="$work/$name.net" ip -batch - || fail "ip failed on the $name: $*"
}

# The laptop is in the network 192.168.$1 now, and in no other; in none without $1.
moves_to() {
    on_net laptop "addr flush dev wlan0"
    [ -z "${1:-}" ] || on_net laptop "addr add 192.168.$1.2/24 dev wlan0" "route add default via 192.168.$1.1"
}
