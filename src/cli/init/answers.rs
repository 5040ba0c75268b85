//! What `weir init` must know of a cluster, and how it is written. Common mistakes are explained.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::cli::cert;

/// All answers.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    pub(super) esb_host: String,
    pub(super) mgt_host: String,
    pub(super) workers: Vec<Server>,
    pub(super) manager: Server,
    /// Without files a pair is made.
    pub(super) esb_files: Option<CertificateFiles>,
    pub(super) mgt_files: Option<CertificateFiles>,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub(super) struct CertificateFiles {
    pub(super) chain: PathBuf,
    pub(super) key: PathBuf,
}

/// One WSO2 server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    name: Option<String>,
    pub(super) address: String,
    /// The Offset of its carbon.xml.
    pub(super) offset: u16,
}

impl Server {
    /// Its port of this kind.
    pub(super) fn port(&self, usual: u16) -> u16 {
        usual.saturating_add(self.offset)
    }

    fn written(&self) -> String {
        if self.offset == 0 { self.address.clone() } else { format!("{}+{}", self.address, self.offset) }
    }
}

impl Answers {
    /// All servers with their names, the workers first.
    pub(super) fn servers(&self) -> Vec<(String, &Server)> {
        let name = |server: &Server, usual: String| server.name.clone().unwrap_or(usual);
        let workers = self.workers.iter().enumerate();
        let workers = workers.map(|(place, worker)| (name(worker, format!("worker{}", place + 1)), worker));
        workers.chain([(name(&self.manager, "manager".to_owned()), &self.manager)]).collect()
    }

