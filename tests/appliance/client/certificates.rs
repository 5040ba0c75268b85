//! Sites that ask their clients for a certificate: who comes in, what the node is told, and what no client can say himself.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::harness::{Answer, Appliance, Authority, Client, Offer, Origin, Pair, Plan, eventually, ok};

const HEADER: &str = "X-WSO2-CLIENT-CERTIFICATE";
/// A list of version 1, as `openssl ca -gencrl` makes it from a configuration without crlnumber.
const OLD_LIST: &str = "-----BEGIN X509 CRL-----
MIGSMDowCgYIKoZIzj0EAwIwDjEMMAoGA1UEAwwDb2xkFw0yNjExMjcxOTAxNDZa
Fw0zNTAyMTMxOTAxNDZaMAoGCCqGSM49BAMCA0gAMEUCIAZtnArIUcLQ4Zrz6n9Q
Vv8r5qQ81gZ49CbiY6yQFYxwAiEAkx+BLzZefPs9Wj+LFrSS0yyAxUmXvsevqy7Z
UBrbuFE=
-----END X509 CRL-----
";
const FORGED: &str = "X-WSO2-CLIENT-CERTIFICATE: forged\r\nx_wso2-client_certificate: forged\r\nX-Subject: forged\r\n";

/// An appliance whose site esb.test asks for certificates of this CA. mgt.esb.test on the same listener asks for none, and neither
/// does the plain listener.
fn world(authority: &Authority, more: &str) -> (Origin, Appliance) {
    let origin = Origin::named("n");
    let open = "[[site]]\nname = \"open\"\nlistener = \"https\"\nhosts = [\"mgt.esb.test\"]\npool = \"app\"\n\
                certificate = { chain = \"$dir/esb.crt\", key = \"$dir/esb.key\" }\n\
                [[site.route]]\npath = \"/route\"\npool = \"app\"\nrequest-headers = { set = { X-Team = \"a\" } }\n";
    let mut weir = Plan::before(&[&origin]).secure().more(open).start();
    std::fs::write(weir.path("ca.pem"), authority.pem()).expect("the test's directory is there");
    std::fs::write(weir.path("crl.pem"), authority.revoking(&[])).expect("the test's directory is there");
    let auth = format!("client-auth = {{ ca = \"ca.pem\", subject-header = \"X-Subject\"{more} }}\n");
    weir.edit(|text| text.replacen("esb.key\" }\n", &format!("esb.key\" }}\n{auth}"), 1));
    let said = weir.reload();
    assert!(said.contains("generation 2"), "{said}");
    (origin, weir)
}

fn showing(pair: Option<&Pair>, offer: &Offer) -> Arc<ClientConfig> {
    Arc::new(pair.map_or_else(|| offer.config(), |pair| offer.config_showing(pair)))
}

/// The answer to a GET of this host, by a handshake for esb.test.
#[track_caller]
fn asked(weir: &Appliance, config: &Arc<ClientConfig>, host: &str) -> Answer {
    let (mut client, _) = Client::tls_with(weir.https(), config, "esb.test").expect("a handshake");
    client.ask(format!("GET /a HTTP/1.1\r\nHost: {host}\r\n{FORGED}\r\n"))
}

fn versions() -> [Offer; 2] {
    [&rustls::version::TLS12, &rustls::version::TLS13]
        .map(|version| Offer { versions: vec![version], ..Offer::http1("esb.test") })
}

#[test]
fn a_partner_comes_in_and_the_node_is_told_who_it_is() {
    let authority = Authority::named("Partners");
    let partner = authority.client("partner, inc");
    let (origin, weir) = world(&authority, "");
    for offer in versions() {
        let answer = asked(&weir, &showing(Some(&partner), &offer), "esb.test");
        assert_eq!(answer.status, 200, "{answer:?}");
        let seen = origin.last();
        let told = seen.values(HEADER);
        let pem = told[0].replace("%20", " ").replace("%0A", "\n");
        let pem = pem.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
        assert_eq!((told.len(), pem), (1, partner.chain.replace('\r', "")));
        assert_eq!(seen.values("X-Subject"), ["CN=partner\\, inc"]);
        assert!(!seen.text().contains("forged"), "{}", seen.text());
    }
    let logged = r#" subject="CN=partner\x5C, inc" refusal=-"#;
    eventually("the log names the partner", || weir.journal().matches(logged).count() == 2);
}

