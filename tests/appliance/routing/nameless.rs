//! Clients that give no name: TLS without a server name, an address for a host, HTTP/1.0 without Host.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;

use crate::harness::{Appliance, Client, Offer, Origin, Pair, Plan, eventually, fresh_dir};

/// Sites `esb` and `mgt`, as shipped, on both listeners; the TLS one listens on all addresses.
const SITES: &str = r#"
state-dir = "$dir"
access-log = "$dir/rest.log"
[admin]
bind = "127.0.0.1:$admin"
[[listener]]
name = "http"
bind = "127.0.0.1:$http"
[[listener]]
name = "https"
bind = "0.0.0.0:$https"
tls = { min-version = "1.2" }
[[node]]
name = "worker"
address = "127.0.0.1"
[[node]]
name = "manager"
address = "127.0.0.1"
[[pool]]
name = "workers"
nodes = ["worker"]
port = $worker
[[pool]]
name = "managers"
nodes = ["manager"]
port = $manager
[[site]]
name = "mgt"
listener = "https"
hosts = ["mgt.esb.test"MGT]
certificate = { chain = "$dir/mgt.crt", key = "$dir/mgt.key" }
pool = "managers"
[[site]]
name = "esb"
listener = ["http", "https"]
hosts = ["esb.test"]
certificate = { chain = "$dir/esb.crt", key = "$dir/esb.key" }
pool = "workers"
ESB
"#;

struct World {
    weir: Appliance,
    mgt: Pair,
    _nodes: [Origin; 2],
}

/// With more hosts of the manager's site, and more lines for the workers'.
fn world(mgt_hosts: &str, esb: &str) -> World {
    let (worker, manager) = (Origin::named("worker"), Origin::named("manager"));
    let text = SITES
        .replace("$worker", &worker.port().to_string())
        .replace("$manager", &manager.port().to_string())
        .replace("MGT", mgt_hosts)
        .replace("ESB", esb);
    let mgt = Pair::of(&["mgt.esb.test", "127.0.0.1", "127.0.0.2"]);
    let files = fresh_dir();
    mgt.write(&files, "mgt");
    let weir = Plan::text(text.replace("$dir/mgt", &files.join("mgt").display().to_string())).start();
    World { weir, mgt, _nodes: [worker, manager] }
}

impl World {
    fn at(&self, address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().expect("an address"), self.weir.https().port())
    }

    /// Whose certificate a client is shown that gives no name and came to this address, and what its requests are
    /// answered with that name these hosts.
    fn greets(&self, address: &str, hosts: &[&str]) -> (&'static str, Vec<String>) {
        let config = Arc::new(Offer::http1(address).config());
        let (mut client, agreed) = Client::tls_with(self.at(address), &config, address).expect("a handshake");
        let whose = if agreed.certificate == self.mgt.der() { "mgt" } else { "esb" };
        let mut said = |host: &&str| {
            let answer = client.ask(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            if answer.status == 200 { answer.text() } else { answer.refusal() }
        };
        (whose, hosts.iter().map(&mut said).collect())
    }

    fn check(&self) -> String {
        let file = self.weir.path("weir.toml").display().to_string();
        let output = crate::harness::weir(&["check", "--config", &file]).expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

const HOSTS: [&str; 4] = ["esb.test", "mgt.esb.test", "127.0.0.1:443", "other.test"];

#[test]
fn without_a_server_name_the_first_certificate_is_shown_and_host_decides() {
    let world = world("", "");
    let (whose, said) = world.greets("127.0.0.1", &HOSTS);
    assert_eq!(whose, "mgt");
    assert_eq!(said, ["worker /", "manager /", "421 unknown-host", "421 unknown-host"]);
    let said = world.check();
    assert!(said.contains("without a server name: the certificate of mgt; their Host must name a site"), "{said}");
}

#[test]
fn a_site_named_by_an_address_is_reached_by_it_over_tls() {
    let world = world(", \"127.0.0.2\"", "nameless = true");
    let hosts = ["127.0.0.2", "127.0.0.1", "esb.test"];
    assert_eq!(
        world.greets("127.0.0.2", &hosts),
        ("mgt", ["manager /", "worker /", "worker /"].map(Into::into).into())
    );
    assert_eq!(
        world.greets("127.0.0.1", &hosts),
        ("esb", ["manager /", "worker /", "worker /"].map(Into::into).into())
    );
    let said = world.check();
    assert!(said.contains("without a server name: the certificate of esb\n"), "{said}");
    assert!(said.contains("without one at 127.0.0.2: that of mgt\n"), "{said}");
}

#[test]
fn a_nameless_site_takes_callers_by_address_and_no_wrong_name() {
    let world = world("", "nameless = true");
    let (whose, said) = world.greets("127.0.0.1", &HOSTS);
    assert_eq!(whose, "esb");
    assert_eq!(said, ["worker /", "manager /", "worker /", "421 unknown-host"]);
    let plain = |request: &str| world.weir.client().ask(request).text();
    assert_eq!(plain("GET / HTTP/1.0\r\n\r\n"), "worker /");
    assert_eq!(plain("GET / HTTP/1.1\r\nHost: 192.0.2.9:80\r\n\r\n"), "worker /");
    assert_eq!(plain("GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n"), "worker /");
    assert_eq!(world.weir.client().ask("GET / HTTP/1.1\r\nHost: 1.2.3\r\n\r\n").refusal(), "421 unknown-host");
    assert!(Client::tls(world.weir.https(), &Offer::http1("other.test")).is_err());
    assert!(world.check().contains("esb.test, clients without a name"), "{}", world.check());
}

#[test]
fn a_default_site_takes_them_where_none_asks_for_them() {
    let world = world("", "default = true");
    let (whose, said) = world.greets("127.0.0.1", &HOSTS);
    assert_eq!((whose, said), ("esb", ["worker /", "manager /", "worker /", "worker /"].map(Into::into).into()));
}

#[test]
fn a_failed_handshake_says_which_name_was_asked_for_or_that_there_was_none() {
    let world = world("", "");
    let strict = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let strict = Arc::new(strict);
    let told = |said: &str| eventually(said, || world.weir.read("rest.log").contains(said));
    for name in ["mgt.esb.test", "127.0.0.1", "other.test"] {
        assert!(Client::tls_with(world.weir.https(), &strict, name).is_err(), "{name}");
    }
    told("reason=\"server name mgt.esb.test; ");
    told("reason=\"no server name; ");
    told("reason=\"no site of this listener has the server name other.test\"");
}

#[test]
fn openssl_and_curl_reach_a_site_by_its_address() {
    let world = world(", \"127.0.0.1\"", "");
    let port = world.weir.https().port();
    let shown = Command::new("openssl")
        .args(["s_client", "-noservername", "-connect", &format!("127.0.0.1:{port}")])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("openssl is installed");
    assert!(String::from_utf8_lossy(&shown.stdout).contains("BEGIN CERTIFICATE"), "{shown:?}");
    let got = Command::new("curl")
        .args(["-sk", "--noproxy", "*", &format!("https://127.0.0.1:{port}/a")])
        .output()
        .expect("curl is installed");
    assert_eq!(String::from_utf8_lossy(&got.stdout), "manager /a", "{got:?}");
}
