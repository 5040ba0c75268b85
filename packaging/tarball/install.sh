#!/bin/bash
# Puts Weir in place, as root: ./install.sh
# Takes it away again, but for configuration, certificates, logs, state and user: ./install.sh --remove
# With DESTDIR=/some/directory it only copies the files there. Run again with a newer version, it leaves weir.toml as it is; the
# running process stays too, until weir upgrade.
set -euo pipefail
cd "$(dirname "$0")"
root=${DESTDIR:-}

main() {
    [[ -n $root || $EUID -eq 0 ]] || { echo "this needs root, or DESTDIR=/some/directory" >&2; exit 1; }
    case ${1:-} in
        "") put_in_place ;;
        --remove) take_away ;;
        *) echo "usage: ./install.sh [--remove]" >&2; exit 2 ;;
    esac
}

put_in_place() {
    local file
    files | while read -r file; do
        install -D -m "$(stat -c %a "$file")" "$file" "$root/$file"
    done
    install -d -m 0755 "$root/etc/weir" "$root/etc/weir/sites"
    if [[ -e $root/etc/weir/weir.toml ]]; then
        echo "kept: $root/etc/weir/weir.toml is yours"
    else
        install -m 0644 etc/weir/weir.toml "$root/etc/weir/weir.toml"
    fi
    [[ -n $root ]] || on_this_machine
}

# A file is replaced and not written over, so that a running Weir keeps its own binary.
files() {
    find usr etc -type f ! -path etc/weir/weir.toml
}

on_this_machine() {
    if command -v systemd-sysusers > /dev/null; then
        systemd-sysusers weir.conf
        systemd-tmpfiles --create weir.conf
        [[ ! -d /run/systemd/system ]] || systemctl daemon-reload
    else
        echo "not done: the user weir and its directories (systemd is not here)"
    fi
    if [[ -d /run/systemd/system ]] && systemctl is-active --quiet weir.service; then
        echo "the running process is still the old version; to hand over without a gap: weir upgrade"
    else
        echo "not started. To begin (or edit /etc/weir/weir.toml, which says how):"
        echo "  weir init"
        echo "  systemctl enable --now weir"
    fi
}

take_away() {
    local file
    if [[ -z $root && -d /run/systemd/system ]]; then
        systemctl --quiet disable --now weir.service 2> /dev/null || true
    fi
    files | while read -r file; do rm -f "$root/$file"; done
    rm -rf "$root/usr/share/doc/weir" "$root/usr/share/weir"
    [[ -n $root || ! -d /run/systemd/system ]] || systemctl daemon-reload
    echo "kept: $root/etc/weir, $root/var/lib/weir, $root/var/log/weir and the user weir"
}

main "$@"
