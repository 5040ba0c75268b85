//! Certificates that are ordered from a CA which does not answer, and what lies in the state directory. Orders that succeed are in
//! tests/acme.

use std::fs;
use std::sync::Arc;

use crate::harness::{Appliance, Client, Offer, Origin, Pair, Plan, eventually};

/// Nothing listens on port 9, and if it did, it would have no certificate of a CA.
const DIRECTORY: &str = "https://127.0.0.1:9/dir";

fn more(hosts: &str) -> String {
    format!(
        "[[acme]]\nname = \"house\"\ndirectory = \"{DIRECTORY}\"\nchallenge = \"tls-alpn-01\"\n\
         [[site]]\nname = \"ordered\"\nlistener = \"https\"\nhosts = [{hosts}]\npool = \"app\"\n\
         certificate = {{ acme = \"house\" }}\n"
    )
}

/// What the TLS listener shows who asks for this name.
fn shown(weir: &Appliance, name: &str) -> Option<Vec<u8>> {
    let config = Arc::new(Offer::http1(name).config());
    Some(Client::tls_with(weir.https(), &config, name).ok()?.1.certificate)
}

/// Puts a certificate where an order would.
fn put(weir: &Appliance, pair: &Pair, directory: &str) {
    let folder = weir.path("certificates");
    fs::create_dir_all(&folder).expect("the state directory is there");
    let text = format!("Ordered by Weir from {directory}\n{}{}", pair.key, pair.chain);
    fs::write(folder.join("ordered.ecdsa-p256.pem"), text).expect("the folder is there");
}

fn orders(weir: &Appliance) -> String {
    weir.ask_admin("/api/v1/certificates/orders").text()
}

#[test]
fn a_site_whose_certificate_has_not_come_keeps_nobody_else_from_being_served() {
    let origin = Origin::named("n");
    let mut weir =
        Plan::before(&[&origin]).secure().certificate(Pair::of(&["esb.test"])).more(&more("\"new.test\"")).start();
    assert_eq!(weir.secure_client().ask("GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200);
    assert!(shown(&weir, "new.test").is_none(), "there is nothing to show");
    eventually("it is logged", || weir.journal().contains("server name new.test; the site has no certificate yet"));
    let failures = weir.metric("weir_handshake_failures_total", &[("listener", "https"), ("reason", "no-certificate")]);
    assert!((failures - 1.0).abs() < 1e-9, "{failures}");
    eventually("the CA was asked", || {
        weir.journal().contains("the certificate of ordered cannot be ordered from house")
    });
    let status = weir.ask_admin("/api/v1/status").text();
    assert!(status.contains("Degraded: ordered has no certificate yet: "), "{status}");
    assert!(orders(&weir).contains("\"failures\":1"), "{}", orders(&weir));
    assert!(weir.metric("weir_certificate_order_failures", &[("site", "ordered")]) > 0.5);
    assert!(weir.ask_admin("/api/v1/events").text().contains("\"kind\":\"certificate\""));

    // As from a backup: what lies there is used, and nothing is ordered.
    let pair = Pair::of(&["new.test"]);
    put(&weir, &pair, DIRECTORY);
    eventually("it is shown", || shown(&weir, "new.test") == Some(pair.der().to_vec()));
    weir.tells("site ordered: a certificate has come, valid until");
    eventually("all is well", || weir.ask_admin("/api/v1/status").text().contains("\"All well"));
    assert!(orders(&weir).contains("\"due\":null"), "{}", orders(&weir));

    // A name that it lacks is waited for; the one that it has goes on.
    weir.edit(|text| text.replace("\"new.test\"", "\"new.test\", \"newer.test\""));
    weir.reload();
    eventually("it is told", || weir.journal().contains("it does not cover newer.test yet; Weir orders another one"));
    assert_eq!(shown(&weir, "new.test"), Some(pair.der().to_vec()));
    eventually("it is ordered", || {
        orders(&weir).contains("does not cover newer.test") || orders(&weir).contains("\"failures\":")
    });
}

#[test]
fn whatever_lies_in_the_file_the_configuration_stands() {
    let origin = Origin::named("n");
    let own = Pair::of(&["esb.test"]);
    let mut weir = Plan::before(&[&origin]).secure().certificate(own.clone()).more(&more("\"new.test\"")).start();
    let (first, second) = (Pair::of(&["new.test"]), Pair::of(&["new.test"]));
    put(&weir, &first, DIRECTORY);
    eventually("it is shown", || shown(&weir, "new.test") == Some(first.der().to_vec()));
    let file = weir.path("certificates/ordered.ecdsa-p256.pem");
    for text in ["", "Ordered by Weir", &format!("{}{}", first.key, second.chain), &first.chain] {
        fs::write(&file, text).expect("the folder is there");
        let said = weir.reload();
        assert!(!said.contains("refused"), "{text:?}: {said}");
        assert_eq!(shown(&weir, "esb.test"), Some(own.der().to_vec()), "others are served");
        assert_eq!(shown(&weir, "new.test"), Some(first.der().to_vec()), "what was there goes on");
    }
    let lost = "holds no certificate any more that can be used; that of before goes on";
    assert_eq!(weir.journal().matches(lost).count(), 1, "{}", weir.journal());
    eventually("another is wanted", || weir.journal().contains("ordered from house: there is none yet"));
    put(&weir, &first, DIRECTORY);
    eventually("it is told", || weir.journal().contains("holds its certificate again"));

    // One of another CA is shown until that of this one has come.
    put(&weir, &second, "https://other.test/dir");
    eventually("it is shown", || shown(&weir, "new.test") == Some(second.der().to_vec()));
    // Its time has not come for centuries. After a failure the next order is in minutes all the same.
    eventually("another is wanted", || orders(&weir).contains("\"next\":\"20"));
    assert_eq!(weir.stop(), Some(0));
    weir.start_again();
    assert_eq!(shown(&weir, "new.test"), Some(second.der().to_vec()), "a start shows what there is");
}
