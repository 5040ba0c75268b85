//! The PROXY header with which a proxy in front says who its client is: read before all else that comes on a connection.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::wire::{Ends, LONGEST_PROXY_HEADER, ProxyHeader, read_proxy_header};

/// How long the header may take. It is the first that a proxy sends, and a lost packet comes again within 3 s.
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// How much is read at once.
const STEP: usize = 512;

/// What a proxy has said, and what came behind it.
pub(super) struct Introduction {
    /// The client and where it connected to; none: the proxy speaks for itself.
    pub(super) ends: Option<Ends>,
    pub(super) early: Vec<u8>,
}

/// Why there is none.
pub(super) enum NoIntroduction {
    /// The connection was closed before the first byte, as by health checks that only connect.
    Left,
    /// Not that, or not in time.
    Wrong(&'static str),
}

/// Reads the header. The caller sets the deadline.
pub(super) async fn read(stream: &TcpStream) -> Result<Introduction, NoIntroduction> {
    let mut came = Vec::with_capacity(STEP);
    loop {
        let read = match stream.readable().await {
            Ok(()) => {
                came.reserve(STEP);
                stream.try_read_buf(&mut came)
            }
            Err(error) => Err(error),
        };
        match read {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Ok(_) | Err(_) if came.is_empty() => return Err(NoIntroduction::Left),
            Ok(_) | Err(_) => return Err(NoIntroduction::Wrong("the connection ended within it")),
        }
        match read_proxy_header(&came) {
            ProxyHeader::Whole(length, ends) => return Ok(Introduction { ends, early: came.split_off(length) }),
            ProxyHeader::Wrong(why) => return Err(NoIntroduction::Wrong(why)),
            ProxyHeader::Partial if came.len() > LONGEST_PROXY_HEADER => {
                return Err(NoIntroduction::Wrong("it is longer than 4096 bytes"));
            }
            ProxyHeader::Partial => {}
        }
    }
}
