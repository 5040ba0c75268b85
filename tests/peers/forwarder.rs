//! A port in front of a node that can be shut, so that connecting is refused, or fall silent. The node behind it never
//! notices, and keeps its sessions.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// Open when made; dropped, it is shut.
pub struct Forwarder {
    at: SocketAddr,
    to: SocketAddr,
    listener: Option<TcpListener>,
    silent: Arc<AtomicBool>,
    open: Streams,
}

type Streams = Arc<Mutex<Vec<TcpStream>>>;

impl Forwarder {
    /// Passes on what comes to `at`.
    pub fn open(at: SocketAddr, to: SocketAddr) -> Self {
        let mut forwarder = Self { at, to, listener: None, silent: Arc::default(), open: Arc::default() };
        forwarder.reopen();
        forwarder
    }

    /// Accepts again.
    pub fn reopen(&mut self) {
        let listener = TcpListener::bind(self.at).unwrap();
        self.listener = Some(listener.try_clone().unwrap());
        let (to, silent, open) = (self.to, self.silent.clone(), self.open.clone());
        thread::spawn(move || {
            while let Ok((from, _)) = listener.accept() {
                let Ok(to) = TcpStream::connect(to) else { continue };
                pass_on(&from, &to, &silent);
                pass_on(&to, &from, &Arc::default());
                open.lock().unwrap().extend([from, to]);
            }
        });
    }

    /// Resets what is open and refuses what comes.
    pub fn shut(&mut self) {
        if let Some(listener) = self.listener.take() {
            // It wakes the thread that accepts, which has the other half.
            let _ = SockRef::from(&listener).shutdown(Shutdown::Both);
        }
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Whether what clients say gets lost: they are accepted and never answered.
    pub fn fall_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.shut();
    }
}

fn pass_on(from: &TcpStream, to: &TcpStream, silent: &Arc<AtomicBool>) {
    let (mut from, mut to, silent) = (from.try_clone().unwrap(), to.try_clone().unwrap(), silent.clone());
    let _ = to.set_nodelay(true);
    thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if !silent.load(Ordering::Relaxed) && to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
