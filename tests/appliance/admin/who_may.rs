//! Who may read and who may give orders: on the admin socket, on the admin address, with tokens, and on the metrics address.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Answer, Appliance, Client, Origin, Plan, eventually, free_port, weir};

const READER: &str = "reads-0123456789";
const OPERATOR: &str = "operates-0123456789";

/// An appliance with a token that may read and one that may operate.
fn with_tokens(plan: impl FnOnce(Plan) -> Plan) -> (Origin, Appliance) {
    let origin = Origin::named("n");
    let weir = plan(Plan::before(&[&origin])).token("read", READER).token("operate", OPERATOR).start();
    (origin, weir)
}

#[track_caller]
fn ask(weir: &Appliance, line: &str, fields: &str) -> Answer {
    Client::plain(weir.admin()).expect("the admin address accepts").ask(request(line, fields))
}

fn request(line: &str, fields: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: localhost\r\nX-Weir: test\r\nContent-Length: 0\r\n{fields}\r\n")
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// The status of a refusal, which is a problem document with advice.
#[track_caller]
fn refused(answer: &Answer) -> u16 {
    assert_eq!(answer.field("content-type").as_deref(), Some("application/problem+json"), "{answer:?}");
    let problem: Value = serde_json::from_str(&answer.text()).expect("a problem is JSON");
    assert_eq!(problem["status"], answer.status, "{problem}");
    assert!(["detail", "advice"].iter().all(|part| problem[*part].as_str().is_some_and(|text| !text.is_empty())));
    answer.status
}

const READ: &str = "GET /api/v1/status";
const CHANGE: &str = "POST /api/nodes/n1/maintain?force=yes";

#[test]
fn the_address_only_reads_and_the_socket_takes_orders() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    assert_eq!(ask(&weir, READ, "").status, 200);
    let answer = ask(&weir, CHANGE, "");
    assert_eq!(refused(&answer), 403);
    let named = format!("use the admin socket {} ", weir.admin_socket().display());
    assert!(answer.text().contains(&named), "{}", answer.text());
    for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        assert_eq!(refused(&ask(&weir, &format!("{method} /api/v1/nodes/n1"), "")), 403, "{method}");
    }
    assert_eq!(weir.state("app", "n1"), "active");
    assert_eq!(weir.operator().ask(request(CHANGE, "")).status, 200);
    assert_eq!(weir.state("app", "n1"), "passive maintenance");
    assert_eq!(weir.operator().ask(request(READ, "")).status, 200);
}

#[test]
fn the_socket_outlives_reloads_and_ends_with_its_weir() {
    let origin = Origin::named("n");
    let mut weir = Appliance::in_front_of(&[&origin]);
    let mut kept = weir.operator();
    assert_eq!(weir.admin_socket().metadata().unwrap().permissions().mode() & 0o117, 0, "others may not connect");
    for _ in 0..2 {
        weir.reload();
        assert_eq!(weir.operator().ask(request(READ, "")).status, 200);
    }
    assert_eq!(kept.ask(request(READ, "")).status, 200);
    weir.edit(|text| text.replace("admin.sock", "other.sock"));
    let told = weir.command(&["reload"]);
    assert!(told.err.contains("the admin socket stays") && told.err.contains("restart"), "{told:?}");
    weir.edit(|text| text.replace("other.sock", "admin.sock"));
    weir.kill();
    assert!(weir.admin_socket().exists(), "a killed process leaves it behind");
    weir.start_again();
    assert_eq!(weir.operator().ask(request(READ, "")).status, 200);
    weir.stop();
    assert!(!weir.admin_socket().exists());
}

#[test]
fn a_second_weir_does_not_take_the_socket_of_the_first() {
    let origin = Origin::named("n");
    let first = Appliance::in_front_of(&[&origin]);
    let file = first.path("second.toml");
    let (http, admin) = (free_port(), free_port());
    let text = first.read("weir.toml").replace(&format!(":{}", first.http().port()), &format!(":{http}"));
    std::fs::write(&file, text.replace(&format!(":{}", first.admin().port()), &format!(":{admin}"))).unwrap();
    let second = weir(&["run", "--config", &file.display().to_string()]).expect("the binary runs");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another process answers there") && said.contains("name another path"), "{said}");
    assert_eq!(first.operator().ask(request(READ, "")).status, 200);
}

