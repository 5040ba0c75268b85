//! Two machines with one secret: what the clients of one have is good at the other.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use crate::harness::{Appliance, Client, Offer, Origin, Plan, eventually, fresh_dir, ok_with};

const SECRET: &str = "3d9e1c77f3b64b0f8e5a2b1d0c9f8e7a";

/// A folder for what both machines read.
struct Desk(PathBuf);

impl Desk {
    fn new() -> Self {
        Self(fresh_dir())
    }

    fn secret(&self, name: &str, text: &str) -> String {
        let file = self.0.join(name);
        fs::write(&file, format!("{text}\n")).expect("it can be written");
        format!("[shared]\nsecret = \"{}\"", file.display())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn nodes() -> [Origin; 3] {
    ["n1", "n2", "n3"].map(|name| Origin::speaking(move |talk| talk.send(&ok_with("", name))))
}

fn machine(nodes: &[Origin; 3], more: &str) -> Appliance {
    let nodes: Vec<&Origin> = nodes.iter().collect();
    Plan::before(&nodes).secure().pool("sticky = { mode = \"cookie\" }").more(more).start()
}

/// Weir's cookie, and the node that it leads to.
fn own_cookie(weir: &Appliance) -> (String, String) {
    let answer = weir.get("/");
    let cookie = answer.field("set-cookie").unwrap_or_default();
    (cookie.split(';').next().unwrap_or_default().to_owned(), answer.text())
}

fn with_cookie(weir: &Appliance, cookie: &str) -> (String, bool) {
    let answer = weir.client().ask(format!("GET / HTTP/1.1\r\nHost: esb.test\r\nCookie: {cookie}\r\n\r\n"));
    (answer.text(), answer.field("set-cookie").is_some())
}

#[test]
fn the_cookie_of_one_machine_leads_to_its_node_at_the_other() {
    let (desk, nodes) = (Desk::new(), nodes());
    let (same, other) = (desk.secret("same", SECRET), desk.secret("other", &SECRET.replace('3', "4")));
    let (one, two) = (machine(&nodes, &same), machine(&nodes, &same));
    for _ in 0..6 {
        let (cookie, node) = own_cookie(&one);
        assert_eq!(with_cookie(&two, &cookie), (node.clone(), false), "{cookie}");
        assert_eq!(with_cookie(&one, &cookie), (node, false), "{cookie}");
    }
    // One that has another secret, or none, does not know it.
    let (cookie, _) = own_cookie(&one);
    for stranger in [machine(&nodes, &other), machine(&nodes, "")] {
        assert!(with_cookie(&stranger, &cookie).1, "it gives one of its own");
    }
}

#[test]
fn tls_goes_on_at_the_other_machine_where_it_was_begun_at_one() {
    let (desk, nodes) = (Desk::new(), nodes());
    let (same, other) = (desk.secret("same", SECRET), desk.secret("other", &SECRET.replace('3', "4")));
    let (one, two, stranger) = (machine(&nodes, &same), machine(&nodes, &same), machine(&nodes, &other));
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = Arc::new(Offer { versions: vec![version], ..Offer::http1("esb.test") }.config());
        let resumes = |weir: &Appliance| {
            let (mut client, agreed) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
            assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200);
            agreed.resumed
        };
        assert_eq!([&one, &two, &one, &stranger].map(resumes), [false, true, true, false], "{version:?}");
    }
}

#[test]
fn a_secret_that_changes_waits_for_the_next_start_and_that_is_said() {
    let (desk, nodes) = (Desk::new(), nodes());
    let mut weir = machine(&nodes, &desk.secret("same", SECRET));
    let (cookie, node) = own_cookie(&weir);
    desk.secret("same", &SECRET.replace('3', "4"));
    let said = "the secret of sessions, cookies and tickets stays the one that it was; restart Weir to follow";
    // Nobody orders a reload: the file is followed.
    eventually(said, || weir.journal().contains(said));
    assert_eq!(with_cookie(&weir, &cookie), (node.clone(), false));
    desk.secret("same", "tooshort");
    let refused = "has 8 characters, and 16 to 1000 are taken";
    eventually(refused, || weir.journal().contains(refused));
    assert!(!weir.journal().contains("tooshort"), "{}", weir.journal());
    desk.secret("same", SECRET);
    weir.stop();
    weir.start_again();
    assert_eq!(with_cookie(&weir, &cookie), (node, false));
}

/// What a restart would forget, an upgrade does not.
#[test]
fn an_upgrade_keeps_the_secret_of_the_process_before() {
    let (desk, nodes) = (Desk::new(), nodes());
    let mut weir = machine(&nodes, "");
    let (cookie, node) = own_cookie(&weir);
    let shared = desk.secret("same", SECRET);
    weir.edit(|text| format!("{text}\n{shared}\n"));
    let said: serde_json::Value = serde_json::from_str(&weir.command(&["upgrade", "--json"]).out).expect("JSON");
    let next = said["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("the new process");
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(next);
    assert_eq!(with_cookie(&weir, &cookie), (node, false));
    let told = "stays that of the process before, since an upgrade forgets none";
    weir.tells(told);
    weir.reload();
    weir.tells("tickets stays this machine's own; restart Weir");
    weir.stop();
    weir.start_again();
    assert!(with_cookie(&weir, &cookie).1, "it is of the secret of before");
}
