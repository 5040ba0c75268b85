//! The addresses of the demo. All are on loopback. If a wanted port is busy, another one is taken.

use std::io::Result;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use crate::config::LONGEST_SOCKET;

/// The addresses and files that the lines to try, the configuration and the client need.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) http: SocketAddr,
    pub(super) https: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) socket: PathBuf,
    /// The nodes' ports.
    pub(super) nodes: NodePorts,
    pub(super) directory: PathBuf,
    /// The authority's certificate.
    pub(super) authority: PathBuf,
}

/// The ports that stand for 8280, 8243 and 9443.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodePorts {
    pub(super) http: u16,
    pub(super) https: u16,
    pub(super) console: u16,
}

impl NodePorts {
    /// WSO2's own ports, moved up as its `Offset` would.
    pub(super) fn moved(offset: u16) -> Self {
        Self { http: 18280 + offset, https: 18243 + offset, console: 19443 + offset }
    }
}

/// The nodes of the guide. Linux answers on all of 127.0.0.0/8, so all nodes can have the same ports.
pub(super) const NODES: [(&str, IpAddr); 3] =
    [("worker1", loopback(1)), ("worker2", loopback(2)), (MANAGER, loopback(3))];

/// The one node that is no worker.
pub(super) const MANAGER: &str = "manager";

const fn loopback(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

/// Where the admin socket is: in the demo's directory, unless the path of that is too long for a socket.
pub(super) fn socket(directory: &Path) -> PathBuf {
    let socket = directory.join("admin.sock");
    if socket.as_os_str().len() <= LONGEST_SOCKET {
        return socket;
    }
    std::env::temp_dir().join(format!("weir-demo-{}.sock", std::process::id()))
}

/// Free addresses. Each has the wanted port, or the next free one above it.
pub(super) fn free(wanted: [u16; 3]) -> Result<[SocketAddr; 3]> {
    // All are kept bound until all are found, so that none is found twice.
    let [first, second, third] = wanted.map(bind_near);
    let (first, second, third) = (first?, second?, third?);
    Ok([first.local_addr()?, second.local_addr()?, third.local_addr()?])
}

fn bind_near(wanted: u16) -> Result<TcpListener> {
    let near = (wanted..wanted.saturating_add(20)).find_map(|port| TcpListener::bind((loopback(1), port)).ok());
    near.map_or_else(|| TcpListener::bind((loopback(1), 0)), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_stepped_over() {
        let busy = TcpListener::bind((loopback(1), 0)).unwrap();
        let wanted = busy.local_addr().unwrap().port();
        let [first, second, third] = free([wanted; 3]).unwrap().map(|address| address.port());
        assert!(first != wanted && second != first && third != second && third != first && third != wanted);
    }
}
