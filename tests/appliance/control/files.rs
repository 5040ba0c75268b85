//! Files that the configuration names: what they hold is used without a reload, all of it or nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use crate::harness::{Appliance, Authority, Client, Offer, Origin, Pair, Plan, eventually, fresh_dir};

const GET: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n";
const USED: &str = "files have changed, and are used now: ";

/// What the TLS listener shows who asks for this name.
fn shown(weir: &Appliance, name: &str) -> Vec<u8> {
    let config = Arc::new(Offer::http1(name).config());
    Client::tls_with(weir.https(), &config, name).expect("a handshake").1.certificate
}

fn times(weir: &Appliance, said: &str) -> usize {
    weir.journal().matches(said).count()
}

fn success(weir: &Appliance) -> bool {
    weir.metric("weir_file_change_last_success", &[]) > 0.5
}

fn changes(weir: &Appliance, result: &str) -> f64 {
    weir.metric("weir_file_changes_total", &[("result", result)])
}

#[test]
fn a_renewed_certificate_is_shown_without_a_reload_and_nobody_else_notices() {
    let origin = Origin::named("n");
    let first = Pair::of(&["esb.test"]);
    let weir = Plan::before(&[&origin]).secure().certificate(first.clone()).start();
    let mut kept = weir.secure_client();
    assert_eq!(kept.ask(GET).status, 200);
    assert_eq!(shown(&weir, "esb.test"), first.der());
    let expiry = || weir.metric("weir_certificate_expiry_timestamp_seconds", &[("site", "secure")]);
    let before = expiry();
    // What is half written is no change of the configuration, and is not read.
    weir.edit(|text| format!("{text}\n[[site"));

    let renewed = Pair::for_a_week(&["esb.test"]);
    renewed.write(&weir.path(""), "esb");
    eventually("the new one is shown", || shown(&weir, "esb.test") == renewed.der());
    assert_eq!(kept.ask(GET).status, 200, "the connection that was there goes on");
    assert!(expiry() < before, "{before}");
    assert_eq!(weir.metric("weir_generation", &[]), 1.0, "the configuration is the same");
    assert_eq!((changes(&weir, "accepted"), success(&weir)), (1.0, true));
    assert_eq!(times(&weir, &format!("{USED}site secure: another certificate, valid until")), 1);
    assert!(weir.ask_admin("/api/v1/events").text().contains("\"kind\":\"files\""));
}

#[test]
fn a_chain_without_its_key_is_told_once_and_nothing_of_what_changed_is_used() {
    let origin = Origin::named("n");
    let (first, other) = (Pair::of(&["esb.test"]), Pair::of(&["mgt.test"]));
    let dir = fresh_dir();
    other.write(&dir, "mgt");
    let more = format!(
        "[[site]]\nname = \"mgt\"\nlistener = \"https\"\nhosts = [\"mgt.test\"]\npool = \"app\"\n\
         certificate = {{ chain = \"{0}/mgt.crt\", key = \"{0}/mgt.key\" }}\n",
        dir.display()
    );
    let mut weir = Plan::before(&[&origin]).secure().certificate(first.clone()).more(&more).start();
    let renewed = [Pair::of(&["esb.test"]), Pair::of(&["mgt.test"])];
    fs::write(weir.path("esb.crt"), &renewed[0].chain).expect("the test's directory is there");
    renewed[1].write(&dir, "mgt");
    let refused = "files have changed, and cannot be used; what was read before is kept: ";
    eventually("it is told", || weir.journal().contains(refused));
    weir.tells("esb.key: the key does not belong to the certificate");
    assert_eq!(shown(&weir, "esb.test"), first.der());
    assert_eq!(shown(&weir, "mgt.test"), other.der(), "all or nothing");
    assert_eq!((changes(&weir, "refused"), success(&weir)), (1.0, false));
    let status = weir.ask_admin("/api/v1/status").text();
    assert!(status.contains("Degraded: changed files cannot be used: "), "{status}");

    // A reload reads the same, and does not end it.
    let said = weir.reload();
    assert!(said.contains("reload refused"), "{said}");
    assert_eq!(times(&weir, refused), 1, "{}", weir.journal());

    fs::write(weir.path("esb.key"), &renewed[0].key).expect("the test's directory is there");
    eventually("both are shown", || {
        shown(&weir, "esb.test") == renewed[0].der() && shown(&weir, "mgt.test") == renewed[1].der()
    });
    eventually("all is well", || success(&weir));
    assert_eq!(changes(&weir, "accepted"), 1.0);
    assert!(!weir.ask_admin("/api/v1/status").text().contains("changed files"), "it is no longer told");
}

