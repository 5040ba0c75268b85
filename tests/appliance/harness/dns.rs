//! A DNS server on loopback, over UDP, that says what a test tells it to. All names mean the same to it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What it says to every question.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    /// These addresses, to be asked for again after a second; none of IPv6.
    Addresses(Vec<Ipv4Addr>),
    /// It cannot say (SERVFAIL).
    Failure,
}

/// Nothing once the server is to end.
type Shared = Arc<Mutex<Option<Says>>>;

/// A server; it ends when it is dropped.
pub(crate) struct Dns {
    address: SocketAddr,
    says: Shared,
}

impl Dns {
    /// One that says this.
    pub(crate) fn saying(says: Says) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout can be set");
        let address = socket.local_addr().expect("a bound socket has an address");
        let says = Shared::new(Mutex::new(Some(says)));
        let own = says.clone();
        std::thread::spawn(move || serve(&socket, &own));
        Self { address, says }
    }

    /// Where it is, as `servers` wants it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it says from now on.
    pub(crate) fn says(&self, says: Says) {
        *lock(&self.says) = Some(says);
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        *lock(&self.says) = None;
    }
}

fn lock(says: &Shared) -> MutexGuard<'_, Option<Says>> {
    says.lock().expect("nobody panics while holding it")
}

fn serve(socket: &UdpSocket, shared: &Shared) {
    let mut packet = [0; 1500];
    loop {
        let came = socket.recv_from(&mut packet);
        let Some(says) = lock(shared).clone() else { return };
        let Ok((length, from)) = came else { continue };
        let Some(end) = end_of_question(&packet[..length]) else { continue };
        let ipv4 = packet[end - 4..end - 2] == [0, A];
        let _ = socket.send_to(&reply(&packet[..end], &says, ipv4), from);
    }
}

/// The type A, and the class IN.
const A: u8 = 1;

/// The name is labels with their lengths, ended by an empty one; type and class follow.
fn end_of_question(packet: &[u8]) -> Option<usize> {
    let mut at = 12;
    while *packet.get(at)? > 0 {
        at += 1 + usize::from(packet[at]);
    }
    (packet.len() >= at + 5).then_some(at + 5)
}

fn reply(question: &[u8], says: &Says, ipv4: bool) -> Vec<u8> {
    let (code, addresses): (u8, &[Ipv4Addr]) = match says {
        Says::Addresses(addresses) if ipv4 => (0, addresses),
        Says::Addresses(_) => (0, &[]),
        Says::Failure => (2, &[]),
    };
    let mut reply = question.to_vec();
    // An answer; recursion was desired and is available.
    reply[2..4].copy_from_slice(&[0x81, 0x80 | code]);
    let count = u8::try_from(addresses.len()).expect("few addresses");
    reply[6..12].copy_from_slice(&[0, count, 0, 0, 0, 0]);
    for address in addresses {
        // The name by a pointer to the question's, type, class, a second to live, four bytes.
        reply.extend([0xC0, 12, 0, A, 0, 1, 0, 0, 0, 1, 0, 4]);
        reply.extend(address.octets());
    }
    reply
}
