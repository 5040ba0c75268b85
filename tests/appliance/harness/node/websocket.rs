//! A node that speaks WebSocket as a library does.

use std::io::{self, Read, Write};

use tungstenite::accept;

use super::talk::Talk;

/// Sends every message back, until the client closes.
pub(crate) fn echo_messages(talk: &mut Talk) {
    let unread = talk.seen().bytes;
    let Ok(mut socket) = accept(Replay { unread, talk }) else { return };
    while let Ok(message) = socket.read() {
        if message.is_close() || socket.send(message).is_err() {
            break;
        }
    }
    let _ = socket.flush();
}

/// The node's connection as a library reads it: the head again, then what follows.
struct Replay<'a> {
    unread: Vec<u8>,
    talk: &'a mut Talk,
}

impl Read for Replay<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            self.unread = self.talk.read_raw();
        }
        let length = self.unread.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.unread[..length]);
        self.unread.drain(..length);
        Ok(length)
    }
}

impl Write for Replay<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.talk.send(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
