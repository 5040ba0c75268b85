//! A small DNS server for tests: UDP on loopback. A test sets its answers and counts its questions.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The answer for a name, to questions for either family.
#[derive(Clone, Debug)]
pub(super) enum Says {
    /// These addresses, as far as they are of the family asked for, with this TTL.
    Addresses(Vec<IpAddr>, u32),
    /// A CNAME for this name, which has these addresses.
    Alias(&'static str, Vec<IpAddr>, u32),
    /// An error code: 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
    Code(u8),
    /// The first for questions for IPv4, the second for questions for IPv6.
    Each(Box<Self>, Box<Self>),
    /// No answer at all.
    Nothing,
}

#[derive(Default)]
struct Script {
    /// The answer for each name, and how often it was asked for.
    lines: Mutex<HashMap<String, (Says, usize)>>,
    asked: Notify,
}

/// The server ends when this is dropped.
pub(super) struct Stub {
    pub(super) address: SocketAddr,
    script: Arc<Script>,
    task: JoinHandle<()>,
}

impl Stub {
    /// Starts a server that knows no name yet.
    pub(super) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (address, script) = (socket.local_addr().unwrap(), Arc::<Script>::default());
        let task = tokio::spawn(serve(socket, Arc::clone(&script)));
        Self { address, script, task }
    }

    /// Sets the answer for a name.
    pub(super) fn says(&self, name: &str, says: Says) {
        self.script.lines.lock().unwrap().entry(name.to_string()).or_insert((Says::Nothing, 0)).0 = says;
    }

    /// The number of questions for this name so far, of both families.
    pub(super) fn asked(&self, name: &str) -> usize {
        self.script.lines.lock().unwrap().get(name).map_or(0, |(_, count)| *count)
    }

    /// Waits until the server was asked for this name so often.
    pub(super) async fn heard(&self, name: &str, times: usize) {
        loop {
            let next = self.script.asked.notified();
            if self.asked(name) >= times {
                return;
            }
            next.await;
        }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, script: Arc<Script>) {
    let mut packet = [0; 1500];
    while let Ok((length, client)) = socket.recv_from(&mut packet).await {
        let Some((name, family, end)) = question(&packet[..length]) else { continue };
        let says = match script.lines.lock().unwrap().get_mut(&name) {
            Some((says, count)) => {
                *count += 1;
                says.clone()
            }
            None => Says::Code(3),
        };
        script.asked.notify_waiters();
        if let Some(reply) = reply(&packet[..end], &says, family) {
            socket.send_to(&reply, client).await.unwrap();
        }
    }
}

const IPV4: u16 = 1;
const IPV6: u16 = 28;

/// The name in the question without its last dot, the type, and where the question ends.
fn question(packet: &[u8]) -> Option<(String, u16, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let family = u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]);
    Some((labels.join("."), family, at + 4))
}

/// `asked` is the packet up to the end of its question.
fn reply(asked: &[u8], says: &Says, family: u16) -> Option<Vec<u8>> {
    let (code, records) = match says {
        Says::Nothing => return None,
        Says::Each(ipv4, ipv6) => return reply(asked, if family == IPV6 { ipv6 } else { ipv4 }, family),
        Says::Code(code) => (*code, Vec::new()),
        // 0xC00C points at the name in the question.
        Says::Addresses(addresses, ttl) => (0, hosts(&[0xC0, 12], addresses, *ttl, family)),
        Says::Alias(name, addresses, ttl) => {
            let mut records = vec![record(&[0xC0, 12], 5, *ttl, &spelled(name))];
            records.extend(hosts(&spelled(name), addresses, *ttl, family));
            (0, records)
        }
    };
    let mut reply = asked.to_vec();
    // Flags: an answer, recursion desired and available.
    reply[2..4].copy_from_slice(&[0x81, 0x80 | code]);
    reply[6..12].copy_from_slice(&[0, records.len() as u8, 0, 0, 0, 0]);
    reply.extend(records.concat());
    Some(reply)
}

fn hosts(name: &[u8], addresses: &[IpAddr], ttl: u32, family: u16) -> Vec<Vec<u8>> {
    let of_family = addresses.iter().filter(|address| address.is_ipv6() == (family == IPV6));
    of_family
        .map(|address| match address {
            IpAddr::V4(address) => record(name, IPV4, ttl, &address.octets()),
            IpAddr::V6(address) => record(name, IPV6, ttl, &address.octets()),
        })
        .collect()
}

fn record(name: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let class = 1_u16;
    let length = data.len() as u16;
    [name, &kind.to_be_bytes(), &class.to_be_bytes(), &ttl.to_be_bytes(), &length.to_be_bytes(), data].concat()
}

fn spelled(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}
