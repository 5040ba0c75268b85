//! WebSocket as a library speaks it, on both sides of Weir.

use std::io::{self, Read, Write};

use tungstenite::{Message, accept, client};

use crate::harness::{Appliance, Client, Offer, Origin, Plan, Talk};

/// A WebSocket server that sends every message back.
fn echo(talk: &mut Talk) {
    let unread = talk.seen().bytes;
    let Ok(mut socket) = accept(Replay { unread, talk }) else { return };
    while let Ok(message) = socket.read() {
        if message.is_close() || socket.send(message).is_err() {
            break;
        }
    }
    let _ = socket.flush();
}

fn world() -> (Origin, Appliance) {
    let origin = Origin::speaking(|talk| {
        echo(talk);
        talk.close();
    });
    let weir = Plan::before(&[&origin]).secure().start();
    (origin, weir)
}

#[test]
fn messages_come_back_plain_and_over_tls() {
    let (_origin, weir) = world();
    let secure = Client::tls(weir.https(), &Offer::http1("esb.test")).expect("a handshake");
    for connection in [weir.client(), secure] {
        let (mut socket, answer) = client("ws://esb.test/ws", connection.into_stream()).expect("an upgrade");
        assert_eq!(answer.status().as_u16(), 101);
        for message in [Message::text("hello"), Message::binary(vec![7; 100_000]), Message::text("")] {
            socket.send(message.clone()).expect("the tunnel takes it");
            assert_eq!(socket.read().expect("the echo comes"), message);
        }
        socket.close(None).expect("the tunnel takes it");
        assert!(socket.read().is_ok_and(|message| message.is_close()));
    }
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
