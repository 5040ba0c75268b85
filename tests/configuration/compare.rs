//! `weir import nginx --compare`: what differs is found, what is the same is not, and nothing stays behind.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::SystemTime;

use rustix::process::{Pid, Signal, kill_process};
use weir::import::{Input, import};

use super::*;
use crate::patience::Patience;
use crate::ports::free_port;

/// The old one is a Weir too, on what was imported from the same file, with changes of its own.
#[test]
fn what_differs_is_found_and_what_is_the_same_is_not() {
    let world = World::new("compare-two", &["/services/", "/open", "= /health"]);
    let _old = world.old(|text| text);
    let same = world.compare(&["--stubs"]);
    assert_eq!(same.status.code(), Some(0), "{}", said(&same));
    assert!(said(&same).contains(" the same, 0 differ\n"), "{}", said(&same));
    let number = said(&same).matches("\nsame ").count();
    assert!(number >= 40, "only {number} requests:\n{}", said(&same));
    world.is_clean();
}

/// `server_name _` is a site without names.
#[test]
fn a_site_without_names_is_asked_as_one_with_names() {
    let world = World::new("compare-nameless", &["/services/", "/open"]);
    let nginx = fs::read_to_string(&world.nginx).unwrap().replace("server_name x.test", "server_name _");
    fs::write(&world.nginx, nginx).unwrap();
    let _old =
        world.old(|text| text.replace("prefix = \"/open\"\npool = \"b\"\n", "prefix = \"/open\"\ndeny = true\n"));
    let different = world.compare(&["--stubs"]);
    assert_eq!(different.status.code(), Some(1), "{}", said(&different));
    assert!(
        said(&different).contains(&format!("GET http://nobody.invalid:{}/open\n", world.old.port())),
        "{}",
        said(&different)
    );
    let number = said(&different).matches("\nsame ").count();
    assert!(number >= 30, "only {number} requests:\n{}", said(&different));
    world.is_clean();
}

#[test]
fn a_difference_has_its_request_and_what_it_is() {
    let world = World::new("compare-different", &["/services/", "/open"]);
    let fields =
        "request-headers = { set = { \"X-Old\" = \"1\" } }\nresponse-headers = { set = { \"X-Answer\" = \"old\" } }";
    let _old = world.old(|text| {
        let text = text.replace("[[site]]\n", &format!("[[site]]\n{fields}\n"));
        text.replace("prefix = \"/open\"\npool = \"b\"\n", "prefix = \"/open\"\ndeny = true\n")
    });
    let file = world.room.write(
        "requests",
        &format!("GET http://x.test:{0}/services/a\nPOST http://x.test:{0}/open\n  > body\n", world.old.port()),
    );
    let different = world.compare(&["--stubs", "--requests", file.to_str().unwrap()]);
    assert_eq!(different.status.code(), Some(1), "{}", said(&different));
    let port = world.old.port();
    for part in [
        format!("differs  200 200 GET http://x.test:{port}/services/a\n"),
        "X-Answer\n             old  old\n             new  none\n".to_owned(),
        "node saw X-Old\n             old  1\n             new  none\n".to_owned(),
        format!("differs  403 200 POST http://x.test:{port}/open and 5 bytes\n"),
        "requests at nodes\n             old  0\n             new  1\n".to_owned(),
        "2 requests, 0 the same, 2 differ: X-Answer 1, node saw X-Old 1, requests at nodes 1, status 1".to_owned(),
    ] {
        assert!(said(&different).contains(&part), "{part:?} is not in\n{}", said(&different));
    }
    let json = world.compare(&["--stubs", "--json", "--requests", file.to_str().unwrap()]);
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["comparison"]["requests"][1]["differences"][0]["what"], "status");
    assert_eq!((&value["comparison"]["same"], &value["written"]), (&false.into(), &serde_json::Value::Null));
    world.is_clean();
}

