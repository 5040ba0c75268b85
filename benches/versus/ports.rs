//! Where a program listens, and how it is known that it answers there.

use std::thread;
use std::time::{Duration, Instant};

use crate::clients::once;
use crate::process::Process;
use crate::result::Result;
use crate::testbed::HOST;

/// Ports that each proxy, and the origins, may take.
pub(crate) const PORTS_EACH: u16 = 14;

/// How long a program may take to answer: a proxy with thousands of sites reads long.
const PATIENCE: Duration = Duration::from_secs(180);

/// All of them, on 127.0.0.1.
pub(crate) struct Ports {
    /// HTTP to HTTP.
    pub(crate) http: u16,
    /// HTTPS to HTTPS, sticky.
    pub(crate) https: u16,
    /// HTTPS, HTTP/2 too, to HTTP.
    pub(crate) edge: u16,
    /// HTTP to the upload server.
    pub(crate) upload: u16,
}

impl Ports {
    /// Four from this one on.
    pub(crate) const fn from(first: u16) -> Self {
        Self { http: first, https: first + 1, edge: first + 2, upload: first + 3 }
    }

    fn all(&self) -> [u16; 4] {
        [self.http, self.https, self.edge, self.upload]
    }
}

/// Waits until all ports answer 200.
pub(crate) fn wait_for(process: &mut Process, ports: &Ports) -> Result<()> {
    let begun = Instant::now();
    for port in ports.all() {
        let tls = port == ports.https || port == ports.edge;
        loop {
            process.alive()?;
            let asked = if tls { once::https(port, HOST, "/") } else { once::http(port, "/") };
            match asked {
                Ok(answer) if answer.status == 200 => break,
                _ if begun.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(2)),
                Ok(answer) => return Err(format!("port {port} answers {}; {}", answer.status, process.last_words())),
                Err(error) => return Err(format!("port {port}: {error}; {}", process.last_words())),
            }
        }
    }
    Ok(())
}
