//! TLS on both sides: what clients get, and which nodes are believed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::{ProtocolVersion, SignatureScheme};

use crate::harness::{Agreed, Appliance, Client, Offer, Origin, Pair, Plan, Seen, eventually, fresh_dir, ok};

const GET: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n";

fn world() -> (Origin, Appliance) {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().listener("handshake-timeout = \"1s\"").start();
    (origin, weir)
}

fn agree(weir: &Appliance, offer: &Offer) -> std::io::Result<Agreed> {
    Client::tls_with(weir.https(), &Arc::new(offer.config()), &offer.name).map(|made| made.1)
}

#[test]
fn versions_and_protocols_are_agreed_as_offered() {
    let (_origin, weir) = world();
    let both = |protocols: Vec<&'static str>| Offer { protocols, ..Offer::http1("esb.test") };
    let rows = [
        (both(vec!["h2", "http/1.1"]), Some("h2")),
        (both(vec!["http/1.1", "h2"]), Some("h2")),
        (both(vec!["http/1.1"]), Some("http/1.1")),
        (both(vec![]), None),
    ];
    for (offer, expected) in rows {
        let agreed = agree(&weir, &offer).expect("a handshake");
        assert_eq!(agreed.protocol.as_deref(), expected, "{:?}", offer.protocols);
        assert_eq!(agreed.version, Some(ProtocolVersion::TLSv1_3));
    }
    let old = Offer { versions: vec![&rustls::version::TLS12], ..Offer::http1("esb.test") };
    assert_eq!(agree(&weir, &old).expect("a handshake").version, Some(ProtocolVersion::TLSv1_2));
}

#[test]
fn a_listener_that_asks_for_1_3_takes_no_1_2() {
    let origin = Origin::named("n");
    let mut weir = Plan::before(&[&origin]).secure().start();
    weir.edit(|text| text.replace("min-version = \"1.2\"", "min-version = \"1.3\""));
    weir.reload();
    let old = Offer { versions: vec![&rustls::version::TLS12], ..Offer::http1("esb.test") };
    assert!(agree(&weir, &old).is_err());
    assert!(agree(&weir, &Offer::http1("esb.test")).is_ok());
}

#[test]
fn a_client_of_an_old_tls_version_is_told_apart_in_the_log() {
    let origin = Origin::named("n");
    let mut weir = Plan::before(&[&origin]).secure().start();
    let told = |weir: &Appliance, said: &str| eventually(said, || weir.journal().contains(said));
    let greet = |weir: &Appliance, minor: u8, extensions: &[u8]| {
        let mut client = TcpStream::connect(weir.https()).expect("the listener accepts");
        client.write_all(&hello_of(minor, extensions)).expect("it reads a hello");
        client.read_to_end(&mut Vec::new()).ok();
    };
    greet(&weir, 2, &[]);
    told(&weir, "reason=\"the client offers no signature algorithms, as TLS 1.1 and older do; 1.2 is the oldest ");
    greet(&weir, 2, &SIGNATURES);
    told(&weir, "reason=\"the client offers TLS 1.1 or older; 1.2 is the oldest that min-version can be\"");
    weir.edit(|text| text.replace("min-version = \"1.2\"", "min-version = \"1.3\""));
    weir.reload();
    greet(&weir, 3, &SIGNATURES);
    told(&weir, "reason=\"the client offers TLS 1.2; min-version of the listener is 1.3\"");
    let listed = Offer { versions: vec![&rustls::version::TLS12], ..Offer::http1("esb.test") };
    assert!(agree(&weir, &listed).is_err());
    told(&weir, "reason=\"the client offers no TLS version from the listener's min-version on\"");
}

/// RSA with SHA-256.
const SIGNATURES: [u8; 10] = [0, 8, 0, 13, 0, 4, 0, 2, 4, 1];

