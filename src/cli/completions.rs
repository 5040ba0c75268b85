//! `weir completions`: the script by which a shell completes Weir's commands, options and files, and the names of nodes and
//! pools, for which it calls `weir names`.

use clap_complete::{Shell, generate};

use super::output::print;
use crate::app::FAILED;

const AFTER: &str = "\
`make install` puts the scripts for bash, zsh and fish where these shells look for them. Where Weir came another way, \
write into ~/.bashrc, for example: source <(weir completions bash). Names of nodes and pools come from the running Weir, \
or else from its configuration.";

/// `weir completions`.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Completions {
    /// The shell that reads the script
    shell: Shell,
}

/// Prints the script.
pub(super) fn completions(asked: &Completions, command: clap::Command) -> i32 {
    let mut command = without_hidden(&command);
    // Made in memory: the generator panics when its writer fails, as a closed pipe does.
    let mut script = Vec::new();
    generate(asked.shell, &mut command, "weir", &mut script);
    let script = with_names(asked.shell, String::from_utf8_lossy(&script).into_owned());
    if print(&script) { 0 } else { FAILED }
}

/// The generator offers hidden commands too.
fn without_hidden(command: &clap::Command) -> clap::Command {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    clap::Command::new("weir").version(env!("CARGO_PKG_VERSION")).subcommands(shown)
}

/// The script, and the names where a node or a pool is to be written.
fn with_names(shell: Shell, script: String) -> String {
    match shell {
        Shell::Bash => script.replace("complete -F _weir ", "complete -F _weir_with_names ") + BASH,
        Shell::Zsh => {
            let nodes = script
                .replace("calls it:_default'", "calls it:_weir_nodes'")
                .replace("or POOL/NODE]:NODE:_default'", "or POOL/NODE]:NODE:_weir_nodes'");
            let pools = nodes.replace(":POOL:_default'", ":POOL:_weir_pools'");
            pools.replace(":pool -- The pool:_default'", ":pool -- The pool:_weir_pools'").replacen("_weir() {", ZSH, 1)
        }
        Shell::Fish => script + FISH,
        _ => script,
    }
}

const BASH: &str = r#"
_weir_with_names() {
    _weir "$@"
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" names=
    case "$prev" in
        --node) names=nodes ;;
        --pool) names=pools ;;
        --reason|--admin|--token-file|--config|-c|--deadline) return ;;
        *)
            case "${COMP_WORDS[1]}" in
                drain|maintain|activate) names=nodes ;;
                weight) [[ $COMP_CWORD -eq 2 ]] && names=pools || names=nodes ;;
            esac
            ;;
    esac
    if [[ -n $names && $cur != -* ]]; then
        COMPREPLY=($(compgen -W "$("$1" names "$names" 2>/dev/null)" -- "$cur"))
    fi
}
"#;

const ZSH: &str = r#"_weir_nodes() {
    compadd -- ${(f)"$(_call_program names weir names nodes 2>/dev/null)"}
}

_weir_pools() {
    compadd -- ${(f)"$(_call_program names weir names pools 2>/dev/null)"}
}

_weir() {"#;

const FISH: &str = r#"complete -c weir -n "__fish_weir_using_subcommand drain maintain activate weight" -f -a "(weir names nodes 2>/dev/null)"
complete -c weir -n "__fish_weir_using_subcommand weight" -f -a "(weir names pools 2>/dev/null)"
complete -c weir -n "__fish_weir_using_subcommand events" -l node -x -a "(weir names nodes 2>/dev/null)"
complete -c weir -n "__fish_weir_using_subcommand events" -l pool -x -a "(weir names pools 2>/dev/null)"
"#;