#[test]
fn a_token_lets_its_bearer_do_what_it_says() {
    let (_origin, weir) = with_tokens(|plan| plan);
    let (reader, operator) = (bearer(READER), bearer(OPERATOR));
    assert_eq!(ask(&weir, READ, &reader).status, 200);
    assert_eq!(refused(&ask(&weir, CHANGE, &reader)), 403);
    assert_eq!(weir.state("app", "n1"), "active");
    for wrong in ["", "operates-012345678", "operates-01234567890", "OPERATES-0123456789", "\u{fc}"] {
        for line in [READ, CHANGE] {
            let answer = ask(&weir, line, &bearer(wrong));
            assert_eq!(refused(&answer), 401, "{wrong} {line}");
            assert!(answer.field("www-authenticate").is_some_and(|scheme| scheme.starts_with("Bearer")));
        }
    }
    assert_eq!(refused(&ask(&weir, READ, "Authorization: Basic b3BzOm9wcw==\r\n")), 401);
    assert_eq!(refused(&ask(&weir, CHANGE, &(operator.clone() + &operator))), 400);
    assert_eq!(refused(&ask(&weir, CHANGE, &(reader.clone() + &operator))), 400);
    assert_eq!(weir.state("app", "n1"), "active");
    assert_eq!(ask(&weir, CHANGE, &operator).status, 200);
    assert_eq!(weir.state("app", "n1"), "passive maintenance");
}

#[test]
fn beyond_loopback_nothing_is_read_without_a_token() {
    let (_origin, weir) = with_tokens(|plan| plan.admin_ip("0.0.0.0"));
    // The connection comes over loopback; what counts is where the address can be reached.
    for path in ["/livez", "/readyz"] {
        assert_eq!(weir.ask_admin(path).status, 200, "{path}");
    }
    for path in ["/metrics", "/api/nodes", "/api/v1/status", "/api/v1/openapi.json", "/nowhere"] {
        let line = format!("GET {path}");
        assert_eq!(refused(&ask(&weir, &line, "")), 401, "{path}");
        assert_ne!(ask(&weir, &line, &bearer(READER)).status, 401, "{path}");
    }
    for line in [CHANGE, "POST /livez", "POST /"] {
        assert_eq!(refused(&ask(&weir, line, "")), 401, "{line}");
        assert_eq!(refused(&ask(&weir, line, &bearer(READER))), 403, "{line}");
    }
    assert!(weir.operator().ask(request("GET /api/nodes", "")).text().contains("\"state\":\"active\""));
}

#[test]
fn tokens_are_read_again_at_each_reload() {
    let (_origin, mut weir) = with_tokens(|plan| plan);
    let mut kept = Client::plain(weir.admin()).expect("the admin address accepts");
    let mut status = |line: &str, token: &str| kept.ask(request(line, &bearer(token))).status;
    assert_eq!(status(READ, OPERATOR), 200);
    std::fs::write(weir.path("operate.token"), "another-0123456789").expect("the test's directory is there");
    assert_eq!((status(READ, OPERATOR), status(READ, "another-0123456789")), (200, 401));
    weir.reload();
    assert_eq!((status(READ, OPERATOR), status(READ, "another-0123456789")), (401, 200));
    weir.edit(|text| text.replace("may = \"operate\"", "may = \"read\""));
    weir.reload();
    assert_eq!(status(CHANGE, "another-0123456789"), 403);
    std::fs::write(weir.path("operate.token"), "short").expect("the test's directory is there");
    assert!(weir.reload().contains("refused"), "a token that cannot be used keeps the old ones");
    assert_eq!(status(READ, "another-0123456789"), 200);
}

#[test]
fn bodies_are_small_and_come_at_once() {
    let (_origin, weir) = with_tokens(|plan| plan);
    let post = |fields: &str| format!("POST /api/reload HTTP/1.1\r\nHost: localhost\r\nX-Weir: 1\r\n{fields}\r\n");
    let operator = bearer(OPERATOR);
    let huge = post(&format!("{operator}Content-Length: 9000\r\n")) + &"x".repeat(9000);
    assert_eq!(refused(&weir.operator().ask(&huge)), 413);
    let chunked = post("Transfer-Encoding: chunked\r\n") + &format!("2400\r\n{}\r\n0\r\n\r\n", "x".repeat(0x2400));
    assert_eq!(refused(&weir.operator().ask(&chunked)), 413);
    // Who may not is told so before the body is waited for.
    let mut stranger = Client::plain(weir.admin()).expect("the admin address accepts");
    assert_eq!(refused(&stranger.ask(post("Content-Length: 100000\r\n") + "half")), 403);
    assert!(!weir.journal().contains("reloaded"), "{}", weir.journal());
    let mut half = weir.operator();
    half.send(post("Content-Length: 100\r\n") + "half");
    assert_eq!(weir.command(&["reload"]).code, Some(0), "others do not wait for it");
    let answer = std::iter::repeat_with(|| half.answer()).take(4).find_map(Result::ok);
    assert_eq!(answer.map(|answer| refused(&answer)), Some(408));
}

