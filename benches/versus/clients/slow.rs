//! Clients that ask for 256 KiB and read a kilobyte a second of it, with segments as on an Ethernet: with the 64 KiB ones
//! of loopback the kernel would hold the whole answer, and no proxy had anything to do.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::runtime;
use crate::result::Result;

const REQUEST: &[u8] = b"GET /slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

/// As little as the kernel allows to be under way, so that it is the proxy that holds the rest.
const RECEIVE_BUFFER: usize = 4 << 10;
const SEGMENT: u32 = 1448;

/// How long one of them may wait for its kilobyte.
const PATIENCE: Duration = Duration::from_secs(15);

/// Slow clients.
pub(crate) struct Slow {
    runtime: Runtime,
    streams: Vec<TcpStream>,
}

impl Slow {
    /// Connects and asks, so many times.
    pub(crate) fn open(port: u16, count: usize) -> Result<Self> {
        let runtime = runtime()?;
        let mut streams = Vec::with_capacity(count);
        let opened = runtime.block_on(async {
            for _ in 0..count {
                let mut stream = TcpStream::from_std(socket(port)?)?;
                stream.write_all(REQUEST).await?;
                stream.readable().await?;
                streams.push(stream);
            }
            Ok::<_, io::Error>(())
        });
        opened.map_err(|error| format!("slow client {} of {count}: {error}", streams.len() + 1))?;
        Ok(Self { runtime, streams })
    }

    /// Reads a kilobyte a second from each until told to stop. An answer that ends early is an error.
    pub(crate) fn read_until(&mut self, stop: &AtomicBool) -> Result<()> {
        let streams = &mut self.streams;
        self.runtime.block_on(async {
            let mut kilobyte = [0; 1024];
            while !stop.load(Ordering::Relaxed) {
                let pause = tokio::time::sleep(Duration::from_secs(1));
                for stream in streams.iter_mut() {
                    let read = tokio::time::timeout(PATIENCE, stream.read(&mut kilobyte)).await;
                    let read = read.map_err(|_| "a slow client gets nothing".to_owned())?;
                    if read.map_err(|error| format!("a slow client: {error}"))? == 0 {
                        return Err("the answer of a slow client was cut short".to_owned());
                    }
                }
                tokio::pin!(pause);
                while !stop.load(Ordering::Relaxed) && !pause.is_elapsed() {
                    let _ = tokio::time::timeout(Duration::from_millis(20), pause.as_mut()).await;
                }
            }
            Ok(())
        })
    }
}

fn socket(port: u16) -> io::Result<std::net::TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_tcp_mss(SEGMENT)?;
    socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
