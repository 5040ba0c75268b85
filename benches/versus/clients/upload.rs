//! Large uploads, one after the other on each of two connections.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{answer, block_on};
use crate::load::Load;
use crate::result::Result;

const CONNECTIONS: usize = 2;
const PIECE: usize = 256 << 10;

/// Uploads of so many bytes; none is begun after so many seconds, and each connection does at least one.
pub(crate) fn run(port: u16, size: usize, seconds: u64) -> Result<Load> {
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds);
    let (mut latencies, mut errors, mut complaint) = (Vec::new(), 0, String::new());
    block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..CONNECTIONS {
            tasks.spawn(uploads(port, size, until));
        }
        while let Some(ended) = tasks.join_next().await {
            match ended.map_err(io::Error::other).and_then(|outcome| outcome) {
                Ok(micros) => latencies.extend(micros),
                Err(error) => {
                    errors += 1;
                    complaint = error.to_string();
                }
            }
        }
    })?;
    Ok(Load { errors, complaint, ..Load::of(latencies, begun.elapsed().as_secs_f64()) })
}

async fn uploads(port: u16, size: usize, until: Instant) -> io::Result<Vec<u32>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let head = format!("POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n\r\n");
    let piece = vec![b'x'; PIECE];
    let mut held = Vec::with_capacity(4 << 10);
    let mut micros = Vec::new();
    while micros.is_empty() || Instant::now() < until {
        let begun = Instant::now();
        stream.write_all(head.as_bytes()).await?;
        let mut left = size;
        while left > 0 {
            let count = left.min(PIECE);
            stream.write_all(&piece[..count]).await?;
            left -= count;
        }
        answer(&mut stream, &mut held).await?;
        micros.push(begun.elapsed().as_micros() as u32);
    }
    Ok(micros)
}
