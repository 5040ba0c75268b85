//! A new TLS connection for each request, all with full handshakes or all resumed: which, is checked.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::HandshakeKind;
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio_rustls::TlsConnector;

use super::{ask, block_on, server, tls};
use crate::load::Load;
use crate::result::Result;
use crate::testbed::HOST;

/// Connections at once.
const AT_ONCE: usize = 32;

/// How the handshakes are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshakes {
    /// Each from scratch.
    Full,
    /// Each with the ticket of the one before.
    Resumed,
}

/// One at a time from each of several clients, for so long.
pub(crate) fn run(port: u16, kind: Handshakes, seconds: u64) -> Result<Load> {
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds);
    let clients = (0..AT_ONCE).map(|_| Client::new(port, kind)).collect::<Result<Vec<_>>>()?;
    let tallies = block_on(LocalSet::new().run_until(async move {
        let tasks = clients.into_iter().map(|client| tokio::task::spawn_local(Rc::new(client).until(until)));
        let mut tallies = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            tallies.push(task.await.unwrap_or_default());
        }
        tallies
    }))?;
    let seconds = begun.elapsed().as_secs_f64();
    let errors = tallies.iter().map(|tally| tally.errors).sum();
    let others = tallies.iter().map(|tally| tally.others).sum::<usize>();
    let complaint = tallies.iter().find(|tally| tally.errors > 0).map(|tally| tally.complaint.clone());
    let load = Load::of(tallies.into_iter().flat_map(|tally| tally.micros).collect(), seconds);
    // A ticket key that is replaced meanwhile may cost a handshake here and there.
    if others as u64 * 100 > load.requests {
        return Err(format!("{others} of {} handshakes were not {kind:?}", load.requests));
    }
    Ok(Load { errors, complaint: complaint.unwrap_or_default(), ..load })
}

struct Client {
    port: u16,
    kind: Handshakes,
    connector: TlsConnector,
    server: rustls::pki_types::ServerName<'static>,
}

#[derive(Default)]
struct Tally {
    micros: Vec<u32>,
    others: usize,
    errors: u64,
    complaint: String,
}

impl Client {
    fn new(port: u16, kind: Handshakes) -> Result<Self> {
        let config = Arc::new(tls(kind == Handshakes::Resumed)?);
        Ok(Self { port, kind, connector: TlsConnector::from(config), server: server(HOST)? })
    }

    async fn until(self: Rc<Self>, until: Instant) -> Tally {
        let mut tally = Tally::default();
        let mut buffer = Vec::with_capacity(16 << 10);
        let mut is_first = self.kind == Handshakes::Resumed;
        while Instant::now() < until {
            let begun = Instant::now();
            match self.once(&mut buffer).await {
                // The first one brings the ticket.
                Ok(_) if is_first => is_first = false,
                Ok(kind) => {
                    tally.micros.push(begun.elapsed().as_micros() as u32);
                    tally.others += usize::from(kind != self.kind);
                }
                Err(error) => {
                    tally.errors += 1;
                    tally.complaint = error.to_string();
                }
            }
        }
        tally
    }

    async fn once(&self, buffer: &mut Vec<u8>) -> io::Result<Handshakes> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let mut stream = self.connector.connect(self.server.clone(), stream).await?;
        let request = b"GET / HTTP/1.1\r\nHost: versus.test\r\nConnection: close\r\n\r\n";
        ask(&mut stream, request, buffer).await?;
        let kind = stream.get_ref().1.handshake_kind();
        Ok(if kind == Some(HandshakeKind::Resumed) { Handshakes::Resumed } else { Handshakes::Full })
    }
}