/// The same, and the group X25519.
const SIGNATURES_AND_GROUPS: [u8; 18] = [0, 16, 0, 13, 0, 4, 0, 2, 4, 1, 0, 10, 0, 4, 0, 2, 0, 29];

/// A hello of TLS 1.`minor - 1`.
fn hello_of(minor: u8, extensions: &[u8]) -> Vec<u8> {
    let body = [&[3, minor][..], &[7; 32], &[0], &[0, 2, 0, 0x2f], &[1, 0], extensions].concat();
    let length = u8::try_from(body.len()).expect("a short hello");
    [&[22, 3, 1, 0, length + 4][..], &[1, 0, 0, length], &body].concat()
}

#[test]
fn a_client_gets_the_certificate_whose_kind_of_key_it_can_use() {
    let origin = Origin::named("n");
    let (new, old) = (Pair::of(&["esb.test"]), Pair::rsa(&["esb.test"]));
    let mut weir = Plan::before(&[&origin]).secure().certificate(new.clone()).start();
    old.write(&weir.path(""), "old");
    let both = |text: String, weir: &Appliance| {
        let at = |name: &str| weir.path(name).display().to_string();
        let pair = |name: &str| format!("{{ chain = \"{}.crt\", key = \"{}.key\" }}", at(name), at(name));
        text.replace(&pair("esb"), &format!("[{}, {}]", pair("esb"), pair("old")))
    };
    weir.edit(|text| both(text, &weir));
    let said = weir.reload();
    assert!(said.contains("generation 2"), "{said}");
    let [any, rsa, pss, ecdsa] = [
        vec![],
        vec![SignatureScheme::RSA_PKCS1_SHA256],
        vec![SignatureScheme::RSA_PSS_SHA256],
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256],
    ];
    let (new_tls, old_tls) = (&rustls::version::TLS13, &rustls::version::TLS12);
    for (signatures, version, expected) in [
        (&any, new_tls, &new),
        (&any, old_tls, &new),
        (&rsa, old_tls, &old),
        (&pss, new_tls, &old),
        (&pss, old_tls, &old),
        (&ecdsa, new_tls, &new),
        (&ecdsa, old_tls, &new),
    ] {
        let offer = Offer { versions: vec![version], signatures: signatures.clone(), ..Offer::http1("esb.test") };
        let config = Arc::new(offer.config());
        for resumed in [false, true] {
            let (mut client, agreed) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
            assert_eq!(agreed.certificate, expected.der(), "{signatures:?} {version:?}");
            assert_eq!(agreed.resumed, resumed, "{signatures:?} {version:?}");
            assert_eq!(client.ask(GET).status, 200);
        }
    }
    // Each of them is followed, and told of.
    let renewed = Pair::rsa(&["esb.test"]);
    renewed.write(&weir.path(""), "old");
    let offer = Offer { signatures: pss, ..Offer::http1("esb.test") };
    eventually("the new one is shown", || agree(&weir, &offer).expect("a handshake").certificate == renewed.der());
    let certificates = weir.ask_admin("/api/v1/certificates").text();
    assert!(certificates.contains("ECDSA P-256") && certificates.contains("RSA 2048"), "{certificates}");
}

