//! WebSocket as a library speaks it, on both sides of Weir.

use tungstenite::{Message, client};

use crate::harness::{Appliance, Client, Offer, Origin, Plan, echo_messages};

fn world() -> (Origin, Appliance) {
    let origin = Origin::speaking(|talk| {
        echo_messages(talk);
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
