//! Reads the ClientHello of a connection and finds the site that it is for. Only for listeners that have a site with
//! `passthrough`: all others leave the hello to rustls.

use std::io;
use std::net::IpAddr;

use tokio::net::TcpStream;

use crate::proxy::generation::ListenerRef;
use crate::wire::{Greeting, HelloReader, MOST_READ};

/// How much is read at once: most hellos are shorter.
const STEP: usize = 4 * 1024;

/// A site that passes TLS through, and its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PassedSite {
    /// Index into the sites of the generation.
    pub(crate) site: usize,
    /// Index into its pools.
    pub(crate) pool: usize,
}

/// Reads until it is known what came, at most [`MOST_READ`] bytes. `came` was read before. The caller sets the deadline. Until
/// the first byte comes, nothing is held.
pub(crate) async fn read(stream: &TcpStream, mut came: Vec<u8>) -> (Vec<u8>, Greeting) {
    let mut reader = HelloReader::default();
    if !came.is_empty() {
        match reader.read(&came) {
            Greeting::Partial => {}
            known => return (came, known),
        }
    }
    loop {
        let read = match stream.readable().await {
            Ok(()) => {
                came.reserve_exact(STEP.min(MOST_READ.saturating_sub(came.len())));
                stream.try_read_buf(&mut came)
            }
            Err(error) => Err(error),
        };
        match read {
            Ok(1..) => match reader.read(&came) {
                Greeting::Partial => {}
                known => return (came, known),
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // What became of it is found out, and told, where TLS ends.
            Ok(_) | Err(_) => return (came, Greeting::Other),
        }
    }
}

/// The site that a greeting is for, where that passes TLS through. `came_to` is the address that the client connected to.
pub(crate) fn site_of(listener_ref: &ListenerRef, greeting: &Greeting, came_to: Option<IpAddr>) -> Option<PassedSite> {
    let name = match greeting {
        Greeting::Name(name) => Some(name.as_bytes()),
        Greeting::NoName => None,
        Greeting::Partial | Greeting::Other => return None,
    };
    let snapshot = &listener_ref.generation.snapshot;
    let site = snapshot.hosts.get(listener_ref.listener)?.of_hello(name, came_to)?;
    let settings = snapshot.config.sites.get(site).filter(|settings| settings.passthrough)?;
    Some(PassedSite { site, pool: settings.pool? })
}
