//! Programs that a page may name and that may not run here. Each has a script of its own in their place, which tests what can
//! be tested of the call, and a reason. What is in neither list is not found, and so is a fault of the page.

/// Name, why it may not run here, and what runs instead. `$REPOSITORY` and `$ROOT` are the repository and the machine's
/// files, `$JOURNAL` what Weir wrote to its journal.
pub(crate) const STAND_INS: &[(&str, &str, &str)] = &[
    (
        "sudo",
        "the test does not become root",
        r#"case $1 in systemctl|runuser|weir|./install.sh|dnf|docker|journalctl|make|apt|dpkg|editor|install|cp|rm|tee|ln|tar|mv|sh|sysctl|chown|chgrp|usermod) exec "$@";; esac; exit 64"#,
    ),
    ("runuser", "there is no user weir", r#"[ "$1 $2 $3" = "-u weir --" ] || exit 64; shift 3; exec "$@""#),
    ("systemctl", "there is no systemd: the unit must be there, and a reload is done as the unit does it", SYSTEMCTL),
    (
        "journalctl",
        "there is no journal of systemd",
        r#"case " $* " in *" -u weir "*) cat "$JOURNAL";; *) exit 64;; esac"#,
    ),
    (
        "ssh",
        "there are no other machines: it must be a node of the configuration, or a balancer",
        r#"case $1 in lb1|lb2) shift; exec "$@";; -L) exit 0;; esac; grep -q "name = \"$1\"" "$ROOT/etc/weir/weir.toml""#,
    ),
    (
        "editor",
        "nobody is there to type: the file then has what the demo wrote",
        r#"[ -f "$1" ] || exit; case $1 in */weir.toml) cp "$1.ready" "$1";; esac"#,
    ),
    (
        "apt",
        "nothing is installed: only this repository's package, keepalived and redis-server may be named",
        r#"case "$1 $2" in "install keepalived") mkdir -p "$ROOT/etc/keepalived";; "install redis-server") ;; "install ./target/debian/weir_"*|"install --allow-downgrades"|"remove weir"|"purge weir"|"update ") ;; *) exit 64;; esac"#,
    ),
    (
        "dpkg",
        "nothing is installed",
        r#"case "$1 $2" in "-i ./target/debian/weir"*|"-i target/debian/weir"*) ;; *) exit 64;; esac"#,
    ),
    (
        "cargo",
        "nothing is built here",
        r#"case "$1 $2 $3" in "install --locked cargo-deb"|"install --locked cargo-generate-rpm") ;; *) exit 64;; esac"#,
    ),
    (
        "make",
        "nothing is built here: the target must be one of the Makefile",
        r#"exec /usr/bin/make --silent --dry-run -C "$REPOSITORY" "$@" > /dev/null"#,
    ),
    (
        "install",
        "files belong to who runs the test",
        r#"while :; do case $1 in -o|-g) shift 2;; *) break;; esac; done; exec /usr/bin/install "$@""#,
    ),
    ("chown", "files belong to who runs the test", r#"shift; ls "$@" > /dev/null"#),
    ("chgrp", "files belong to who runs the test", r#"shift; ls "$@" > /dev/null"#),
    ("usermod", "there is no group weir", r#"[ "$1 $2" = "-aG weir" ]"#),
    ("git", "the test has no repository of its own", r#"case $1 in clone|rev-parse) ;; *) exit 64;; esac"#),
    ("redis-cli", "there is no server", r#"[ "$1 $3" = "-h info" ]"#),
    ("nginx-prometheus-exporter", "a program of others, which make acceptance runs", r#"[ "$1" = --nginx.plus ]"#),
    (
        "dnf",
        "this is no RHEL, and nothing is installed",
        r#"case "$1 $2" in "install ./target/rpm/weir-"*|"remove weir") ;; *) exit 64;; esac"#,
    ),
    (
        "docker",
        "no image is built here: its recipe must be there, and what runs in the container runs here",
        r#"case $1 in build) [ "$2" = --file ] && [ -f "$REPOSITORY/$3" ];; exec) shift 2; exec "$@";; run|kill) ;; *) exit 64;; esac"#,
    ),
];

/// Programs that run as they are. `jq` and `promtool` are let be where they are not there, and the test says so.
pub(crate) const REAL: &[&str] = &[
    "cat",
    "chmod",
    "cp",
    "date",
    "diff",
    "grep",
    "gzip",
    "head",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "openssl",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "sort",
    "tail",
    "tar",
    "tee",
    "touch",
    "true",
    "wc",
];

const SYSTEMCTL: &str = r#"
verb=$1; shift
[ "$1" = --now ] && shift
case "$verb $1" in
    "reload weir") exec weir reload ;;
    "--failed "*|"restart systemd-sysctl"|"restart keepalived"|"enable keepalived"|"stop keepalived"|"daemon-reload ") exit 0 ;;
esac
case $verb in start|stop|restart|status|enable|disable|edit|is-active) [ -f "$REPOSITORY/systemd/$1.service" ] ;; *) exit 64 ;; esac"#;
