//! Reads `[admin]` and `[metrics]`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::hosts;
use crate::config::model::{Admin, AdminSocket, LONGEST_SOCKET, MetricsAddress};
use crate::config::server::listeners::{ADMIN, Binds};
use crate::config::server::{admin_tls, admin_tokens};
use crate::config::text::errors::{Place, Wrong};
use crate::config::text::section::Section;
use crate::config::values::addresses;
use crate::config::values::pairs::Judging;

/// What holds when the file says nothing.
pub(crate) fn default() -> Admin {
    Admin {
        bind: ADMIN,
        socket: AdminSocket::Default,
        hosts: Vec::new(),
        tokens: Vec::new(),
        tls: None,
        certificates: Vec::new(),
        at: Place::default(),
    }
}

/// Reads `[admin]`, or takes the defaults.
pub(crate) fn read(main: &Section<'_>, binds: &mut Binds, judging: Judging<'_>) -> Admin {
    let Some(written) = main.section("admin", "admin") else {
        binds.take_admin(ADMIN, main.whole());
        return Admin { at: main.whole(), ..default() };
    };
    let bind = written.parsed("bind", addresses::bind).unwrap_or(ADMIN);
    let at = written.place_of("bind");
    binds.take_admin(bind, at.clone());
    let hosts = written.texts("hosts").unwrap_or_default();
    let hosts: Vec<_> = hosts.iter().filter_map(|text| text.parsed(hosts::authority)).collect();
    let tls = admin_tls::read(&written, &hosts, judging);
    let admin = Admin {
        bind,
        socket: read_socket(&written).unwrap_or_default(),
        hosts,
        tokens: admin_tokens::read(&written),
        tls,
        certificates: admin_tls::certificates(&written),
        at,
    };
    if !bind.ip().to_canonical().is_loopback() {
        judge_open(&admin, &written);
    }
    admin
}

/// Judges an address that other machines reach.
fn judge_open(admin: &Admin, written: &Section<'_>) {
    let (bind, at) = (admin.bind, admin.at.clone());
    if admin.tokens.is_empty() && admin.certificates.is_empty() {
        let what = format!("bind: {bind} is reached from other machines, and nobody would have to show who they are");
        written.problems.error(at, what, OPEN_ADVICE);
    } else if !written.has("tls") {
        let what = format!("bind: {bind} is reached from other machines, and who is on the way can read the tokens");
        written.problems.warning(at, what, "write tls = { chain = \"…\", key = \"…\" } of [admin]");
    }
}

const OPEN_ADVICE: &str = "write \"127.0.0.1:9180\", or [[admin.token]] with name, file and may for each who may come, or \
                           tls with client-ca and [[admin.certificate]]; for metrics alone write [metrics] with bind";

/// Reads `[metrics]`, if there is one.
pub(crate) fn read_metrics(main: &Section<'_>, binds: &mut Binds) -> Option<MetricsAddress> {
    let metrics = main.section("metrics", "metrics")?;
    let bind = metrics.required_parsed("bind", addresses::bind)?;
    binds.take(bind, "[metrics]".to_owned(), &metrics);
    Some(MetricsAddress { bind, at: metrics.place_of("bind") })
}

fn read_socket(admin: &Section<'_>) -> Option<AdminSocket> {
    let socket = admin.parsed("socket", |text| socket(text, |path| admin.source.resolve(path)))?;
    if let Some(directory) = socket.as_deref().and_then(open_to_all) {
        let what = format!(
            "socket: everybody on this machine may write in {}, and so put a socket of their own in its place",
            directory.display()
        );
        admin.problems.warning(admin.place_of("socket"), what, PRIVATE_ADVICE);
    }
    Some(socket.map_or(AdminSocket::Off, |path| AdminSocket::At(path, admin.place_of("socket"))))
}

const PRIVATE_ADVICE: &str =
    "name a path in a directory that only Weir's user may write, such as \"/run/weir/admin.sock\"";

/// The directory on the way to a socket in which everybody could put another one in its place. In a directory with the sticky
/// bit, as /tmp, they can do so for the socket itself while no Weir runs, and not for a directory that is there.
fn open_to_all(socket: &Path) -> Option<&Path> {
    let open = |directory: &Path, allowed: u32| {
        fs::metadata(directory).is_ok_and(|about| about.mode() & 0o002 != 0 && about.mode() & allowed == 0)
    };
    let mut directories = socket.ancestors().skip(1).filter(|directory| !directory.as_os_str().is_empty());
    let own = directories.next()?;
    if open(own, 0) { Some(own) } else { directories.find(|directory| open(directory, STICKY)) }
}

const STICKY: u32 = 0o1000;

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

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_in_which_all_may_write_is_found() {
        let top = std::env::temp_dir().join(format!("weir-open-{}", std::process::id()));
        let inner = top.join("inner");
        fs::create_dir_all(&inner).unwrap();
        for (of_top, of_inner, expected) in [
            (0o755, 0o750, None),
            (0o755, 0o777, Some(&inner)),
            (0o755, 0o1777, Some(&inner)),
            (0o777, 0o750, Some(&top)),
            (0o1777, 0o750, None),
        ] {
            fs::set_permissions(&inner, Permissions::from_mode(of_inner)).unwrap();
            fs::set_permissions(&top, Permissions::from_mode(of_top)).unwrap();
            let socket = inner.join("admin.sock");
            assert_eq!(open_to_all(&socket), expected.map(PathBuf::as_path), "{of_top:o} {of_inner:o}");
        }
        fs::remove_dir_all(&top).unwrap();
    }
}
