//! The sockets of new listeners, or what is in the way of them.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;

use crate::config::{Config, Listener, Problem};
use crate::proxy::accept::sockets::{Inherited, Opened};

/// Binds the listeners that are not bound yet, all or none. They do not listen.
pub(super) fn bind_new(
    config: &Config,
    bound: &HashSet<SocketAddr>,
    threads: usize,
    inherited: &mut Inherited,
) -> Result<Vec<Opened>, Vec<Problem>> {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    let mut ours = bound.clone();
    for listener in config.listeners.iter().filter(|listener| !bound.contains(&listener.bind)) {
        let beside = ours.iter().any(|address| address.port() == listener.bind.port());
        match Opened::bind(listener, threads, beside, inherited) {
            Ok(opened) => {
                ours.insert(listener.bind);
                all.push(opened);
            }
            Err(error) => problems.push(bind_problem(listener, &error)),
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

/// Lets clients connect to all of these listeners, or tells what is in the way.
pub(super) fn listen(config: &Config, opened: &[Opened]) -> Result<(), Vec<Problem>> {
    let one = |opened: &Opened| {
        let error = opened.listen().err()?;
        let listener = config.listeners.iter().find(|listener| listener.bind == opened.address)?;
        Some(bind_problem(listener, &error))
    };
    let problems: Vec<_> = opened.iter().filter_map(one).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn bind_problem(listener: &Listener, error: &io::Error) -> Problem {
    Problem {
        at: listener.at.clone(),
        what: format!("listener \"{}\" cannot bind {}: {error}", listener.name, listener.bind),
        advice: bind_advice(error, listener.bind),
    }
}

fn bind_advice(error: &io::Error, address: SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("another process listens there; `ss -ltnp 'sport = :{}'` tells which", address.port())
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE, which weir.service gives, or a ListenStream= in weir.socket; or choose a higher port".to_string()
        }
        io::ErrorKind::AddrNotAvailable => format!(
            "no interface of this machine has the address {}; where it comes and goes (VRRP), bind 0.0.0.0, or write free-bind = true",
            address.ip()
        ),
        _ => String::new(),
    }
}