#[test]
fn a_client_that_only_knows_the_hybrid_exchange_connects_and_the_log_has_it() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().site("log-format = \"json\"").start();
    let offer = Offer { group: Some(kx_group::X25519MLKEM768), ..Offer::http1("esb.test") };
    let (mut client, _) = Client::tls_with(weir.https(), &Arc::new(offer.config()), "esb.test").expect("a handshake");
    assert_eq!(client.ask(GET).status, 200);
    let logged = r#""tls":"TLSv1.3","key_exchange":"X25519MLKEM768","protocol""#;
    eventually("it is in the log", || weir.journal().contains(logged));
    assert_eq!(weir.get("/plain").status, 200);
    eventually("plain HTTP has none", || weir.journal().contains(r#""tls":"","key_exchange":"","protocol""#));
    let counted = weir.metric("weir_key_exchanges_total", &[("listener", "https"), ("group", "X25519MLKEM768")]);
    assert!((counted - 1.0).abs() < 1e-9);
}

#[test]
fn handshakes_that_fail_are_counted_by_what_the_client_offered() {
    let (_origin, weir) = world();
    let sent = |bytes: &[u8]| {
        let mut client = TcpStream::connect(weir.https()).expect("the listener accepts");
        client.write_all(bytes).expect("it reads a hello");
        client.shutdown(std::net::Shutdown::Write).expect("a half-closed connection");
        client.read_to_end(&mut Vec::new()).ok();
    };
    let trusting_nobody = || {
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider knows them")
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        assert!(Client::tls_with(weir.https(), &Arc::new(config), "esb.test").is_err(), "it believes nobody");
    };
    let offered = |offer: Offer| _ = agree(&weir, &offer).expect_err("no handshake");
    let (hello, groups) = (hello_of(3, &SIGNATURES), hello_of(3, &SIGNATURES_AND_GROUPS));
    let rows: [(&str, &str, &dyn Fn()); 8] = [
        ("no-tls", "the client spoke plain HTTP", &|| sent(GET.as_bytes())),
        ("old-version", "as TLS 1.1 and older do", &|| sent(&hello_of(2, &[]))),
        ("no-common-group", "no server name; the client offers no key exchange", &|| sent(&hello)),
        ("no-common-cipher", "the client offers only cipher suites without", &|| sent(&groups)),
        ("no-common-signature", "server name esb.test; the client cannot check a signature", &|| {
            offered(Offer { signatures: vec![SignatureScheme::RSA_PSS_SHA256], ..Offer::http1("esb.test") });
        }),
        ("certificate-not-believed", "the client knows no CA that signed the site's certificate", &trusting_nobody),
        ("unknown-name", "no site of this listener has the server name other.test", &|| {
            offered(Offer::http1("other.test"));
        }),
        // As health checks that only connect: counted, and not logged.
        ("client-left", "", &|| sent(&hello[..20])),
    ];
    let failures =
        |reason: &str| weir.metric("weir_handshake_failures_total", &[("listener", "https"), ("reason", reason)]);
    for (word, said, act) in rows {
        assert!(failures(word) < 0.5, "{word} is there, and zero");
        act();
        eventually(word, || failures(word) > 0.5);
        eventually(said, || weir.journal().contains(said));
        assert!(!weir.journal().contains("TLSHandshakeFailure"), "{word}: {}", weir.journal());
    }
    assert_eq!(weir.journal().matches("refusal=handshake-failed").count(), 7, "{}", weir.journal());
    let failed = weir.metric("weir_handshakes_total", &[("result", "failed"), ("version", "-")]);
    assert!((failed - 8.0).abs() < 1e-9, "{failed}");
}

#[test]
fn tickets_survive_a_reload() {
    let (_origin, mut weir) = world();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = Arc::new(Offer { versions: vec![version], ..Offer::http1("esb.test") }.config());
        let (mut first, agreed) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
        assert!(!agreed.resumed);
        assert_eq!(first.ask(GET).status, 200);
        weir.reload();
        let (mut second, agreed) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
        assert!(agreed.resumed, "{version:?}");
        assert_eq!(second.ask(GET).status, 200);
    }
}

