//! passthru-http.properties of one node: how long it waits, and how it stops.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{Place, is_carbon};
use crate::wso2::checks::{SHUTDOWN, SOCKET_TIMEOUT};
use crate::wso2::context::Context;

/// What the transport has where the file says nothing.
const SHIPPED: Duration = Duration::from_secs(180);
/// What a pool waits where weir.toml says nothing.
const POOLS: Duration = Duration::from_secs(300);
/// The shortest time in which running requests usually end.
const WAIT: u32 = 30;

pub(crate) fn check(context: Context<'_>) {
    let Some(properties) = &context.node.passthru else { return };
    if let Some(said) = properties.get("http.socket.timeout") {
        match said.number() {
            None => context.findings.error(
                SOCKET_TIMEOUT,
                &said.at,
                format!("http.socket.timeout {:?} is no number of milliseconds", said.text),
                "write 180000",
            ),
            Some(0) => {}
            Some(milliseconds) => timeout(context, Duration::from_millis(milliseconds.into()), &said.at),
        }
    }
    let key = "transport.listener.shutdown.wait.sec";
    let said = properties.get(key);
    if said.is_none_or(|said| said.number().is_none_or(|seconds| seconds < WAIT)) {
        let at = said.map_or_else(|| whole(context), |said| said.at.clone());
        let what = match said {
            Some(said) => format!("{key} is {:?}: what runs for longer is cut when the node stops", said.text),
            None => format!("{key} is not there, so requests that run are cut when the node stops"),
        };
        context.findings.warning(
            SHUTDOWN,
            &at,
            what,
            format!("write {key}={WAIT}, or drain the node before each stop"),
        );
    }
}

/// The file itself, for what is not written in it.
fn whole(context: Context<'_>) -> Place {
    Place { file: Arc::new(context.node.tree.conf("passthru-http.properties")), ..Place::default() }
}

fn timeout(context: Context<'_>, socket: Duration, at: &Place) {
    for pool in context.view.pools(context.node.node).filter(|pool| !is_carbon(pool.port)) {
        let read = pool.timeouts.read;
        // As they are shipped, both have their own defaults, and `weir check` does not warn of these either.
        if socket < read && !(socket == SHIPPED && read == POOLS) {
            let what = format!(
                "http.socket.timeout is {} s, and pool {} of weir.toml waits {} s: the node closes first, and clients get 502",
                socket.as_secs(),
                pool.name,
                read.as_secs()
            );
            context.findings.warning(
                SOCKET_TIMEOUT,
                at,
                what,
                format!("write {} or more, or a shorter read in the pool's timeouts", read.as_millis()),
            );
        } else if pool.reuse && socket <= pool.idle_timeout {
            let what = format!(
                "http.socket.timeout is {} s, and pool {} of weir.toml keeps idle connections for {} s",
                socket.as_secs(),
                pool.name,
                pool.idle_timeout.as_secs()
            );
            context.findings.warning(
                SOCKET_TIMEOUT,
                at,
                what,
                "write more than that, or a shorter idle-timeout in the pool",
            );
        }
    }
}
