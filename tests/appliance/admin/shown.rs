//! What commands show of a running Weir, and what they would change.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::{Value, json};

use crate::harness::{Appliance, Client, Origin, Plan, eventually, ok_with, within};

#[track_caller]
fn ask(weir: &Appliance, path: &str) -> Value {
    let answer = weir.ask_admin(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_str(&answer.text()).expect("JSON")
}

#[track_caller]
fn post(weir: &Appliance, path: &str, body: &str) -> (u16, Value) {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    let answer = Client::unix(&weir.admin_socket()).expect("the socket takes it").ask(head + body);
    (answer.status, serde_json::from_str(&answer.text()).expect("JSON"))
}

#[test]
fn a_diff_says_what_a_reload_would_change_and_changes_nothing() {
    let origin = Origin::named("n");
    let mut weir = Appliance::in_front_of(&[&origin]);
    let same = weir.command(&["diff"]);
    assert_eq!((same.code, &*same.out), (Some(0), "nothing would change: generation 1 runs the same\n"));
    weir.edit(|text| {
        text.replace("[[pool]]\n", "[[node]]\nname = \"n9\"\naddress = \"127.0.0.9\"\n[[pool]]\n")
            .replace("nodes = [{ node = \"n1\" }]", "nodes = [{ node = \"n1\", weight = 3 }, \"n9\"]")
    });
    for words in [&["diff"][..], &["reload", "--dry-run"]] {
        let told = weir.command(words);
        assert_eq!(told.code, Some(0), "{told:?}");
        for line in ["3 changes", "  node n9 added", "  pool app: node n1: weight 1 → 3", "  pool app: node n9 added"]
        {
            assert!(told.out.lines().any(|told| told == line), "{line:?} is not in {told:?}");
        }
    }
    assert_eq!(ask(&weir, "/api/v1/status")["generation"], 1);
    weir.edit(|text| text.replace("[[pool]]", "[[poll]]"));
    let refused = weir.command(&["reload", "--dry-run"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("would be refused") && refused.err.contains("weir.toml:"), "{refused:?}");
    let json: Value = serde_json::from_str(&weir.command(&["diff", "--json"]).out).unwrap();
    assert_eq!((&json["accepted"], json["problems"][0]["line"].is_u64()), (&Value::from(false), true));
    // What runs is told from what was read then, not from what the file has now.
    assert!(weir.command(&["config"]).out.contains("[[pool]] app"));
    assert_eq!(weir.get("/").status, 200);
    weir.stop();
    assert_eq!(weir.command(&["diff"]).code, Some(1));
}

#[test]
fn a_configuration_can_be_sent_to_be_compared() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().start();
    // Relative paths begin at the directory of the file that runs.
    let text =
        weir.read("weir.toml").replace(&format!("{}/esb.crt", weir.path("").display()).replace("//", "/"), "esb.crt");
    let text = text.replace("threads = 1", "threads = 2");
    std::fs::write(weir.path("other.toml"), &text).unwrap();
    let other = weir.path("other.toml");
    let told = weir.command(&["diff", other.to_str().unwrap()]);
    assert!(told.out.lines().any(|line| line == "  threads 1 → 2"), "{told:?}");
    // The same that a reload says.
    let warned = "the number of traffic threads stays 1 and does not become 2; restart Weir to follow";
    assert!(told.err.contains(warned), "{told:?}");
    std::fs::write(weir.path("other.toml"), format!("k = 1\n{text}")).unwrap();
    let told = weir.command(&["diff", other.to_str().unwrap()]);
    assert!(told.code == Some(1) && told.err.contains(&format!("{}:1: unknown key", other.display())), "{told:?}");
    let (status, problem) = post(&weir, "/api/v1/config/check", &"#".repeat((1 << 20) + 1));
    assert_eq!((status, &problem["status"]), (413, &Value::from(413)));
    let (status, answer) = post(&weir, "/api/v1/config/check", "threads = x");
    // What it says of other files is only for who may change something.
    let head = "POST /api/v1/config/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(Client::plain(weir.admin()).unwrap().ask(head).status, 403);
    assert_eq!((status, &answer["accepted"]), (200, &Value::from(false)));
}

#[test]
fn secrets_are_in_nothing_that_is_shown() {
    let origin = Origin::answering(|_| ok_with("Set-Cookie: JSESSIONID=hunter2-session; Path=/\r\n", "x"));
    let weir = Plan::before(&[&origin])
        .pool("sticky = { mode = \"learn\" }")
        .site("request-headers = { set = { Authorization = \"Basic hunter2\" } }")
        .more("[[site.route]]\nname = \"r\"\nprefix = \"/r\"\nheaders = [{ name = \"X-Key\", value = \"hunter2\" }]\n")
        .start();
    weir.client()
        .ask("GET /?password=hunter2 HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID=hunter2-session\r\n\r\n");
    let find = json!({"id": "hunter2-session"}).to_string();
    eventually("the session is known", || post(&weir, "/api/v1/sessions/find", &find).1[0]["node"] == "n1");
    // The file changes in nothing but secrets.
    weir.edit(|text| text.replace("Basic hunter2", "Basic other-hunter2"));
    let told = weir.command(&["diff"]);
    assert_eq!(told.out, "1 change\n  site main, request-headers: set changed\n");
    for words in [&["config"][..], &["config", "--json"], &["events", "--json"], &["diff", "--json"]] {
        let told = weir.command(words);
        assert!(told.code == Some(0) && !told.out.contains("hunter2"), "{words:?}: {told:?}");
    }
    assert_eq!(weir.command(&["reload", "--reason", "for the bundle"]).code, Some(0));
    let out = weir.path("b.tar.gz");
    let made = weir.command(&["bundle", "--out", out.to_str().unwrap()]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let files = unpacked(&out);
    for name in [
        "version.txt",
        "status.json",
        "nodes.json",
        "events.json",
        "configuration.json",
        "check.json",
        "metrics.txt",
        "machine.txt",
        "audit.log",
    ] {
        let text = files.get(name).unwrap_or_else(|| panic!("{name} is not in {:?}", files.keys()));
        assert!(!text.is_empty(), "{name}");
    }
    for (name, text) in &files {
        assert!(!text.contains("hunter2"), "{name}: {text}");
    }
    assert!(files["configuration.json"].contains("(left out)"));
    assert!(files["audit.log"].contains("for the bundle"), "{}", files["audit.log"]);
    // A file that is there is kept.
    let again = weir.command(&["bundle", "--out", out.to_str().unwrap()]);
    assert!(again.code == Some(1) && again.err.contains("is there already"), "{again:?}");
    assert!(!weir.journal().contains("hunter2-session"), "{}", weir.journal());
}

fn unpacked(path: &std::path::Path) -> BTreeMap<String, String> {
    let mut archive =
        tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(path).expect("the archive is there")));
    let mut files = BTreeMap::new();
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a path").file_name().expect("a name").to_string_lossy().into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        files.insert(name, text);
    }
    files
}