#[test]
fn handshakes_are_counted_by_whether_they_resumed_and_by_key_exchange() {
    let (_origin, weir) = world();
    let counted =
        |name: &str, label: (&str, &str)| weir.metric(&format!("weir_{name}_total"), &[("listener", "https"), label]);
    let text = weir.ask_admin("/metrics").text();
    let known = [
        r#"weir_handshakes_total{listener="https",result="ok",version="TLSv1.2"} 0"#,
        r#"weir_handshakes_total{listener="https",result="failed",version="-"} 0"#,
        r#"weir_handshakes_resumed_total{listener="https",version="TLSv1.3"} 0"#,
        r#"weir_key_exchanges_total{group="secp384r1",listener="https"} 0"#,
    ];
    known.iter().for_each(|line| assert!(text.contains(line), "{line} is there before the first handshake"));
    assert!(!text.contains(r#"weir_handshakes_total{listener="http""#), "a plain listener has none");
    for (version, name) in [(&rustls::version::TLS13, "TLSv1.3"), (&rustls::version::TLS12, "TLSv1.2")] {
        let config = Arc::new(Offer { versions: vec![version], ..Offer::http1("esb.test") }.config());
        for resumed in [false, true] {
            let (mut client, agreed) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
            assert_eq!((client.ask(GET).status, agreed.resumed), (200, resumed), "{name}");
        }
        let one = |count: f64| (count - 1.0).abs() < 1e-9;
        eventually(name, || one(counted("handshakes_resumed", ("version", name))));
    }
    // TLS 1.3 makes a new key for both of its handshakes, 1.2 only for the first.
    eventually("three key exchanges", || (counted("key_exchanges", ("group", "X25519")) - 3.0).abs() < 1e-9);
    eventually("four handshakes", || (counted("handshakes", ("result", "ok")) - 4.0).abs() < 1e-9);
}

#[test]
fn plain_http_and_rubbish_on_the_tls_port_end_at_once() {
    let (origin, weir) = world();
    for bytes in [GET.as_bytes(), b"\x16\x03\x01\x00\x01\x00", b"\x80\x2e\x01\x00\x02", b"\0\0\0\0\0\0\0\0"] {
        let mut socket = TcpStream::connect(weir.https()).expect("the listener accepts");
        socket.set_read_timeout(Some(Duration::from_secs(4))).expect("a timeout can be set");
        let _ = socket.write_all(bytes);
        let mut all = Vec::new();
        let end = socket.read_to_end(&mut all);
        assert!(end.is_ok() || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
        assert!(!all.starts_with(b"HTTP"), "{:?}", String::from_utf8_lossy(&all));
    }
    assert_eq!(weir.secure_client().ask(GET).status, 200);
    assert_eq!(origin.count(), 1);
}

#[test]
fn half_a_handshake_meets_its_deadline() {
    let (_origin, weir) = world();
    let mut socket = TcpStream::connect(weir.https()).expect("the listener accepts");
    socket.set_read_timeout(Some(Duration::from_secs(4))).expect("a timeout can be set");
    socket.write_all(b"\x16\x03\x01\x02\x00\x01\x00").expect("the listener reads");
    let mut all = Vec::new();
    socket.read_to_end(&mut all).expect("the connection is closed in its time");
}

fn tls_node(pair: &Pair) -> Origin {
    Origin::speaking_tls(pair, |talk| {
        talk.body();
        let target = talk.target();
        talk.send(&ok(&target));
    })
}

#[test]
fn the_stock_certificate_of_a_node_works_with_its_pin_and_with_no_other() {
    let pair = Pair::of_a_stock_node();
    let node = tls_node(&pair);
    let pool = |pin: &str| format!("tls = {{ verify = \"pin\", pins = [\"{pin}\"] }}");
    let weir = Plan::before(&[&node]).pool(&pool(&pair.pin())).start();
    assert_eq!(weir.get("/a").text(), "/a");
    assert_eq!(weir.get("/b").text(), "/b");
    assert_eq!(node.connections(), 1, "connections over TLS are used again");
    let other = Pair::of_a_stock_node();
    let weir = Plan::before(&[&node]).pool(&pool(&other.pin())).start();
    assert_eq!(weir.get("/c").refusal(), "502 node-pin");
    assert!(node.seen().iter().all(|seen| seen.target() != "/c"));
}

//= rfc9110#4.3.4 node-identity
#[test]
fn a_certificate_is_believed_as_far_as_verify_says() {
    let (stock, named) = (Pair::of_a_stock_node(), Pair::of(&["node.test"]));
    let ca = "ca = \"$dir/node.crt\"";
    let rows: [(&Pair, String, bool); 8] = [
        (&stock, "verify = \"none\"".to_owned(), true),
        (&stock, "verify = \"full\"".to_owned(), false),
        (&stock, "verify = \"chain\"".to_owned(), false),
        (&named, format!("verify = \"full\", {ca}, server-name = \"node.test\""), true),
        (&named, format!("verify = \"full\", {ca}, server-name = \"other.test\""), false),
        (&named, format!("verify = \"full\", {ca}"), false),
        (&named, format!("verify = \"chain\", {ca}"), true),
        (&named, "verify = \"full\", server-name = \"node.test\"".to_owned(), false),
    ];
    for (pair, tls, believed) in rows {
        let node = tls_node(pair);
        let mut weir = Plan::before(&[&node]).start();
        named.write(&weir.path("."), "node");
        weir.edit(|text| {
            let ca = weir_dir(&weir, &tls);
            text.replace("[[site]]", &format!("tls = {{ {ca} }}\n[[site]]"))
        });
        weir.reload();
        let answer = weir.get("/a");
        let right = if believed { answer.text() == "/a" } else { answer.refusal() == "502 node-tls" };
        assert!(right, "{tls}: {answer:?}\n{}", weir.journal());
        assert_eq!(node.count(), usize::from(believed), "{tls}");
    }
}

fn weir_dir(weir: &Appliance, text: &str) -> String {
    text.replace("$dir", &weir.path("").display().to_string())
}

#[test]
fn no_connection_made_under_an_old_pin_is_used_after_it_changed() {
    let (pair, other) = (Pair::of_a_stock_node(), Pair::of_a_stock_node());
    let node = tls_node(&pair);
    let pool = format!("tls = {{ verify = \"pin\", pins = [\"{}\"] }}", pair.pin());
    let mut weir = Plan::before(&[&node]).pool(&pool).start();
    assert_eq!(weir.get("/a").text(), "/a");
    weir.edit(|text| text.replace(&pair.pin(), &other.pin()));
    weir.reload();
    assert_eq!(weir.get("/b").refusal(), "502 node-pin");
    weir.edit(|text| text.replace(&other.pin(), &pair.pin()));
    weir.reload();
    assert_eq!(weir.get("/c").text(), "/c");
    assert_eq!(node.seen().iter().map(Seen::target).collect::<Vec<_>>(), ["/a", "/c"]);
}

/// A node of old: openssl with an RSA key of so many bits, which a modern library would not even sign with.
struct OldNode {
    child: Child,
    port: u16,
    pin: String,
}

impl Drop for OldNode {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl OldNode {
    fn of(bits: usize, options: &[&str]) -> Self {
        let dir = fresh_dir();
        let openssl = |words: &[&str]| {
            let ran = Command::new("openssl").args(words).current_dir(&dir).stderr(Stdio::null()).output();
            ran.expect("openssl is installed").stdout
        };
        let subject = ["-keyout", "a.key", "-out", "a.crt", "-subj", "/CN=localhost"];
        openssl(&[&["req", "-x509", "-newkey", &format!("rsa:{bits}"), "-nodes"][..], &subject].concat());
        let print = openssl(&["x509", "-in", "a.crt", "-noout", "-fingerprint", "-sha256"]);
        let print = String::from_utf8_lossy(&print).trim().to_owned();
        let pin = format!("sha256:{}", print.split('=').next_back().unwrap_or_default());
        let port = crate::harness::free_port();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-www", "-key", "a.key", "-cert", "a.crt", "-accept"])
            .arg(format!("127.0.0.1:{port}"))
            .args(options)
            // Else openssl itself refuses to hold such a key.
            .args(if options.contains(&"-cipher") { &[][..] } else { &["-cipher", "DEFAULT:@SECLEVEL=0"] })
            .current_dir(&dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let node = Self { child: child.expect("openssl is installed"), port, pin };
        eventually("openssl accepts", || TcpStream::connect(("127.0.0.1", node.port)).is_ok());
        node
    }

    fn before(&self, tls: &str) -> Appliance {
        let origin = Origin::named("stands in");
        let pool = format!("tls = {{ {} }}", tls.replace("$pin", &self.pin));
        let plan = Plan::before(&[&origin]).pool(&pool);
        let port = origin.port().to_string();
        let mut weir = plan.start();
        weir.edit(|text| text.replace(&format!("port = {port}"), &format!("port = {}", self.port)));
        weir.reload();
        weir
    }
}

#[test]
fn a_node_with_a_key_of_1024_bits_is_reached_by_its_pin_or_unchecked_with_a_warning() {
    for (options, version) in [
        (&["-tls1_3"][..], "TLS 1.3"),
        (&["-tls1_2", "-client_sigalgs", "RSA+SHA256", "-sigalgs", "RSA+SHA256"], "TLS 1.2, the older padding"),
        (&["-tls1_2", "-sigalgs", "RSA-PSS+SHA256"], "TLS 1.2, the newer one"),
    ] {
        let node = OldNode::of(1024, options);
        for tls in ["verify = \"pin\", pins = [\"$pin\"]", "verify = \"none\""] {
            let weir = node.before(tls);
            let answer = weir.get("/a");
            assert_eq!(answer.status, 200, "{version}, {tls}: {answer:?}\n{}", weir.journal());
            assert_eq!(weir.get("/b").status, 200, "{version}, {tls}");
            let warned = || weir.journal().matches("has an RSA key of 1024 bits").count();
            eventually("the journal warns", || warned() > 0);
            assert_eq!((weir.get("/b").status, warned()), (200, 1), "{}", weir.journal());
        }
        let other = "f".repeat(64);
        let weir = node.before(&format!("verify = \"pin\", pins = [\"sha256:{other}\"]"));
        assert_eq!(weir.get("/c").refusal(), "502 node-pin", "{version}");
        let weir = node.before("verify = \"full\"");
        assert_eq!(weir.get("/d").refusal(), "502 node-tls", "{version}");
        assert!(!weir.journal().contains("has an RSA key"), "{}", weir.journal());
    }
}

#[test]
fn cert_pin_warns_of_a_key_of_1024_bits_and_gives_the_line_to_paste() {
    let node = OldNode::of(1024, &[]);
    let output = crate::harness::weir(&["cert", "pin", &format!("127.0.0.1:{}", node.port)]).expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("warning: it has an RSA key of 1024 bits"), "{said}");
    assert!(
        said.contains(&format!(
            "pins = [\"{}\"]",
            node.pin.replace(':', "").to_lowercase().replace("sha256", "sha256:")
        )),
        "{said}"
    );
}

#[test]
fn a_node_that_has_cbc_alone_is_told_from_one_that_is_down() {
    let node = OldNode::of(2048, &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"]);
    let weir = node.before("verify = \"none\"");
    assert_eq!(weir.get("/a").refusal(), "502 node-tls");
    let said = crate::harness::weir(&["cert", "pin", &format!("127.0.0.1:{}", node.port)]).expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.contains("no CBC"), "{said}");
}

#[test]
fn plain_http_on_a_tls_port_is_called_so_in_the_log() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().top("access-log = \"$dir/stray.log\"\n").start();
    let mut plain = TcpStream::connect(weir.https()).expect("it listens");
    plain.write_all(GET.as_bytes()).expect("it takes bytes");
    let line = "refusal=handshake-failed reason=\"the client spoke plain HTTP, or something else that is no TLS\"";
    eventually("the log has it", || weir.read("stray.log").contains(line));
}