    /// What no single answer shows: a server or a name that is given twice.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.esb_host == self.mgt_host {
            return Err(format!("services and console have the same host, {}: give each its own", self.esb_host));
        }
        let servers = self.servers();
        for (place, (name, server)) in servers.iter().enumerate() {
            for (other_name, other) in servers.iter().take(place) {
                if (&server.address, server.offset) == (&other.address, other.offset) {
                    let written = server.written();
                    return Err(format!(
                        "{other_name} and {name} are the same server, {written}: one of two on a machine has a port \
                         offset, as in {}+1",
                        server.address
                    ));
                }
                if name == other_name {
                    return Err(format!(
                        "two servers have the name {name}: write another one, as in other={}",
                        server.address
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A host name alone.
pub(super) fn host(text: &str) -> Result<String, String> {
    if let Some((_, rest)) = text.split_once("://") {
        let name = rest.split(['/', ':']).next().unwrap_or_default();
        return Err(format!("write the name alone, without scheme and path: {name}"));
    }
    if let Some((name, port)) = text.rsplit_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(format!("write the name alone, without a port: {name}"));
    }
    if text.parse::<IpAddr>().is_ok() || text.contains('*') {
        return Err("write one name, as in esb.wso2.com".to_owned());
    }
    cert::host(text)
}

/// Servers with blanks or commas between them.
pub(super) fn servers(text: &str) -> Result<Vec<Server>, String> {
    text.split([' ', ',', '\t']).filter(|part| !part.is_empty()).map(server).collect()
}

/// `[NAME=]ADDRESS[+OFFSET]`
pub(super) fn server(text: &str) -> Result<Server, String> {
    if let Some((_, rest)) = text.split_once("://") {
        let address = rest.split(['/', ':']).next().unwrap_or_default();
        return Err(format!("write the address alone, without a scheme: {address}"));
    }
    let (name, rest) = match text.split_once('=') {
        Some((name, rest)) => (Some(node_name(name)?), rest),
        None => (None, text),
    };
    let (address, offset) = match rest.split_once('+') {
        Some((address, offset)) => {
            let offset = offset.parse().ok().filter(|offset| *offset <= LARGEST_OFFSET);
            (address, offset.ok_or(format!("the offset after + is a number from 0 to {LARGEST_OFFSET}"))?)
        }
        None => (rest, 0),
    };
    Ok(Server { name, address: address_alone(address)?, offset })
}

fn address_alone(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    if let Some((address, port)) = text.rsplit_once(':') {
        let offset = port.parse::<u16>().ok().and_then(offset_of).unwrap_or(1);
        let or =
            if offset == 0 { String::new() } else { format!(", or {address}+{offset} if it has that port offset") };
        return Err(format!("write the address without a port: {address}{or}"));
    }
    if text.contains('*') {
        return Err(format!("{text:?} is no address"));
    }
    cert::host(text).map_err(|_| format!("{text:?} is no address: write 10.0.0.3, or a name"))
}

/// The port offset of a server that has this port.
fn offset_of(port: u16) -> Option<u16> {
    USUAL_PORTS.iter().filter_map(|usual| port.checked_sub(*usual)).min()
}

fn node_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let good = (1..=64).contains(&text.len()) && text.bytes().all(fits);
    if good { Ok(text.to_owned()) } else { Err(format!("{text:?} is no name for a node: letters, digits and dashes")) }
}

/// The ports of a WSO2 server without an offset: HTTP, HTTPS, and the management console.
pub(super) const USUAL_PORTS: [u16; 3] = [8280, 8243, 9443];
const LARGEST_OFFSET: u16 = u16::MAX - 9443;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_with_what_is_right() {
        for (text, expected) in [
            ("https://esb.wso2.com/", "without scheme and path: esb.wso2.com"),
            ("esb.wso2.com:443", "without a port: esb.wso2.com"),
            ("10.0.0.1", "one name"),
            ("*.wso2.com", "one name"),
            ("a b", "not a host name"),
        ] {
            assert!(host(text).is_err_and(|why| why.contains(expected)), "{text}: {:?}", host(text));
        }
        for (text, expected) in [
            ("http://10.0.0.3:8280", "without a scheme: 10.0.0.3"),
            ("10.0.0.3:8280", "without a port: 10.0.0.3"),
            ("10.0.0.3:8282", "10.0.0.3+2"),
            ("10.0.0.3:9444", "10.0.0.3+1"),
            ("10.0.0.3+x", "number"),
            ("10.0.0.3+60000", "number"),
            ("a b=10.0.0.3", "name for a node"),
            ("", "no address"),
            ("10.0.0.3/24", "no address"),
        ] {
            assert!(server(text).is_err_and(|why| why.contains(expected)), "{text}: {:?}", server(text));
        }
    }

    #[test]
    fn servers_are_read() {
        let read = |text: &str| server(text).map(|server| (server.name.clone(), server.written()));
        assert_eq!(read("10.0.0.3"), Ok((None, "10.0.0.3".into())));
        assert_eq!(read("w=node.example+2"), Ok((Some("w".into()), "node.example+2".into())));
        assert_eq!(read("[fd00::3]"), Ok((None, "fd00::3".into())));
        assert_eq!(servers(" 10.0.0.3, 10.0.0.4 ").map(|servers| servers.len()), Ok(2));
    }

    #[test]
    fn nothing_is_given_twice() {
        let answers = |workers: &str, manager: &str| Answers {
            esb_host: "esb.wso2.com".into(),
            mgt_host: "mgt.esb.wso2.com".into(),
            workers: servers(workers).unwrap(),
            manager: server(manager).unwrap(),
            esb_files: None,
            mgt_files: None,
        };
        assert_eq!(answers("10.0.0.3 10.0.0.4", "10.0.0.2").check(), Ok(()));
        assert_eq!(answers("10.0.0.3 10.0.0.3+1", "10.0.0.3+2").check(), Ok(()));
        for (workers, manager, expected) in [
            ("10.0.0.3 10.0.0.3", "10.0.0.2", "worker1 and worker2 are the same server"),
            ("10.0.0.3", "10.0.0.3", "worker1 and manager are the same server"),
            ("a=10.0.0.3 a=10.0.0.4", "10.0.0.2", "the name a"),
        ] {
            let told = answers(workers, manager).check();
            assert!(told.as_ref().is_err_and(|why| why.contains(expected)), "{told:?}");
        }
        let same = Answers { mgt_host: "esb.wso2.com".into(), ..answers("10.0.0.3", "10.0.0.2") };
        assert!(same.check().is_err_and(|why| why.contains("same host")));
    }
}
