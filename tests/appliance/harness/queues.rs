//! What the kernel holds of a connection, asked of the kernel (sock_diag(7)) for this one alone: a whole run leaves more than ten
//! thousand connections behind, and the table of /proc/net/tcp takes longer to read than a test may wait.

use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// Of struct nlmsghdr, which every message begins with.
const HEADER: usize = 16;

/// Bytes that wait at one end of a TCP connection, by its own address and the other end's: to be taken by the other end, and to be read
/// here. `None`: there is no such connection.
#[track_caller]
pub(crate) fn queues(own: SocketAddr, other: SocketAddr) -> Option<(u64, u64)> {
    let (SocketAddr::V4(own), SocketAddr::V4(other)) = (own, other) else { panic!("only IPv4 is asked for") };
    let kernel = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(SOCK_DIAG))
        .expect("a socket to the kernel");
    let answer = ask(&kernel, &question(own, other)).expect("the kernel answers");
    let word = |at: usize| u32::from_ne_bytes(answer[at..at + 4].try_into().expect("four bytes"));
    if answer[4..6] != SOCK_DIAG_BY_FAMILY.to_ne_bytes() {
        let error = word(HEADER).cast_signed();
        assert_eq!(error, -Errno::NOENT.raw_os_error(), "the kernel tells of its sockets (CONFIG_INET_DIAG)");
        return None;
    }
    // In struct inet_diag_msg what is to be read comes first.
    Some((word(HEADER + 60).into(), word(HEADER + 56).into()))
}

fn ask(kernel: &OwnedFd, question: &[u8]) -> rustix::io::Result<Vec<u8>> {
    let mut answer = vec![0; 4096];
    sendto(kernel, question, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let (length, _) = recv(kernel, &mut answer[..], RecvFlags::empty())?;
    answer.truncate(length);
    Ok(answer)
}

/// struct nlmsghdr with struct inet_diag_req_v2: the one connection between these addresses, whatever its state.
fn question(own: SocketAddrV4, other: SocketAddrV4) -> Vec<u8> {
    const LENGTH: u32 = 72;
    const NLM_F_REQUEST: u16 = 1;
    const AF_INET: u8 = 2;
    const IPPROTO_TCP: u8 = 6;
    let mut question = Vec::with_capacity(LENGTH as usize);
    question.extend(LENGTH.to_ne_bytes());
    question.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    question.extend(NLM_F_REQUEST.to_ne_bytes());
    question.extend([0; 8]);
    question.extend([AF_INET, IPPROTO_TCP, 0, 0]);
    question.extend(u32::MAX.to_ne_bytes());
    question.extend(own.port().to_be_bytes());
    question.extend(other.port().to_be_bytes());
    for address in [own, other] {
        question.extend(address.ip().octets());
        question.extend([0; 12]);
    }
    // Any interface, and no cookie.
    question.extend([0; 4]);
    question.extend([u8::MAX; 8]);
    question
}
