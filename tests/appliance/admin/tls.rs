//! The admin address with TLS: who is believed, who may what, and what a reload changes.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::harness::{Appliance, Client, Offer, Origin, Pair, Plan, eventually};

const TOKEN: &str = "reads-0123456789";

/// An appliance whose address took up TLS by a reload. Of the clients, anna may operate, bob may read, and carl is signed
/// but not named.
fn secured() -> (Origin, Appliance) {
    let origin = Origin::named("n");
    let mut weir = Plan::before(&[&origin]).token("read", TOKEN).start();
    Pair::of(&["127.0.0.1", "lb1.test"]).write(&weir.path(""), "admin");
    let mut clients = String::new();
    for name in ["anna", "bob", "carl", "eve"] {
        let pair = Pair::of(&[name]);
        pair.write(&weir.path(""), name);
        clients += if name == "eve" { "" } else { &pair.chain };
    }
    std::fs::write(weir.path("clients.pem"), clients).expect("the test's directory is there");
    let dir = weir.path("").display().to_string();
    let tls = format!(
        "tls = {{ chain = \"{dir}/admin.crt\", key = \"{dir}/admin.key\", client-ca = \"{dir}/clients.pem\" }}"
    );
    weir.edit(|text| {
        let text = text.replacen("[admin]\n", &format!("[admin]\n{tls}\n"), 1);
        text + "[[admin.certificate]]\nname = \"anna\"\nmay = \"operate\"\n[[admin.certificate]]\nname = \"bob\"\n"
    });
    weir.reload();
    (origin, weir)
}

/// A command over https, with the certificate of `who`: its exit code, and all that it wrote.
#[track_caller]
fn told(weir: &Appliance, who: Option<&str>, words: &[&str]) -> (Option<i32>, String) {
    let file = |name: String| weir.path(&name).display().to_string();
    let mut all: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    all.extend([
        "--admin".to_owned(),
        format!("https://{}", weir.admin()),
        "--ca".to_owned(),
        file("admin.crt".into()),
    ]);
    if let Some(who) = who {
        all.extend(["--cert".to_owned(), file(format!("{who}.crt")), "--key".to_owned(), file(format!("{who}.key"))]);
    }
    let output = weir.command(&all.iter().map(String::as_str).collect::<Vec<_>>());
    (output.code, output.out + &output.err)
}

fn secure_client(weir: &Appliance, name: &str) -> Client {
    Client::tls(weir.admin(), &Offer::http1(name)).expect("the address shakes hands")
}

#[track_caller]
fn has(told: &(Option<i32>, String), code: i32, words: &str) {
    assert!(told.0 == Some(code) && told.1.contains(words), "{code} {words}: {told:?}");
}

#[test]
fn a_client_certificate_says_who_it_is_and_what_it_may() {
    let (_origin, weir) = secured();
    let order = ["maintain", "n1", "--force", "--reason", "over https"];
    has(&told(&weir, Some("bob"), &["nodes"]), 0, "n1");
    has(&told(&weir, Some("bob"), &order), 1, "cert:bob may only read");
    // On loopback everybody may read, also who is not named.
    has(&told(&weir, Some("carl"), &["nodes"]), 0, "n1");
    has(&told(&weir, Some("carl"), &order), 1, "only reads");
    for _ in 0..10 {
        has(&told(&weir, Some("eve"), &["nodes"]), 1, "it refused the connection (TLS alert");
    }
    let refused = "the admin address refused the client certificate of 127.0.0.1:";
    eventually("the journal has her", || weir.journal().contains(refused));
    assert!(weir.journal().matches(refused).count() < 10, "one line a second: {}", weir.journal());
    assert!(!weir.read("audit.log").contains("over https"));
    has(&told(&weir, Some("anna"), &order), 0, "n1");
    let audit = weir.read("audit.log");
    let line = audit.lines().find(|line| line.contains("over https")).unwrap_or_else(|| panic!("{audit}"));
    assert!(line.contains("cert:anna") && line.contains("127.0.0.1:"), "{line}");
}

#[test]
fn who_is_not_believed_is_told_why() {
    let (_origin, weir) = secured();
    let (https, plain) = (format!("https://localhost:{}", weir.admin().port()), weir.admin().to_string());
    let ca = weir.path("admin.crt").display().to_string();
    for (words, why) in [
        (&["nodes", "--admin", &https, "--ca", &ca][..], "its certificate is not believed"),
        (&["nodes", "--admin", &https, "--ca", &weir.path("anna.crt").display().to_string()], "--ca names the CA"),
        (&["nodes", "--admin", &https, "--ca", "/nowhere.pem"], "/nowhere.pem: no such file"),
        (&["nodes", "--admin", &https, "--cert", &ca], "--cert stands without --key"),
        (&["nodes", "--admin", &plain], "wants https"),
        (&["nodes", "--admin", &format!("https://{}", weir.http()), "--ca", &ca], "it does not speak TLS"),
    ] {
        let output = weir.command(words);
        assert!(output.code == Some(1) && output.err.contains(why), "{words:?}: {output:?}");
    }
}

