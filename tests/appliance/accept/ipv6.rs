//! IPv6 on both sides: listeners, hosts, clients, nodes.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::harness::{Appliance, Client, Offer, Origin, Pair, Plan, free_port};

/// Listeners at ::1, plain and TLS, with a site for the literal address.
fn world(origin: &Origin) -> (SocketAddr, SocketAddr, Appliance) {
    let (http, https) = (free_port(), free_port());
    let more = format!(
        "[[listener]]\nname = \"http6\"\nbind = \"[::1]:{http}\"\n\
         [[listener]]\nname = \"https6\"\nbind = \"[::1]:{https}\"\ntls = {{}}\n\
         [[site]]\nname = \"six\"\nlistener = [\"http6\", \"https6\"]\nhosts = [\"[::1]\", \"six.test\"]\npool = \"app\"\n\
         certificate = {{ chain = \"$dir/../weir-six-{https}.crt\", key = \"$dir/../weir-six-{https}.key\" }}\n"
    );
    let (dir, name) = (std::env::temp_dir(), format!("weir-six-{https}"));
    Pair::of(&["::1", "six.test"]).write(&dir, &name);
    let weir = Plan::before(&[origin]).more(&more).start();
    for end in ["crt", "key"] {
        let _ = std::fs::remove_file(dir.join(format!("{name}.{end}")));
    }
    ((Ipv6Addr::LOCALHOST, http).into(), (Ipv6Addr::LOCALHOST, https).into(), weir)
}

fn get(host: &str) -> String {
    format!("GET /a HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 2001:db8::7\r\n\r\n")
}

#[test]
fn a_listener_at_an_ipv6_address_serves_plain_and_over_tls_and_says_who_came() {
    let origin = Origin::named("n");
    let (http, https, _weir) = world(&origin);
    let plain = Client::plain(http).expect("the listener at ::1 accepts").ask(get("six.test"));
    assert_eq!(plain.text(), "n /a");
    let mut client = Client::tls(https, &Offer::http1("six.test")).expect("the listener at ::1 shakes hands");
    assert_eq!(client.ask(get("six.test")).text(), "n /a");
    for (seen, port) in origin.seen().iter().zip(["80", "443"]) {
        assert_eq!(seen.values("x-forwarded-for"), ["2001:db8::7, ::1"]);
        assert_eq!(seen.values("x-forwarded-port"), [port]);
        assert_eq!(seen.doubtful, None);
    }
}

#[test]
fn a_host_may_be_a_literal_ipv6_address() {
    let origin = Origin::named("n");
    let (http, _, _weir) = world(&origin);
    for host in ["[::1]".to_owned(), format!("[::1]:{}", http.port()), "[0:0::1]".to_owned()] {
        let answer = Client::plain(http).expect("the listener accepts").ask(get(&host));
        assert_eq!(answer.text(), "n /a", "{host}");
        assert_eq!(origin.last().values("host"), [host]);
    }
    for (host, status) in [("[::2]", 421), ("::1", 400), ("[::1", 400), ("[::1]x", 400)] {
        let answer = Client::plain(http).expect("the listener accepts").ask(get(host));
        assert_eq!(answer.status, status, "{host}: {answer:?}");
    }
    assert_eq!(origin.count(), 3);
}

#[test]
fn a_node_may_be_at_an_ipv6_address() {
    let origin = Origin::named_at(Ipv6Addr::LOCALHOST.into(), "six");
    let health = "interval = \"1s\"\nrise = 1\nprobes = [{ kind = \"http\" }]";
    let more = format!(
        "[[node]]\nname = \"six\"\naddress = \"::1\"\n[[pool]]\nname = \"six\"\nnodes = [\"six\"]\nport = {}\n\
         [pool.health]\n{health}\n[[site]]\nname = \"six\"\nlistener = \"http\"\nhosts = [\"six.test\"]\npool = \"six\"\n",
        origin.port()
    );
    let other = Origin::named("four");
    let weir = Plan::before(&[&other]).more(&more).start();
    crate::harness::eventually("the probe passes", || weir.state("six", "six") == "active");
    assert_eq!(origin.last().values("host"), [format!("[::1]:{}", origin.port())], "the probe's");
    assert_eq!(weir.client().ask(get("six.test")).text(), "six /a");
}

#[test]
fn all_of_ipv4_and_all_of_ipv6_on_one_port_are_two_listeners() {
    let (four, six) = (Origin::named("four"), Origin::named("six"));
    let (port, alone) = (free_port(), free_port());
    let listener = |name: &str, bind: &str, pool: &str| {
        format!(
            "[[listener]]\nname = \"{name}\"\nbind = \"{bind}:{port}\"\n\
             [[site]]\nname = \"{name}\"\nlistener = \"{name}\"\nhosts = [\"all.test\"]\npool = \"{pool}\"\n"
        )
    };
    let more = listener("all4", "0.0.0.0", "app")
        + &listener("all6", "[::]", "six")
        + &format!("[[listener]]\nname = \"alone\"\nbind = \"[::]:{alone}\"\n")
        + &format!(
            "[[node]]\nname = \"six\"\naddress = \"127.0.0.1\"\n\
             [[pool]]\nname = \"six\"\nnodes = [\"six\"]\nport = {}\n",
            six.port()
        );
    let mut weir = Plan::before(&[&four]).more(&more).start();
    for _ in 0..2 {
        for (address, expected) in
            [((Ipv4Addr::LOCALHOST, port).into(), "four /a"), ((Ipv6Addr::LOCALHOST, port).into(), "six /a")]
        {
            assert_eq!(Client::plain(address).expect("it accepts").ask(get("all.test")).text(), expected);
        }
        assert!(Client::plain((Ipv6Addr::LOCALHOST, alone).into()).is_ok());
        assert!(Client::plain((Ipv4Addr::LOCALHOST, alone).into()).is_err(), "all of IPv6 is not all of IPv4");
        weir.reload();
    }
}
