//! `weir completions`: the script by which a shell completes Weir's commands, options and files.

use clap_complete::{Shell, generate};

use super::output::print;
use crate::app::FAILED;

const AFTER: &str = "\
`make install` puts the scripts for bash, zsh and fish where these shells look for them. Where Weir came another way, \
write into ~/.bashrc, for example: source <(weir completions bash)";

/// `weir completions`.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Completions {
    /// The shell that reads the script
    shell: Shell,
}

/// Prints the script.
pub(super) fn completions(asked: &Completions, mut command: clap::Command) -> i32 {
    // Made in memory: the generator panics when its writer fails, as a closed pipe does.
    let mut script = Vec::new();
    generate(asked.shell, &mut command, "weir", &mut script);
    if print(&String::from_utf8_lossy(&script)) { 0 } else { FAILED }
}