#[test]
fn names_of_the_certificate_are_names_of_the_address_and_tokens_work_too() {
    let (_origin, weir) = secured();
    for (host, status) in [("lb1.test", 200), ("localhost", 200), ("evil.test", 403)] {
        let request = format!("GET /api/v1/status HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(secure_client(&weir, "lb1.test").ask(request).status, status, "{host}");
    }
    for (token, status) in [(TOKEN, 200), ("another-012345678", 401)] {
        let fields = format!("Host: lb1.test\r\nAuthorization: Bearer {token}\r\n");
        let request = format!("GET /api/v1/status HTTP/1.1\r\n{fields}\r\n");
        assert_eq!(secure_client(&weir, "lb1.test").ask(request).status, status, "{token}");
    }
}

#[test]
fn a_reload_takes_up_what_is_new_and_takes_back_what_is_gone() {
    let (_origin, mut weir) = secured();
    let order = ["activate", "n1"];
    has(&told(&weir, Some("anna"), &order), 0, "n1");
    // A certificate whose CA is gone does not even shake hands.
    std::fs::copy(weir.path("carl.crt"), weir.path("clients.pem")).expect("both are in the test's directory");
    weir.reload();
    has(&told(&weir, Some("anna"), &["nodes"]), 1, "it refused the connection (TLS alert");
    let shown = || {
        let offer = Offer::http1("lb1.test");
        Client::tls_with(weir.admin(), &offer.config().into(), &offer.name).expect("it shakes hands").1.certificate
    };
    let before = shown();
    let renewed = Pair::of(&["127.0.0.1", "lb1.test"]);
    renewed.write(&weir.path(""), "admin");
    assert_eq!(shown(), before, "nothing is read without a reload");
    weir.reload();
    let shown = Client::tls_with(weir.admin(), &Offer::http1("lb1.test").config().into(), "lb1.test");
    assert_eq!(shown.expect("it shakes hands").1.certificate, renewed.der());
    std::fs::write(weir.path("admin.key"), "no key").expect("the test's directory is there");
    std::fs::set_permissions(weir.path("admin.key"), PermissionsExt::from_mode(0o600)).expect("the file is ours");
    assert!(weir.reload().contains("refused"), "what cannot be used keeps the old");
    has(&told(&weir, None, &["nodes"]), 0, "n1");
}

#[test]
fn a_kept_connection_loses_its_certificate_with_the_ca_that_signed_it() {
    let (_origin, mut weir) = secured();
    let mut config = Offer::http1("lb1.test").config();
    let chain = vec![CertificateDer::from_pem_file(weir.path("anna.crt")).expect("a certificate in PEM")];
    let key = PrivateKeyDer::from_pem_file(weir.path("anna.key")).expect("a key in PEM");
    let key = any_supported_type(&key).expect("rustls knows the kind of key");
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)));
    let made = Client::tls_with(weir.admin(), &Arc::new(config), "lb1.test");
    let mut anna = made.expect("the address shakes hands").0;
    let order = "POST /api/nodes/n1/activate HTTP/1.1\r\nHost: lb1.test\r\nX-Weir: 1\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(anna.ask(order).status, 200);
    std::fs::copy(weir.path("carl.crt"), weir.path("clients.pem")).expect("both are in the test's directory");
    weir.reload();
    assert_eq!(anna.ask(order).status, 403);
}

#[test]
fn events_are_followed_over_https() {
    let (_origin, mut weir) = secured();
    let (address, ca) = (format!("https://{}", weir.admin()), weir.path("admin.crt").display().to_string());
    let following = weir.begin_command(&["events", "--follow", "--json", "--admin", &address, "--ca", &ca]);
    eventually("the command shows what was", || following.out().contains("\"reload\""));
    let before = following.out().matches("\"reload\"").count();
    weir.reload();
    eventually("it is told of the next reload", || following.out().matches("\"reload\"").count() > before);
}

#[test]
fn many_who_do_not_shake_hands_keep_nobody_out() {
    let (_origin, weir) = secured();
    let silent: Vec<Client> = (0..140).filter_map(|_| Client::plain(weir.admin()).ok()).collect();
    assert_eq!(silent.len(), 140);
    has(&told(&weir, Some("bob"), &["nodes"]), 0, "n1");
    let mut first = silent.into_iter().next().expect("there are some");
    eventually("who sends nothing is left", || first.is_closed());
}

#[test]
fn its_certificate_is_watched_as_those_of_sites_are() {
    let (_origin, mut weir) = secured();
    let ask = |weir: &Appliance, path: &str| {
        secure_client(weir, "lb1.test")
            .ask(format!("GET {path} HTTP/1.1\r\nHost: lb1.test\r\nConnection: close\r\n\r\n"))
            .text()
    };
    let told: serde_json::Value = serde_json::from_str(&ask(&weir, "/api/v1/certificates")).expect("it is JSON");
    assert_eq!((&told[0]["site"], &told[0]["names"][1]), (&"[admin]".into(), &"lb1.test".into()));
    let series = "weir_certificate_expiry_timestamp_seconds{site=\"[admin]\"}";
    assert!(ask(&weir, "/metrics").contains(series));
    weir.edit(|text| {
        let kept = text.lines().filter(|line| !line.starts_with("tls = "));
        kept.collect::<Vec<_>>().join("\n").split("[[admin.certificate]]").next().unwrap_or_default().to_owned()
    });
    weir.reload();
    assert!(!weir.ask_admin("/metrics").text().contains("[admin]"));
}
