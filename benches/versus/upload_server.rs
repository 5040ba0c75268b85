//! A node that reads every body whole before it answers, and after an upgrade echoes all it gets. One thread, a process
//! of its own, so that its work is measured apart from the load's.

use std::io;
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tungstenite::handshake::derive_accept_key;

use crate::clients::{self, field};
use crate::result::Result;

/// The argument with which this program runs as the upload server.
pub(crate) const ARGUMENT: &str = "--upload-server";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 70\r\n\r\n\
    a small answer, as a service gives it: seventy bytes, no more, no less";

/// Serves these ports until it is ended.
pub(crate) fn serve(ports: &[String]) -> Result<()> {
    clients::block_on(async {
        let mut last = None;
        for port in ports {
            let port = port.parse::<u16>().map_err(|error| format!("{port}: {error}"))?;
            let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| format!("{port}: {error}"))?;
            last = Some(tokio::spawn(accept(listener)));
        }
        match last {
            Some(task) => task.await.map_err(|error| error.to_string()),
            None => Err("an upload server needs ports".to_owned()),
        }
    })?
}

async fn accept(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(async move {
                    let _ = connection(stream).await;
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 256 << 10];
    let mut filled = 0;
    loop {
        let Some(end) = memmem::find(&buffer[..filled], b"\r\n\r\n") else {
            let count = stream.read(&mut buffer[filled..]).await?;
            if count == 0 {
                return Ok(());
            }
            filled += count;
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.copy_within(end + 4..filled, 0);
        filled -= end + 4;
        if let Some(key) = field(&head, "sec-websocket-key") {
            return tunnel(stream, key, buffer, filled).await;
        }
        let length = field(&head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        filled = body(&mut stream, &mut buffer, filled, length).await?;
        stream.write_all(ANSWER).await?;
    }
}

/// Reads a body to its end, and returns how much of what follows it is in `buffer`.
async fn body(stream: &mut TcpStream, buffer: &mut [u8], filled: usize, length: usize) -> io::Result<usize> {
    if filled >= length {
        buffer.copy_within(length..filled, 0);
        return Ok(filled - length);
    }
    let mut missing = length - filled;
    while missing > 0 {
        let room = buffer.len().min(missing);
        match stream.read(&mut buffer[..room]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => missing -= count,
        }
    }
    Ok(0)
}

async fn tunnel(mut stream: TcpStream, key: &str, mut buffer: Vec<u8>, mut filled: usize) -> io::Result<()> {
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    buffer.truncate(filled.max(16 << 10));
    buffer.shrink_to_fit();
    loop {
        stream.write_all(&buffer[..filled]).await?;
        filled = stream.read(&mut buffer).await?;
        if filled == 0 {
            return Ok(());
        }
    }
}