#[test]
fn a_web_page_under_a_name_of_its_own_reads_nothing() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).admin("hosts = [\"weir1.test\"]").start();
    let ask = |path: &str, fields: &str| {
        let mut client = Client::plain(weir.admin()).expect("the admin address accepts");
        client.ask(format!("GET {path} HTTP/1.1\r\n{fields}\r\n"))
    };
    for path in ["/", "/api/v1/status", "/api/nodes", "/api/why?host=a"] {
        assert_eq!(refused(&ask(path, "Host: evil.test\r\n")), 403, "{path}");
        assert_eq!(refused(&ask(path, "Host: localhost\r\nOrigin: http://evil.test\r\n")), 403, "{path}");
        assert_eq!(refused(&ask(path, "Host: localhost\r\nHost: localhost\r\n")), 403, "{path}");
    }
    for host in ["localhost:9180", "127.0.0.1", "[::1]:9180", "weir1.test:9180"] {
        let fields = format!("Host: {host}\r\nOrigin: http://{host}\r\n");
        assert_eq!(ask("/api/v1/status", &fields).status, 200, "{host}");
    }
    for path in ["/metrics", "/livez", "/readyz"] {
        assert_eq!(ask(path, "Host: weir1.internal:9180\r\n").status, 200, "{path}");
    }
}

#[test]
fn the_metrics_address_tells_how_weir_is_and_nothing_else() {
    let (origin, port) = (Origin::named("n"), free_port());
    let weir = Plan::before(&[&origin]).more(&format!("[metrics]\nbind = \"127.0.0.1:{port}\"")).start();
    let ask = |line: &str| {
        let mut client = Client::plain(([127, 0, 0, 1], port).into()).expect("the metrics address accepts");
        client.ask(format!("{line} HTTP/1.1\r\nHost: weir1.internal\r\nX-Weir: 1\r\nContent-Length: 0\r\n\r\n")).status
    };
    for path in ["/metrics", "/livez", "/readyz"] {
        assert_eq!(ask(&format!("GET {path}")), 200, "{path}");
        assert_eq!(ask(&format!("POST {path}")), 405, "{path}");
    }
    for path in ["/api/v1/status", "/api/nodes", "/api/status", "/", "/api/v1/stream"] {
        assert_eq!(ask(&format!("GET {path}")), 404, "{path}");
    }
    assert_eq!(ask("POST /api/reload"), 404);
    assert_eq!(weir.ask_admin("/metrics").status, 200, "the admin address has them too");
}

#[test]
fn a_socket_that_is_named_and_cannot_be_made_ends_the_start() {
    let origin = Origin::named("n");
    let first = Appliance::in_front_of(&[&origin]);
    let good = first.read("weir.toml");
    std::fs::write(first.path("precious"), "kept").unwrap();
    for (path, said, advice) in [
        ("nowhere/admin.sock", "No such file or directory", "make the directory"),
        ("precious", "there is a file that is no socket", "name another path"),
    ] {
        let file = first.path("other.toml");
        let ports = [first.http().port(), first.admin().port()];
        let text = ports.iter().fold(good.replace("admin.sock", path), |text, port| {
            text.replace(&format!(":{port}"), &format!(":{}", free_port()))
        });
        std::fs::write(&file, text).unwrap();
        let ended = weir(&["run", "--config", &file.display().to_string()]).expect("the binary runs");
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{told}");
        assert!(told.contains(said) && told.contains(advice) && told.contains("other.toml"), "{told}");
    }
    assert_eq!(first.read("precious"), "kept");
}

