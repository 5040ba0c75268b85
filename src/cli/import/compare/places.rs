//! Where the old nginx and the new Weir are asked: for each listener of the import one address of each.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// The URL of the old nginx, such as `http://10.0.0.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OldUrl {
    secure: bool,
    host: String,
    port: Option<u16>,
}

impl FromStr for OldUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form =
            "write the scheme and the address of the old nginx, such as http://10.0.0.1 or https://10.0.0.1:8243";
        let uri = text.parse::<http::Uri>().map_err(|_| form.to_owned())?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(form.to_owned()),
        };
        if uri.path() != "/" || uri.query().is_some() {
            return Err(format!("{} is no part of it: {form}", uri.path()));
        }
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        Ok(Self { secure, host, port: uri.port_u16() })
    }
}

/// A listener of the import.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub(super) name: String,
    /// What nginx listens on.
    pub(super) bind: SocketAddr,
    pub(super) secure: bool,
    /// Where the old one is asked. `None`: it cannot be reached by the address that was given.
    pub(super) old: Option<SocketAddr>,
    pub(super) new: SocketAddr,
}

/// Where the old one listens.
#[derive(Debug)]
pub(super) struct Old {
    address: IpAddr,
    /// For listeners without TLS and for those with it: another place than that of the file.
    instead: [Option<SocketAddr>; 2],
}

impl Old {
    pub(super) fn new(url: &OldUrl, tls: Option<&str>) -> Result<Self, String> {
        let address = resolved(&format!("{}:{}", bracketed(&url.host), url.port.unwrap_or(0)))?;
        let mut instead = [None, None];
        instead[usize::from(url.secure)] = url.port.map(|_| address);
        if let Some(tls) = tls {
            let form = "--compare-tls takes ADDRESS:PORT, such as 10.0.0.1:8443";
            tls.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).ok_or(form)?;
            instead[1] = Some(resolved(tls)?);
        }
        Ok(Self { address: address.ip(), instead })
    }

    /// Puts the old one's place into each door.
    pub(super) fn place(&self, doors: &mut [Door]) -> Result<(), String> {
        for secure in [false, true] {
            let ports: HashSet<_> =
                doors.iter().filter(|door| door.secure == secure).map(|door| door.bind.port()).collect();
            if self.instead[usize::from(secure)].is_some() && ports.len() > 1 {
                let scheme = if secure { "https" } else { "http" };
                return Err(format!("nginx has {} ports for {scheme}: name the old one without a port", ports.len()));
            }
        }
        let shared: Vec<u16> = doors.iter().filter(|door| door.bind.is_ipv4()).map(|door| door.bind.port()).collect();
        for door in doors {
            let instead = self.instead[usize::from(door.secure)];
            // Where two addresses of the machine have the port, it takes the address to tell them apart.
            let several = shared.iter().filter(|port| **port == door.bind.port()).count() > 1;
            let own = !door.bind.ip().is_unspecified() && (several || door.bind.ip().is_loopback());
            door.old = match instead {
                Some(place) => Some(place),
                None if own => Some(door.bind),
                None if door.bind.is_ipv6() && self.address.is_ipv4() => None,
                None => Some(SocketAddr::new(self.address, door.bind.port())),
            };
        }
        Ok(())
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn resolved(place: &str) -> Result<SocketAddr, String> {
    let mut found = place.to_socket_addrs().map_err(|error| format!("{place}: {error}"))?;
    found.next().ok_or_else(|| format!("{place} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(bind: &str, secure: bool) -> Door {
        Door { name: bind.to_owned(), bind: bind.parse().unwrap(), secure, old: None, new: ([127, 0, 0, 1], 1).into() }
    }

    fn placed(url: &str, tls: Option<&str>, binds: &[(&str, bool)]) -> Result<Vec<String>, String> {
        let mut doors: Vec<_> = binds.iter().map(|(bind, secure)| door(bind, *secure)).collect();
        Old::new(&url.parse()?, tls)?.place(&mut doors)?;
        Ok(doors.iter().map(|door| door.old.map_or("-".to_owned(), |old| old.to_string())).collect())
    }

    #[test]
    fn the_old_one_is_where_its_file_listens() {
        let both = [("0.0.0.0:80", false), ("0.0.0.0:443", true)];
        assert_eq!(placed("http://10.0.0.1", None, &both).unwrap(), ["10.0.0.1:80", "10.0.0.1:443"]);
        assert_eq!(placed("http://10.0.0.1:8080", None, &both).unwrap(), ["10.0.0.1:8080", "10.0.0.1:443"]);
        let tls = placed("http://10.0.0.1/", Some("10.0.0.9:8443"), &both).unwrap();
        assert_eq!(tls, ["10.0.0.1:80", "10.0.0.9:8443"]);
        let own = [("10.0.0.2:80", false), ("10.0.0.3:80", false), ("127.0.0.1:81", false), ("[::]:82", false)];
        assert_eq!(placed("http://10.0.0.1", None, &own).unwrap(), ["10.0.0.2:80", "10.0.0.3:80", "127.0.0.1:81", "-"]);
        let several = [("0.0.0.0:80", false), ("0.0.0.0:81", false)];
        assert!(placed("http://10.0.0.1:8080", None, &several).unwrap_err().contains("without a port"));
        for url in ["10.0.0.1", "ftp://10.0.0.1", "http://10.0.0.1/x"] {
            assert!(placed(url, None, &both).unwrap_err().contains("such as http://10.0.0.1"), "{url}");
        }
        assert!(placed("http://10.0.0.1", Some("10.0.0.1"), &both).unwrap_err().contains("ADDRESS:PORT"));
    }
}
