//! Many connections that asked once and then say nothing, held open until dropped.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{ask, runtime, server, tls};
use crate::result::Result;
use crate::testbed::HOST;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: versus.test\r\n\r\n";

/// The connections, and the runtime that they belong to.
#[derive(Default)]
pub(crate) struct IdleConnections {
    plain: Vec<TcpStream>,
    tls: Vec<TlsStream<TcpStream>>,
    runtime: Option<Runtime>,
}

impl IdleConnections {
    /// Opens so many, one after the other, so that nothing but they themselves is measured; each is answered once.
    pub(crate) fn open(port: u16, count: usize, is_tls: bool) -> Result<Self> {
        let runtime = runtime()?;
        let connector = TlsConnector::from(Arc::new(tls(false)?));
        let server = server(HOST)?;
        let mut held = Self::default();
        let mut room = Vec::with_capacity(4 << 10);
        let opened = runtime.block_on(async {
            for _ in 0..count {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
                stream.set_nodelay(true)?;
                if is_tls {
                    let mut stream = connector.connect(server.clone(), stream).await?;
                    ask(&mut stream, REQUEST, &mut room).await?;
                    held.tls.push(stream);
                } else {
                    ask(&mut stream, REQUEST, &mut room).await?;
                    held.plain.push(stream);
                }
            }
            Ok::<_, std::io::Error>(())
        });
        let so_far = held.plain.len() + held.tls.len();
        opened.map_err(|error| format!("connection {} of {count}: {error}", so_far + 1))?;
        held.runtime = Some(runtime);
        Ok(held)
    }

    /// Asks once more on each, and says which of them was closed meanwhile.
    pub(crate) fn still_answer(&mut self) -> Result<()> {
        let mut room = Vec::with_capacity(4 << 10);
        let runtime = self.runtime.as_ref().ok_or("nothing is held")?;
        let asked = runtime.block_on(async {
            for stream in &mut self.plain {
                ask(stream, REQUEST, &mut room).await?;
            }
            for stream in &mut self.tls {
                ask(stream, REQUEST, &mut room).await?;
            }
            Ok::<_, std::io::Error>(())
        });
        asked.map_err(|error| format!("an idle connection was not kept: {error}"))
    }
}
