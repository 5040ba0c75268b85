//! Reads `[admin]` and `[metrics]`.

use std::path::PathBuf;

use crate::config::hosts;
use crate::config::model::{Admin, AdminSocket, MetricsAddress};
use crate::config::server::admin_tokens;
use crate::config::server::listeners::{ADMIN, Binds};
use crate::config::text::errors::{Place, Wrong};
use crate::config::text::section::Section;
use crate::config::values::addresses;

/// The longest path of a unix socket: `sun_path` has 108 bytes, the last of which is zero.
const LONGEST_SOCKET: usize = 107;

/// What holds when the file says nothing.
pub(crate) fn default() -> Admin {
    Admin { bind: ADMIN, socket: AdminSocket::Default, hosts: Vec::new(), tokens: Vec::new(), at: Place::default() }
}

/// Reads `[admin]`, or takes the defaults.
pub(crate) fn read(main: &Section<'_>, binds: &mut Binds) -> Admin {
    let written = main.section("admin", "admin");
    let bind = written.as_ref().and_then(|admin| admin.parsed("bind", addresses::bind)).unwrap_or(ADMIN);
    let at = written.as_ref().map_or_else(|| main.whole(), |admin| admin.place_of("bind"));
    binds.take_admin(bind, at.clone());
    let hosts = written.as_ref().and_then(|admin| admin.texts("hosts")).unwrap_or_default();
    let hosts = hosts.iter().filter_map(|text| text.parsed(hosts::authority)).collect();
    let socket = written.as_ref().and_then(read_socket).unwrap_or_default();
    let tokens = written.as_ref().map(admin_tokens::read).unwrap_or_default();
    if !bind.ip().to_canonical().is_loopback() && tokens.is_empty() {
        let what = format!("bind: {bind} is reached from other machines, and nobody would have to show who they are");
        main.problems.error(at.clone(), what, OPEN_ADVICE);
    }
    Admin { bind, socket, hosts, tokens, at }
}

const OPEN_ADVICE: &str = "write \"127.0.0.1:9180\", or [[admin.token]] with name, file and may for each who may come; for \
                           metrics alone write [metrics] with bind";

/// Reads `[metrics]`, if there is one.
pub(crate) fn read_metrics(main: &Section<'_>, binds: &mut Binds) -> Option<MetricsAddress> {
    let metrics = main.section("metrics", "metrics")?;
    let bind = metrics.required_parsed("bind", addresses::bind)?;
    binds.take(bind, "[metrics]".to_owned(), &metrics);
    Some(MetricsAddress { bind, at: metrics.place_of("bind") })
}

fn read_socket(admin: &Section<'_>) -> Option<AdminSocket> {
    let socket = admin.parsed("socket", |text| socket(text, |path| admin.source.resolve(path)))?;
    Some(socket.map_or(AdminSocket::Off, |path| AdminSocket::At(path, admin.place_of("socket"))))
}

/// The path of a socket. `None` where there is to be none.
pub(crate) fn socket(text: &str, resolve: impl FnOnce(&str) -> PathBuf) -> Result<Option<PathBuf>, Wrong> {
    if matches!(text, "" | "off") {
        return Ok(None);
    }
    let path = resolve(text);
    if path.as_os_str().len() > LONGEST_SOCKET {
        let what = format!("{} is longer than {LONGEST_SOCKET} bytes", path.display());
        return Err(Wrong::new(what, "unix sockets have short paths: write \"/run/weir/admin.sock\""));
    }
    Ok(Some(path))
}