#[test]
fn a_resumed_session_is_that_of_a_certificate_that_the_site_asks_for() {
    let authority = Authority::named("Partners");
    let partner = authority.client("partner");
    let (origin, mut weir) = world(&authority, ", crl = \"crl.pem\"");
    for offer in versions() {
        let config = showing(Some(&partner), &offer);
        for resumed in [false, true, true] {
            let (mut client, agreed) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
            assert_eq!(client.ask("GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200);
            assert_eq!((agreed.resumed, origin.last().values("X-Subject")), (resumed, vec!["CN=partner".to_owned()]));
        }
        // What the site asks for changes, so the session begins anew.
        for (auth, resumed) in [(false, false), (true, false), (true, true)] {
            let now = weir.read("weir.toml");
            if now.contains("\nclient-auth") != auth {
                let (from, to) =
                    if auth { ("\n# client-auth", "\nclient-auth") } else { ("\nclient-auth", "\n# client-auth") };
                weir.edit(|text| text.replace(from, to));
                weir.reload();
            }
            let (mut client, agreed) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
            assert_eq!(client.ask("GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200, "{auth} {resumed}");
            assert_eq!(agreed.resumed, resumed, "{auth}");
        }
    }
}

#[test]
fn who_is_not_believed_reads_why_and_is_counted() {
    let authority = Authority::named("Partners");
    let (origin, mut weir) = world(&authority, ", crl = \"crl.pem\"");
    let revoked = authority.client("revoked");
    let stranger = Authority::named("Strangers").client("stranger");
    let own_ca = Authority::named("Partners").client("same name, other key");
    let rows: [(Option<&Pair>, &str); 6] = [
        (None, "certificate-missing"),
        (Some(&stranger), "certificate-unknown"),
        (Some(&own_ca), "certificate-unknown"),
        (Some(&authority.expired_client("old")), "certificate-expired"),
        (Some(&authority.server("server")), "certificate-purpose"),
        (Some(&revoked), "certificate-revoked"),
    ];
    std::fs::write(weir.path("crl.pem"), authority.revoking(&[&revoked])).expect("the test's directory is there");
    weir.reload();
    for offer in versions() {
        for (pair, word) in &rows {
            let config = showing(*pair, &offer);
            // Who is refused has no session to resume: with another certificate he would be refused for the old one.
            for _ in 0..2 {
                let (mut client, agreed) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
                let answer = client.ask("GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n");
                assert!(!agreed.resumed, "{word}");
                assert_eq!((answer.status, answer.text().lines().next()), (400, Some(format!("400 {word}").as_str())));
            }
            let counted = || weir.metric("weir_refusals_total", &[("site", "secure"), ("word", word)]) >= 2.0;
            eventually("both are counted", counted);
            let of_site = |line: &str| line.contains("site=secure") && line.contains(&format!("refusal={word}"));
            eventually("there is a line", || weir.journal().lines().any(of_site));
        }
    }
    assert_eq!(origin.count(), 0, "no node hears of it");
}

#[test]
fn where_none_need_be_shown_none_is_told_and_a_bad_one_is_refused() {
    let authority = Authority::named("Partners");
    let (origin, weir) = world(&authority, ", mode = \"optional\"");
    for offer in versions() {
        assert_eq!(asked(&weir, &showing(None, &offer), "esb.test").status, 200);
        let seen = origin.last();
        assert!(seen.values(HEADER).is_empty() && seen.values("X-Subject").is_empty(), "{}", seen.text());
        let stranger = Authority::named("Strangers").client("stranger");
        assert_eq!(asked(&weir, &showing(Some(&stranger), &offer), "esb.test").status, 400);
        assert_eq!(asked(&weir, &showing(Some(&authority.client("a")), &offer), "esb.test").status, 200);
        assert_eq!(origin.last().values("X-Subject"), ["CN=a"]);
    }
}

/// One request after the other on one connection: their answers, and the first lines of those that Weir refuses.
#[track_caller]
fn answers(client: &mut Client, paths: &[&str]) -> Vec<(u16, String)> {
    let ask = |path: &&str| {
        let answer = client.ask(format!("GET {path} HTTP/1.1\r\nHost: esb.test\r\n{FORGED}\r\n"));
        let refused = answer.status >= 400;
        (answer.status, answer.text().lines().next().filter(|_| refused).unwrap_or_default().to_owned())
    };
    paths.iter().map(ask).collect()
}

fn ok_or_missing(is_ok: bool) -> (u16, String) {
    if is_ok { (200, String::new()) } else { (400, "400 certificate-missing".to_owned()) }
}

/// Whether a path of the route and others are let in without a certificate, by spellings that try to seem one of the other.
#[test]
fn a_route_needs_a_certificate_or_not_whatever_its_site_says() {
    let authority = Authority::named("Partners");
    let stranger = Authority::named("Strangers").client("stranger");
    for (of_site, of_route) in [("optional", "required"), ("required", "optional")] {
        let (origin, mut weir) = world(&authority, &format!(", mode = \"{of_site}\""));
        let route =
            format!("[[site.route]]\nprefix = \"/own\"\nclient-auth = \"{of_route}\"\n[[site]]\nname = \"open\"");
        weir.edit(|text| text.replacen("[[site]]\nname = \"open\"", &route, 1));
        weir.reload();
        let (own, others) = (ok_or_missing(of_route == "optional"), ok_or_missing(of_site == "optional"));
        for offer in versions() {
            let connect =
                |pair| Client::tls_with(weir.https(), &showing(pair, &offer), "esb.test").expect("a handshake").0;
            let paths = ["/own", "/a", "/%6fwn/a", "/x/../own", "/own/../a", "/a;/own", "/own"];
            let expected = [&own, &others, &own, &own, &others, &others, &own];
            let before = origin.count();
            let answers_of = |pair| paths.map(|path| answers(&mut connect(pair), &[path]).remove(0));
            assert_eq!(answers_of(None).each_ref(), expected, "{of_route}");
            for seen in origin.seen().iter().skip(before) {
                assert!(seen.values(HEADER).is_empty() && !seen.text().contains("forged"), "{}", seen.text());
            }
            let unknown = (400, "400 certificate-unknown".to_owned());
            let of_stranger = ["/own", "/a"].map(|path| answers(&mut connect(Some(&stranger)), &[path]).remove(0));
            assert_eq!(of_stranger, [unknown.clone(), unknown]);
            let partner = authority.client("a");
            assert_eq!(
                answers(&mut connect(Some(&partner)), &["/own", "/a", "/own"]),
                [200; 3].map(|_| ok_or_missing(true))
            );
            assert_eq!(origin.last().values("X-Subject"), ["CN=a"]);
        }
        let why = weir.command(&["why", "https://esb.test/own"]).out;
        let must = if of_route == "required" { "must" } else { "may" };
        assert!(
            why.contains(&format!("route /own: the first that matches; a client certificate {must} be shown")),
            "{why}"
        );
    }
}

/// A connection that is kept lives through the reload; what it may do is as the routes say now.
#[test]
fn a_kept_connection_needs_a_certificate_as_the_routes_say_after_a_reload() {
    let authority = Authority::named("Partners");
    let (_origin, mut weir) = world(&authority, ", mode = \"optional\"");
    let mut kept = Client::tls_with(weir.https(), &showing(None, &versions()[1]), "esb.test").expect("a handshake").0;
    assert_eq!(answers(&mut kept, &["/own"]), [ok_or_missing(true)]);
    let route = "[[site.route]]\nprefix = \"/own\"\nclient-auth = \"required\"\n[[site]]\nname = \"open\"";
    weir.edit(|text| text.replacen("[[site]]\nname = \"open\"", route, 1));
    weir.reload();
    assert_eq!(answers(&mut kept, &["/a", "/own"]), [ok_or_missing(true), ok_or_missing(false)]);
}

#[test]
fn no_client_of_any_site_can_say_it_himself() {
    let authority = Authority::named("Partners");
    let (origin, weir) = world(&authority, "");
    let get = |path: &str, host: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{FORGED}\r\n");
    let mut plain = Client::plain(weir.http()).expect("the listener accepts");
    assert_eq!(plain.ask(get("/a", "esb.test")).status, 200);
    for path in ["/a", "/route"] {
        let mut other = Client::tls(weir.https(), &Offer::http1("mgt.esb.test")).expect("a handshake");
        assert_eq!(other.ask(get(path, "mgt.esb.test")).status, 200);
    }
    assert_eq!(origin.count(), 3);
    origin.seen().iter().for_each(|seen| assert!(!seen.text().contains("forged"), "{}", seen.text()));
}

#[test]
fn a_certificate_is_of_the_site_that_it_was_shown_to() {
    let authority = Authority::named("Partners");
    let partner = authority.client("partner");
    let (origin, weir) = world(&authority, "");
    let offer = Offer::http1("mgt.esb.test");
    let (mut client, _) =
        Client::tls_with(weir.https(), &showing(Some(&partner), &offer), "mgt.esb.test").expect("a handshake");
    let answer = client.ask(format!("GET /a HTTP/1.1\r\nHost: esb.test\r\n{FORGED}\r\n"));
    assert_eq!((answer.status, answer.text().lines().next()), (421, Some("421 other-server-name")));
    // The other way round nothing is asked for, and nothing is told.
    let answer = asked(&weir, &showing(Some(&partner), &Offer::http1("esb.test")), "mgt.esb.test");
    assert_eq!(answer.status, 200);
    let seen = origin.last();
    assert!(seen.values(HEADER).is_empty() && !seen.text().contains("forged"), "{}", seen.text());
}

#[test]
fn a_kept_connection_is_judged_anew_after_a_reload() {
    let authority = Authority::named("Partners");
    let partner = authority.client("partner");
    let (_origin, mut weir) = world(&authority, ", crl = \"crl.pem\"");
    let config = showing(Some(&partner), &Offer::http1("esb.test"));
    let (mut kept, _) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
    let get = "GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n";
    assert_eq!(kept.ask(get).status, 200);
    std::fs::write(weir.path("crl.pem"), authority.revoking(&[&partner])).expect("the test's directory is there");
    weir.reload();
    eventually("the journal has it", || weir.journal().contains("client-auth believes other certificates"));
    assert_eq!(kept.ask(get).status, 400);
    for (list, why) in
        [("no list", "the file holds no list of revoked certificates in PEM"), (OLD_LIST, "lists must be of version 2")]
    {
        std::fs::write(weir.path("crl.pem"), list).expect("the test's directory is there");
        let said = weir.reload();
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(asked(&weir, &config, "esb.test").status, 400, "what ran goes on");
}

#[test]
fn a_certificate_that_ends_on_a_kept_connection_lets_nobody_in_any_more() {
    let authority = Authority::named("Partners");
    let (_origin, weir) = world(&authority, "");
    let config = showing(Some(&authority.client_for("partner", Duration::from_secs(3))), &Offer::http1("esb.test"));
    let (mut kept, _) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
    let get = "GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n";
    assert_eq!(kept.ask(get).status, 200);
    let mut last = 200;
    eventually("it is over", || {
        last = kept.ask(get).status;
        last != 200
    });
    assert_eq!(last, 400);
    eventually("it is counted", || {
        weir.metric("weir_refusals_total", &[("site", "secure"), ("word", "certificate-expired")]) >= 1.0
    });
}

/// A node that asks Weir itself for a certificate, in probes too.
#[test]
fn a_node_is_shown_the_certificate_of_its_pool() {
    let (weirs, node) = (Pair::of(&["weir"]), Pair::of(&["node.test"]));
    let node = Origin::speaking_tls_as(node.server_for(&weirs), |talk| {
        let target = talk.target();
        talk.send(&ok(&target));
    });
    let pool = "tls = { verify = \"none\" }";
    let mut weir = Plan::before(&[&node])
        .pool(pool)
        .health("probes = [{ kind = \"https\", path = \"/probe\" }]\ninterval = \"100ms\"\n")
        .start();
    eventually("the probe fails", || weir.state("app", "n1") == "passive unhealthy");
    assert_eq!(weir.get("/a").status, 503, "it shows none");
    weirs.write(&weir.path(""), "weir");
    let shown = "tls = { verify = \"none\", certificate = { chain = \"weir.crt\", key = \"weir.key\" } }";
    weir.edit(|text| text.replace(pool, shown));
    let said = weir.reload();
    assert!(said.contains("generation 2"), "{said}");
    eventually("the probe passes", || weir.state("app", "n1") == "active");
    assert_eq!(weir.get("/a").text(), "/a");
    std::fs::copy(weir.path("esb.key"), weir.path("weir.key")).expect("both are in the test's directory");
    let said = weir.reload();
    assert!(said.contains("does not belong to the certificate"), "{said}");
    assert_eq!(weir.get("/b").text(), "/b");
}