#[test]
fn nothing_is_started_for_what_cannot_be_asked() {
    let world = World::new("compare-wrong", &[]);
    let requests = world.room.write("requests", "\nGET http://x.test:1/\n");
    let rows: [(&[&str], &str); 3] = [
        (&[], "the old nginx cannot be reached: 127.0.0.1:"),
        (&["--requests", requests.to_str().unwrap()], "requests:2: nothing in the file of nginx takes http on port 1"),
        (&["--compare-tls", "nowhere"], "--compare-tls takes ADDRESS:PORT"),
    ];
    for (more, why) in rows {
        let output = world.compare(more);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(why), "{why:?} is not in {}", said(&output));
        world.is_clean();
    }
    let without = world.command(&[]).arg("--requests").arg(&requests).output().unwrap();
    assert_eq!(without.status.code(), Some(2), "{}", said(&without));
}

/// The old one takes a request and never answers. Then the new one runs already.
#[test]
fn an_interrupt_leaves_no_weir_behind() {
    let world = World::new("compare-interrupt", &[]);
    let old = TcpListener::bind(world.old).unwrap();
    let mut command = world.command(&["--compare", &format!("http://{}", world.old)]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stream = first_request(&old);
    let bind = world.new_weir();
    assert!(TcpStream::connect(bind).is_ok(), "the new one does not run");
    kill_process(Pid::from_raw(child.id().try_into().unwrap()).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("interrupted"), "{}", said(&output));
    assert!(TcpStream::connect(bind).is_err(), "the new one still runs");
    world.is_clean();
    let _ = stream.write_all(b"late");
}

/// A look whether anything listens comes first, without a request.
fn first_request(old: &TcpListener) -> TcpStream {
    loop {
        let (mut stream, _) = old.accept().unwrap();
        let mut byte = [0; 1];
        if stream.read(&mut byte).is_ok_and(|length| length == 1) {
            return stream;
        }
    }
}

fn here() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// A file of nginx, the place of the old one, and a directory for what is temporary.
struct World {
    room: Directory,
    nginx: PathBuf,
    old: SocketAddr,
}

impl World {
    fn new(name: &str, locations: &[&str]) -> Self {
        let room = Directory::new(name);
        let [old, a, b] = [(); 3].map(|()| here());
        let routes: String =
            locations.iter().map(|path| format!("location {path} {{ proxy_pass http://b; }}")).collect();
        let nginx = room.write(
            "nginx.conf",
            &format!(
                "upstream a {{ server {a}; }} upstream b {{ server {b}; }}
                 server {{ listen {old}; server_name x.test; location / {{ proxy_pass http://a; }} {routes} }}"
            ),
        );
        fs::create_dir(room.0.join("tmp")).unwrap();
        Self { room, nginx, old }
    }

    /// A Weir in the place of the old one, with its configuration changed.
    fn old(&self, change: impl Fn(String) -> String) -> Running {
        let file = self.room.0.join("old.toml");
        let text = import(Input::Path(self.nginx.clone()), &file, SystemTime::now()).unwrap().text.unwrap();
        let admin = here();
        let text = change(text);
        fs::write(&file, format!("state-dir = \".\"\n{text}\n[admin]\nbind = \"{admin}\"\nsocket = \"off\"\n"))
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command
            .args(["run", "--config"])
            .arg(&file)
            .stderr(Stdio::from(fs::File::create(self.room.0.join("journal")).unwrap()));
        let mut running = Running(command.spawn().unwrap());
        let patience = Patience::new();
        while TcpStream::connect(self.old).is_err() {
            patience.wait("the old one listens", &mut running.0, &self.room.0.join("journal"));
        }
        running
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(["import", "nginx"]).arg(&self.nginx).args(more).env("TMPDIR", self.room.0.join("tmp"));
        command
    }

    fn compare(&self, more: &[&str]) -> Output {
        self.command(&["--compare", &format!("http://{}", self.old)]).args(more).output().unwrap()
    }

    /// Where the new one listens while it is compared.
    fn new_weir(&self) -> SocketAddr {
        let room = fs::read_dir(self.room.0.join("tmp")).unwrap().next().unwrap().unwrap().path();
        config::load(&room.join("weir.toml")).unwrap().listeners[0].bind
    }

    /// Nothing of the comparison is left.
    fn is_clean(&self) {
        assert_eq!(fs::read_dir(self.room.0.join("tmp")).unwrap().count(), 0);
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
