//! `weir names`: the names that shells complete. It asks the running Weir, or else reads the configuration. Where neither
//! answers it prints nothing, because its reader is somebody who types a command.

use std::time::Duration;

use hyper::Method;
use serde_json::Value;

use super::connection::AdminArgs;
use super::request::ask_within;
use crate::cli::output::print;
use crate::config;

/// Nobody waits longer for a name than for typing it.
const PATIENCE: Duration = Duration::from_millis(500);

/// `weir names`.
#[derive(clap::Args)]
pub(crate) struct Names {
    /// What the names are of
    of: Of,
    #[command(flatten)]
    args: AdminArgs,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Of {
    Nodes,
    Pools,
}

/// `weir names`.
pub(crate) fn names(Names { of, args }: &Names) -> i32 {
    let names = running(*of, args).unwrap_or_else(|| written(*of, args));
    let plain = names.iter().filter(|name| is_plain(name));
    print(&plain.map(|name| format!("{name}\n")).collect::<String>());
    0
}

fn running(of: Of, args: &AdminArgs) -> Option<Vec<String>> {
    let answer = ask_within(PATIENCE, args, &Method::GET, "/api/v1/status", Vec::new()).ok()?;
    let status: Value = serde_json::from_slice(&answer).ok()?;
    let list = status[of.word()].as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn written(of: Of, args: &AdminArgs) -> Vec<String> {
    let Ok(config) = config::load(&args.config) else { return Vec::new() };
    match of {
        Of::Nodes => config.nodes.iter().map(|node| node.name.to_string()).collect(),
        Of::Pools => config.pools.iter().map(|pool| pool.name.to_string()).collect(),
    }
}

/// A shell takes its list of words apart, so what means something to it is left out.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b':'))
}

impl Of {
    const fn word(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Pools => "pools",
        }
    }
}