#[test]
fn what_is_put_back_ends_the_complaint() {
    let origin = Origin::named("n");
    let first = Pair::of(&["esb.test"]);
    let weir = Plan::before(&[&origin]).secure().certificate(first.clone()).start();
    fs::remove_file(weir.path("esb.key")).expect("it was there");
    eventually("it is told", || !success(&weir));
    weir.tells("esb.key: no such file");
    first.write(&weir.path(""), "esb");
    eventually("it is over", || success(&weir));
    assert_eq!(times(&weir, USED), 0);
    weir.tells("the files of the configuration hold again what is used");
}

#[test]
fn a_reload_that_reads_files_which_are_right_again_ends_the_complaint() {
    let origin = Origin::named("n");
    let mut weir = Plan::before(&[&origin]).secure().certificate(Pair::of(&["esb.test"])).start();
    fs::remove_file(weir.path("esb.key")).expect("it was there");
    eventually("it is told", || !success(&weir));
    let renewed = Pair::of(&["esb.test"]);
    renewed.write(&weir.path(""), "esb");
    assert!(weir.reload().contains("generation 2"));
    assert_eq!(shown(&weir, "esb.test"), renewed.der());
    eventually("it is over", || success(&weir));
    assert!(!weir.ask_admin("/api/v1/status").text().contains("changed files"), "it is no longer told");
}

#[test]
fn links_that_are_turned_are_followed() {
    let origin = Origin::named("n");
    let (first, renewed) = (Pair::of(&["esb.test"]), Pair::of(&["esb.test"]));
    let dir = fresh_dir();
    for (pair, folder) in [(&first, "1"), (&renewed, "2")] {
        fs::create_dir(dir.join(folder)).expect("a directory");
        pair.write(&dir.join(folder), "site");
    }
    symlink("1", dir.join("live")).expect("a link");
    let certificate = |text: String, weir: &Appliance| {
        let (here, live) = (weir.path("esb").display().to_string(), dir.join("live/site").display().to_string());
        text.replace(&here, &live)
    };
    let mut weir = Plan::before(&[&origin]).secure().certificate(first.clone()).start();
    weir.edit(|text| certificate(text, &weir));
    let said = weir.reload();
    assert!(said.contains("generation 2"), "{said}: {}", weir.read("weir.toml"));
    // As Kubernetes and certbot do: the old files stay as they are.
    symlink("2", dir.join("next")).expect("a link");
    fs::rename(dir.join("next"), dir.join("live")).expect("a rename");
    eventually("the new one is shown", || shown(&weir, "esb.test") == renewed.der());
}

#[test]
fn a_certificate_that_is_taken_back_ends_at_the_next_request() {
    let origin = Origin::named("n");
    let authority = Authority::named("Partners");
    let (partner, other) = (authority.client("partner"), authority.client("other"));
    let mut weir = Plan::before(&[&origin]).secure().start();
    fs::write(weir.path("ca.pem"), authority.pem()).expect("the test's directory is there");
    fs::write(weir.path("crl.pem"), authority.revoking(&[])).expect("the test's directory is there");
    let auth = "client-auth = { ca = \"ca.pem\", crl = \"crl.pem\" }\n";
    weir.edit(|text| text.replacen("esb.key\" }\n", &format!("esb.key\" }}\n{auth}"), 1));
    assert!(weir.reload().contains("generation 2"));
    let come = |pair: &Pair| {
        let config = Arc::new(Offer::http1("esb.test").config_showing(pair));
        Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake").0
    };
    let (mut kept, mut unharmed) = (come(&partner), come(&other));
    assert_eq!((kept.ask(GET).status, unharmed.ask(GET).status), (200, 200));
    fs::write(weir.path("crl.pem"), authority.revoking(&[&partner])).expect("the test's directory is there");
    eventually("it is used", || weir.journal().contains("client-auth believes other certificates"));
    let answer = kept.ask(GET);
    assert_eq!(answer.status, 400, "{answer:?}");
    eventually("the log has why", || weir.journal().contains("refusal=certificate-revoked"));
    assert_eq!(unharmed.ask(GET).status, 200);
}

#[test]
fn pages_and_tokens_are_followed_too() {
    let origin = Origin::named("n");
    let page = fresh_dir().join("403.html");
    fs::write(&page, "first page").expect("the test's directory is there");
    let none = "[[site.route]]\nname = \"none\"\npath = \"/none\"\ndeny = true\n";
    let weir = Plan::before(&[&origin])
        .site(&format!("error-pages = {{ 403 = \"{}\" }}\n{none}", page.display()))
        .token("read", "first-token-of-many-letters")
        .start();
    assert!(weir.get("/none").text().contains("first page"));
    fs::write(&page, "second page").expect("the test's directory is there");
    fs::write(weir.path("read.token"), "second-token-of-many-letters").expect("the test's directory is there");
    eventually("the page is used", || weir.get("/none").text().contains("second page"));
    eventually("the token is told", || weir.journal().contains("admin: token read is another one"));
}