#[test]
fn the_commands_find_weir_by_its_configuration() {
    let origin = Origin::named("n");
    let mut weir = Appliance::in_front_of(&[&origin]);
    let config = weir.path("weir.toml").display().to_string();
    let run = |words: &[&str]| {
        let words = [words, &["--config", &config][..]].concat();
        let output = Command::new(env!("CARGO_BIN_EXE_weir")).args(words).env("WEIR_ADMIN", "").output();
        let output = output.expect("the binary runs");
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, said) = run(&["maintain", "n1", "--force"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(weir.state("app", "n1"), "passive maintenance");
    let at = |place: &str, word: &[&str]| run(&[word, &["--admin", place][..]].concat());
    let port = weir.admin().port();
    for place in
        [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("unix:{}", weir.admin_socket().display())]
    {
        let (code, said) = at(&place, &["nodes"]);
        assert!(code == Some(0) && said.contains("maintenance"), "{place}: {said}");
    }
    let (code, said) = at(&format!("localhost:{port}"), &["activate", "n1"]);
    let socket = format!("admin socket {}", weir.admin_socket().display());
    assert!(code == Some(1) && said.contains("only reads") && said.contains(&socket), "{said}");
    assert_eq!(weir.state("app", "n1"), "passive maintenance");
    // Without its socket it can still be read.
    std::fs::remove_file(weir.admin_socket()).unwrap();
    let (_, said) = at(&format!("localhost:{port}"), &["activate", "n1"]);
    assert!(said.contains(&format!("the {socket} is not there")), "{said}");
    assert_eq!(run(&["nodes"]).0, Some(0));
    let (code, said) = run(&["activate", "n1"]);
    let missing =
        format!("no socket {} (no such socket), and 127.0.0.1:{port} only reads", weir.admin_socket().display());
    assert!(code == Some(1) && said.contains(&missing) && !said.contains("as root"), "{said}");
    weir.stop();
    let (code, said) = run(&["nodes"]);
    assert_eq!(code, Some(1));
    for part in ["admin.sock (no such socket)", "(nobody listens there)", "systemctl status weir"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
}

#[test]
fn a_command_shows_the_token_of_a_file() {
    let (_origin, weir) = with_tokens(|plan| plan);
    let (good, bad) = (weir.path("good.token"), weir.path("bad.token"));
    std::fs::write(&good, OPERATOR).unwrap();
    std::fs::write(&bad, "").unwrap();
    let address = weir.admin().to_string();
    let run = |file: &std::path::Path| {
        let words = ["maintain", "n1", "--force", "--admin", &address, "--token-file", &file.display().to_string()];
        crate::harness::weir(&words).expect("the binary runs")
    };
    for file in [&bad, &weir.path("none")] {
        let ended = run(file);
        assert_eq!(ended.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&ended.stderr).contains(&file.display().to_string()));
    }
    assert_eq!(weir.state("app", "n1"), "active");
    assert!(run(&good).status.success());
    assert_eq!(weir.state("app", "n1"), "passive maintenance");
}

/// Another user of this machine. It can reach the socket only because this test opens it: what then turns it away is
/// what the kernel says of it.
#[test]
fn another_user_is_told_who_it_is_and_changes_nothing() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can be another user");
        return;
    }
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    for path in [weir.path("."), weir.admin_socket()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    assert!(UnixStream::connect(weir.admin_socket()).is_ok());
    let socket = weir.admin_socket().display().to_string();
    let ended = Command::new("/bin/sh")
        .arg("-c")
        .arg("exec \"$0\" \"$@\"")
        .uid(65_534)
        .gid(65_534)
        .arg(env!("CARGO_BIN_EXE_weir"))
        .args(["maintain", "n1", "--force", "--admin", &socket])
        .output();
    let ended = ended.expect("the shell runs");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    if said.contains("ermission denied") && !said.contains("uid:") {
        eprintln!("SKIPPED: the binary is where another user may not go: {said}");
        return;
    }
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("uid:65534") && said.contains("usermod -aG weir"), "{said}");
    assert_eq!(weir.state("app", "n1"), "active");
    let mut own = UnixStream::connect(weir.admin_socket()).unwrap();
    own.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    own.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

#[test]
fn a_wrong_token_is_in_the_journal_with_the_address_and_without_the_token() {
    let (_origin, weir) = with_tokens(|plan| plan);
    for _ in 0..20 {
        assert_eq!(refused(&ask(&weir, READ, &bearer("wrong-0123456789"))), 401);
    }
    let line = "the admin address refused a wrong token from 127.0.0.1:";
    eventually("the journal has it", || weir.journal().contains(line));
    // Lines of a whole second are one.
    assert!(weir.journal().matches(line).count() < 20, "{}", weir.journal());
    assert!(!weir.journal().contains("wrong-0123456789"), "{}", weir.journal());
}
