//! `[shared]`: what this machine has in common with the others that serve the same hosts.

use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use rustix::system::uname;

use super::secret_file::{self, SecretFile};
use crate::config::hosts;
use crate::config::model::{Password, Shared, SharedSecret, Stores};
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::words::quoted;
use crate::config::values::node_tls;

/// The most servers. Each is sent everything.
const MOST: usize = 8;
/// The port of Valkey and Redis.
const PORT: u16 = 6379;
/// The longest prefix of keys.
const LONGEST: usize = 64;
/// The longest that a request waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads the table of the main file. Without one this machine has nothing in common with another.
pub(crate) fn read(main: &Section<'_>, now: SystemTime) -> Option<Shared> {
    let section = main.section("shared", "shared")?;
    let place = SecretFile::of(&section, "secret", "secret");
    let secret = place.read(&section, "secret").and_then(|word| digest(&SHA256, &word).as_ref().try_into().ok());
    let stores = stores(&section, now);
    Some(Shared { secret: secret.map(SharedSecret), file: place.file, stores, at: section.at() })
}

fn stores(section: &Section<'_>, now: SystemTime) -> Option<Stores> {
    let servers = servers(section);
    let stores = Stores {
        name: section.parsed("name", machine).unwrap_or_else(|| uname().nodename().to_string_lossy().into()),
        servers: servers.clone().unwrap_or_default(),
        user: section.parsed("user", word),
        password: password(section),
        tls: section.section("tls", "shared.tls").map(|tls| node_tls::read(&tls, now, "shared.tls.certificate")),
        database: section.integer::<u16>("database").into(),
        prefix: section.parsed("prefix", prefix).unwrap_or_else(|| "weir".into()),
        timeout: no_longer_than(section, "timeout"),
        connect_timeout: section.duration("connect-timeout"),
        confirm: no_longer_than(section, "confirm"),
    };
    if servers.is_none() {
        let keys = ["name", "user", "password", "tls", "database", "prefix", "timeout", "connect-timeout", "confirm"];
        section.no_effect(&keys, "without servers", "write servers = [\"10.0.0.11:6379\", \"10.0.0.12:6379\"]");
        return None;
    }
    let is_own = |server: &Arc<str>| {
        server.starts_with("127.") || server.starts_with("[::1]") || server.starts_with("localhost:")
    };
    if !stores.servers.is_empty() && stores.servers.iter().all(is_own) {
        let what = "servers: all of them are on this machine, so another one asks others, and nothing is shared";
        let advice = "write the addresses by which both machines reach them, the same list on both";
        section.problems.warning(section.place_of("servers"), what, advice);
    }
    if stores.user.is_some() && stores.password.is_none() {
        section.refuse(
            "user",
            "user: a user has a password",
            "name the file with it: password = \"/etc/weir/store.password\"",
        );
    }
    Some(stores)
}

fn servers(section: &Section<'_>) -> Option<Vec<Arc<str>>> {
    let written = section.texts("servers")?;
    if written.is_empty() {
        section.refuse("servers", "servers: the list is empty", "name one, or leave the key out");
    }
    let mut all: Vec<Arc<str>> = Vec::new();
    for text in written {
        let Some(server) = text.parsed(server) else { continue };
        if all.contains(&server) {
            text.refuse(format!("{} is written twice", quoted(&server)), "each server has everything once");
        } else if all.len() == MOST {
            text.refuse(format!("there are more than {MOST} servers"), "two or three are enough: each has everything");
            break;
        } else {
            all.push(server);
        }
    }
    Some(all)
}

/// `HOST:PORT`, in lower case; without a port that of Valkey.
fn server(text: &str) -> Result<Arc<str>, Wrong> {
    let wrong = |what: &str| Wrong::new(format!("{} {what}", quoted(text)), "write \"10.0.0.11:6379\"");
    if let Some((scheme, _)) = text.split_once("://") {
        let secure = if scheme == "rediss" { "; TLS is written as tls = { verify = … }" } else { "" };
        return Err(wrong(&format!("is a URL, and a host and a port belong here{secure}")));
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        let advice = format!("write \"[{text}]:{PORT}\": an IPv6 address stands in brackets");
        return Err(Wrong::new(format!("{} is no host and port", quoted(text)), advice));
    }
    hosts::field(text).map_err(|_| wrong("is no host and port"))?;
    let port = text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port.parse::<u16>());
    match port {
        None => Ok(format!("{}:{PORT}", text.to_ascii_lowercase()).into()),
        Some(Ok(1..)) => Ok(text.to_ascii_lowercase().into()),
        Some(_) => Err(wrong("has no port that there can be")),
    }
}

fn word(text: &str) -> Result<Arc<str>, Wrong> {
    if text.is_empty() || text.len() > 1000 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Wrong::new(format!("{} is no name of a user", quoted(text)), "write it as the server's ACL does"));
    }
    Ok(text.into())
}

fn machine(text: &str) -> Result<Arc<str>, Wrong> {
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let said = format!("{} is no name of a machine", quoted(text));
        return Err(Wrong::new(said, format!("write 1 to {LONGEST} visible characters, such as \"lb1\"")));
    }
    Ok(text.into())
}

/// What stands in each key before the name of the pool, which has no colon.
fn prefix(text: &str) -> Result<Arc<str>, Wrong> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(plain) {
        let said = format!("{} cannot begin a key", quoted(text));
        return Err(Wrong::new(said, format!("write 1 to {LONGEST} letters, digits and -_.: such as \"weir\"")));
    }
    Ok(text.into())
}

/// Servers may want passwords that are shorter than what Weir makes.
fn password(section: &Section<'_>) -> Option<Password> {
    let text = section.text("password")?;
    let file = section.named_file(text.text);
    secret_file::warn_of_readers(section, "password", (&file, "password"));
    let word = text.parsed(|_| secret_file::word(&file, "password", 1))?;
    String::from_utf8(word).ok().map(|word| Password(word.into()))
}

fn no_longer_than(section: &Section<'_>, key: &'static str) -> Duration {
    let time = section.duration(key);
    if time > PATIENCE {
        section.refuse(
            key,
            format!("{key}: a request would wait for that long"),
            "write 1s or less; 20ms is much in one house",
        );
    }
    time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_mostly_a_port() {
        for (text, expected) in [
            ("10.0.0.11", Some("10.0.0.11:6379")),
            ("10.0.0.11:6380", Some("10.0.0.11:6380")),
            ("Valkey1.Local", Some("valkey1.local:6379")),
            ("[fd00::1]", Some("[fd00::1]:6379")),
            ("[fd00::1]:7000", Some("[fd00::1]:7000")),
            ("fd00::1", None),
            ("10.0.0.11:0", None),
            ("10.0.0.11:70000", None),
            ("redis://10.0.0.11", None),
            ("a b", None),
            ("", None),
        ] {
            assert_eq!(server(text).ok().as_deref(), expected, "{text}");
        }
    }
}