#[test]
fn a_session_is_found_by_its_id() {
    let origin = Origin::answering(|_| ok_with("Set-Cookie: JSESSIONID=4F; Path=/\r\n", "x"));
    let weir = Plan::before(&[&origin]).pool("sticky = { mode = \"learn\" }").start();
    weir.get("/");
    eventually("it was learned", || ask(&weir, "/api/v1/sessions")[0]["by_node"]["n1"] == 1);
    let (status, found) = post(&weir, "/api/v1/sessions/find", r#"{"id": "4F"}"#);
    assert_eq!((status, &found[0]["node"], &found[0]["by"]), (200, &"n1".into(), &"table".into()));
    assert_eq!(post(&weir, "/api/v1/sessions/find", r#"{"id": "unknown", "pool": "app"}"#), (200, json!([])));
    for (body, status) in [
        ("", 400),
        ("{}", 400),
        (r#"{"id": ""}"#, 400),
        (r#"{"id": "4F", "node": "n1"}"#, 400),
        (r#"{"id": "4F", "pool": "nap"}"#, 404),
    ] {
        assert_eq!(post(&weir, "/api/v1/sessions/find", body).0, status, "{body}");
    }
    assert_eq!(post(&weir, "/api/v1/sessions/find", &format!("{{\"id\": \"{}\"}}", "x".repeat(9000))).0, 413);
}

#[test]
fn what_a_reload_changed_is_told_afterwards_and_no_secret_is() {
    let origin = Origin::named("n");
    let secret = "request-headers = { set = { Authorization = \"Basic b2xk\" } }";
    let mut weir = Plan::before(&[&origin]).site(secret).start();
    weir.edit(|text| {
        text.replace("Basic b2xk", "Basic bmV3")
            .replace("[[pool]]\n", "[[node]]\nname = \"n9\"\naddress = \"127.0.0.9\"\n[[pool]]\n")
            .replace("nodes = [{ node = \"n1\" }]", "nodes = [{ node = \"n1\", weight = 3 }, \"n9\"]")
    });
    let diff = weir.command(&["diff"]).out;
    let told: Vec<&str> = diff.lines().skip(1).map(str::trim).collect();
    assert_eq!(told.len(), 4, "{diff}");
    weir.reload();
    assert_eq!(ask(&weir, "/api/v1/reloads")[0]["changes"], serde_json::json!(told));
    let events = weir.command(&["events", "--kind", "reload"]).out;
    let named = format!("generation 2 runs: {}; and 1 more", told[..3].join("; "));
    assert!(events.contains(&named), "no {named} in {events}");
    let audited = weir.read("audit.log");
    assert!(audited.contains(&named), "no {named} in {audited}");
    eventually("the journal has each of them", || {
        let journal = weir.journal();
        told.iter().all(|change| journal.contains(&format!("changed: {change}")))
    });
    for text in [&diff, &events, &audited, &weir.journal(), &ask(&weir, "/api/v1/reloads").to_string()] {
        assert!(!text.contains("bmV3") && !text.contains("b2xk"), "{text}");
    }
    weir.reload();
    assert_eq!(ask(&weir, "/api/v1/reloads")[0]["changes"], serde_json::json!([]));
    assert!(weir.command(&["events"]).out.contains("generation 3 runs: no setting has changed"));
}

#[test]
fn events_are_shown_followed_and_filtered() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let mut weir = Plan::before(&[&a, &b]).start();
    let mut follower = weir.begin_command(&["events", "--follow"]);
    weir.reload();
    eventually("the follower was told", || follower.out().contains("generation 2 runs"));
    assert_eq!(weir.command(&["maintain", "n2", "--force"]).code, Some(0));
    eventually("the follower was told", || follower.out().contains("n2"));
    let of_node = weir.command(&["events", "--node", "n2"]);
    assert!(of_node.out.contains("n2") && !of_node.out.contains("generation 2"), "{of_node:?}");
    let known = ask(&weir, "/api/v1/reloads");
    assert_eq!(
        (&known[0]["actor"], &known[0]["accepted"], &known[0]["generation"]),
        (&"signal".into(), &true.into(), &2.into())
    );
    let reloads = weir.command(&["events", "--kind", "reload"]);
    assert_eq!(reloads.out.lines().count(), 1, "{reloads:?}");
    assert!(weir.command(&["events", "--since", "1h"]).out.contains("generation 2"));
    let to_come = weir.command(&["events", "--since", "2100-01-01T00:00:00Z"]);
    assert_eq!((to_come.code, &*to_come.out), (Some(0), "no events\n"));
    let gone = weir.command(&["events", "--since", "2h", "--until", "1h"]);
    assert!(gone.code == Some(0) && gone.out.starts_with("no such events since "), "{gone:?}");
    assert!(weir.command(&["events", "--since", "1h", "--until", "0s"]).out.contains("generation 2"));
    let turned = weir.command(&["events", "--since", "2100-01-01T00:00:00Z", "--until", "2099-01-01T00:00"]);
    assert!(turned.code == Some(1) && turned.err.contains("is before --since"), "{turned:?}");
    assert_eq!(weir.command(&["events", "--since", "yesterday"]).code, Some(2));
    assert_eq!(weir.ask_admin("/api/v1/events?from_time=yesterday").status, 400);
    // Over a restart it goes on.
    weir.stop();
    weir.start_again();
    weir.reload();
    eventually("the follower came back", || follower.out().matches("generation 2 runs").count() == 2);
    assert!(follower.still_runs());
}

#[test]
fn sites_listeners_and_certificates_are_told() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().start();
    let sites = weir.command(&["sites"]);
    assert!(sites.out.starts_with("SITE    HOSTS     POOL  REQ/S  ERRORS  P95  CERT\n"), "{sites:?}");
    assert!(sites.out.lines().any(|line| line.starts_with("secure") && line.ends_with(" d")), "{sites:?}");
    let certificates = ask(&weir, "/api/v1/certificates");
    assert_eq!((&certificates[0]["site"], certificates.as_array().unwrap().len()), (&"secure".into(), 1));
    assert!(certificates[0]["sha256"].as_str().unwrap().len() == 64 && certificates[0]["days_left"].as_i64() > Some(0));
    let _open = weir.client();
    eventually("the connection is counted", || ask(&weir, "/api/v1/listeners")[0]["connections"] == 1);
    let listeners = ask(&weir, "/api/v1/listeners");
    assert_eq!((&listeners[1]["name"], &listeners[1]["tls_from"]), (&"https".into(), &"1.2".into()));
    let why = ask(&weir, "/api/v1/why?url=http://esb.test/a");
    assert_eq!((&why["site"], &why["node"]), (&"main".into(), &"n1".into()));
}

#[test]
fn top_shows_the_nodes_and_leaves_the_terminal_as_it_was() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    let once = weir.command(&["top", "--once"]);
    assert!(once.code == Some(0) && once.out.contains("n1"), "{once:?}");
    let refused = weir.command(&["top"]);
    assert!(refused.code == Some(1) && refused.err.contains("needs a terminal"), "{refused:?}");
    for key in ["q", "\x03"] {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let open = || std::fs::OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let terminal = open();
        let mut top = Command::new(env!("CARGO_BIN_EXE_weir"))
            .arg("top")
            .env("WEIR_ADMIN", weir.admin_socket())
            .env("TERM", "xterm")
            .stdin(Stdio::from(OwnedFd::from(open())))
            .stdout(Stdio::from(OwnedFd::from(open())))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut screen = std::fs::File::from(master);
        let (told, mut seen) = (std::sync::mpsc::channel(), String::new());
        let mut reader = screen.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                let _ = told.0.send(String::from_utf8_lossy(&bytes[..length]).into_owned());
            }
        });
        eventually("the node is on the screen", || {
            seen.extend(told.1.try_iter());
            seen.contains("n1") && seen.contains("All well")
        });
        assert!(!tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ECHO));
        screen.write_all(key.as_bytes()).unwrap();
        let ended = within(Duration::from_secs(10), || top.try_wait().unwrap().is_some());
        assert!(ended, "{key:?} does not end it");
        assert_eq!(top.wait().unwrap().code(), Some(0), "{key:?}");
        assert!(tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ECHO));
        eventually("the first screen is back", || {
            seen.extend(told.1.try_iter());
            seen.ends_with("\x1b[?1049l")
        });
    }
}
