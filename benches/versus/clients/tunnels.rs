//! WebSocket tunnels that each send a message, wait for its echo, and send the next.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::{ask, runtime};
use crate::load::Load;
use crate::result::Result;

const UPGRADE: &[u8] = b"GET /socket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A text frame of 64 bytes, masked with zeros.
const FRAME: &[u8; 70] = b"\x81\xC0\0\0\0\0a message of sixty-four bytes, which the node sends back as it c";

/// How long one echo may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Open tunnels.
pub(crate) struct Tunnels {
    runtime: Runtime,
    streams: Vec<TcpStream>,
}

impl Tunnels {
    /// Opens so many.
    pub(crate) fn open(port: u16, count: usize) -> Result<Self> {
        let runtime = runtime()?;
        let mut streams = Vec::with_capacity(count);
        let opened = runtime.block_on(async {
            let mut held = Vec::with_capacity(4 << 10);
            for _ in 0..count {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
                stream.set_nodelay(true)?;
                ask(&mut stream, UPGRADE, &mut held).await?;
                if !held.starts_with(b"HTTP/1.1 101") {
                    return Err(io::Error::other("no 101"));
                }
                streams.push(stream);
            }
            Ok(())
        });
        opened.map_err(|error| format!("tunnel {} of {count}: {error}", streams.len() + 1))?;
        Ok(Self { runtime, streams })
    }

    /// Echoes through all of them for so long.
    pub(crate) fn echo(self, seconds: u64) -> Result<Load> {
        let begun = Instant::now();
        let until = begun + Duration::from_secs(seconds);
        let mut latencies = Vec::new();
        let (mut errors, mut complaint) = (0, String::new());
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for stream in self.streams {
                tasks.spawn(echo(stream, until));
            }
            while let Some(ended) = tasks.join_next().await {
                let (micros, outcome) = ended.unwrap_or_default();
                latencies.extend(micros);
                if let Some(error) = outcome {
                    errors += 1;
                    complaint = error;
                }
            }
        });
        Ok(Load { errors, complaint, ..Load::of(latencies, begun.elapsed().as_secs_f64()) })
    }
}

async fn echo(mut stream: TcpStream, until: Instant) -> (Vec<u32>, Option<String>) {
    let mut micros = Vec::new();
    let mut back = [0; FRAME.len()];
    while Instant::now() < until {
        let begun = Instant::now();
        let exchange = async {
            stream.write_all(FRAME).await?;
            stream.read_exact(&mut back).await
        };
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(Ok(_)) if back == *FRAME => micros.push(begun.elapsed().as_micros() as u32),
            Ok(Ok(_)) => return (micros, Some("an echo is not what was sent".to_owned())),
            Ok(Err(error)) => return (micros, Some(error.to_string())),
            Err(_) => return (micros, Some("no echo".to_owned())),
        }
    }
    (micros, None)
}
