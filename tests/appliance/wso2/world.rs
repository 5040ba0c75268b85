//! The cluster of the guide with scripted nodes: two workers that answer as PassThrough does, a manager that answers as
//! Tomcat does, and Weir in front.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;

use crate::harness::{Appliance, CommandOutput, Origin, Pair, Plan, Seen, free_port, ok_with};

/// What is planted.
#[derive(Clone)]
pub(super) struct Planted {
    /// Lines of the workers' sites: how it can be told which node answered.
    pub(super) told: &'static str,
    /// Lines of the pool of 8280.
    pub(super) plain: &'static str,
    /// Lines of the pool of 8243.
    pub(super) secure: &'static str,
    /// Whether the workers' sites lead to their pools by a route.
    pub(super) routed: bool,
    /// Whether the workers' sites deny the console and admin services.
    pub(super) denies: bool,
    /// More of the file; `PORT` is that of the pool of 8280.
    pub(super) more: &'static str,
    /// A worker without its artifacts.
    pub(super) bare: Option<u8>,
    /// A worker with this host in its WSDLEPRPrefix, where others have the site's.
    pub(super) private: Option<(u8, &'static str)>,
    /// Where workers send who asks for the console or for admin services; else they show them.
    pub(super) moves: Option<&'static str>,
    /// A worker with another certificate than the pinned one.
    pub(super) stranger: Option<u8>,
    /// Whether the manager has proxyPort.
    pub(super) proxy_port: bool,
    /// What the manager answers to `/carbon` in place of its redirect.
    pub(super) console: &'static str,
    /// What the manager answers to who asks for an admin service.
    pub(super) admin: &'static str,
    /// Whether the workers' service begins sessions.
    pub(super) sessions: bool,
    /// Whether the sites' certificate is expired.
    pub(super) expired: bool,
}

impl Default for Planted {
    fn default() -> Self {
        Self {
            told: "explain = true",
            plain: "",
            secure: "sticky = { mode = \"learn\" }",
            routed: false,
            denies: true,
            more: "",
            bare: None,
            private: None,
            moves: None,
            stranger: None,
            proxy_port: true,
            console: "",
            admin: "",
            sessions: true,
            expired: false,
        }
    }
}

pub(super) struct World {
    pub(super) workers: Vec<[Origin; 2]>,
    _manager: Origin,
    pub(super) weir: Appliance,
}

impl World {
    #[track_caller]
    pub(super) fn with(planted: &Planted) -> Self {
        let own = Pair::of_a_stock_node();
        let [http, https, console] = [free_port(), free_port(), free_port()];
        let net = net();
        let workers = [0_u8, 1].map(|index| {
            let address = Ipv4Addr::new(127, 77, net, 11 + index);
            let other = Pair::of_a_stock_node();
            let shown = if planted.stranger == Some(index) { &other } else { &own };
            let plain = Origin::at(bound(address, http), None, worker(planted, index, false));
            [plain, Origin::at(bound(address, https), Some(shown), worker(planted, index, true))]
        });
        let address = Ipv4Addr::new(127, 77, net, 10);
        let manager = Origin::at(bound(address, console), Some(&own), manager(planted.clone(), console));
        let text = configuration(planted, net, [http, https, console], &own.pin());
        let plan = if planted.expired { Plan::text(text).certificate(Pair::expired(&HOSTS)) } else { Plan::text(text) };
        Self { workers: workers.into(), _manager: manager, weir: plan.start() }
    }

    /// The words of the command that tests it through loopback.
    pub(super) fn words(&self, more: &[&str]) -> Vec<String> {
        let config = self.weir.path("weir.toml").display().to_string();
        let first = [
            "wso2",
            "test",
            "--config",
            &config,
            "--service",
            "/services/echo",
            "--service",
            "/orders/health",
            "--json",
            "--per-second",
            "500",
        ];
        first.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    /// What the command says.
    #[track_caller]
    pub(super) fn tested(&self, more: &[&str]) -> Told {
        let words = self.words(more);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Told::of(&self.weir.command(&words))
    }
}

/// The report.
pub(super) struct Told {
    pub(super) said: Value,
    pub(super) code: Option<i32>,
}

impl Told {
    #[track_caller]
    pub(super) fn of(output: &CommandOutput) -> Self {
        let said =
            serde_json::from_str(&output.out).unwrap_or_else(|error| panic!("{error}: {}{}", output.out, output.err));
        Self { said, code: output.code }
    }

    /// `CHECK ABOUT` of each line with this outcome, in order.
    pub(super) fn lines(&self, outcome: &str) -> Vec<String> {
        let lines = self.said["lines"].as_array().cloned().unwrap_or_default();
        let of_outcome = lines.iter().filter(|line| line["outcome"] == outcome);
        let word = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let mut all: Vec<_> =
            of_outcome.map(|line| format!("{} {}", word(line, "check"), word(line, "about"))).collect();
        all.sort();
        all
    }

    /// All that is said.
    pub(super) fn text(&self) -> String {
        format!("{:#}", self.said)
    }
}

const HOSTS: [&str; 2] = ["esb.test", "mgt.esb.test"];
pub(super) const THROUGH: [&str; 2] = ["--through", "127.0.0.1"];

/// A network of loopback for each test, and another one for each run.
fn net() -> u8 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let number =
        NEXT.fetch_add(1, Ordering::Relaxed) + u16::try_from(std::process::id() % 97).expect("it is less than 97");
    u8::try_from(number % 251).expect("it is less than 251")
}

#[track_caller]
fn bound(address: Ipv4Addr, port: u16) -> TcpListener {
    TcpListener::bind((address, port)).expect("nobody else uses that address")
}

fn worker(
    planted: &Planted,
    index: u8,
    secure: bool,
) -> impl Fn(&mut crate::harness::Talk) + Send + Sync + 'static + use<> {
    let mut planted = planted.clone();
    planted.bare = planted.bare.filter(|other| *other == index);
    planted.private = planted.private.filter(|(other, _)| *other == index);
    move |talk| {
        let body = talk.body();
        let answer = answered(index, secure, &planted, (&talk.seen(), &body));
        talk.send(&answer);
    }
}

fn answered(index: u8, secure: bool, planted: &Planted, (seen, body): (&Seen, &[u8])) -> Vec<u8> {
    let host = seen.values("host").join("");
    let host = planted.private.map_or_else(|| host.clone(), |(_, private)| host.replace("esb.test", private));
    let prefix = format!("{}://{host}", if secure { "https" } else { "http" });
    match seen.target().as_str() {
        path if planted.bare.is_some() && path.starts_with("/services/echo") => accepted(),
        // A SOAP service that answers with what it got.
        "/services/echo" if seen.values("content-type") == ["text/xml; charset=UTF-8"] => {
            ok_with("Content-Type: text/xml\r\n", &String::from_utf8_lossy(body))
        }
        "/services/echo?wsdl" => ok_with(
            "Content-Type: text/xml\r\n",
            &format!(
                "<wsdl:definitions xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\">\
                 <soap:address location=\"{prefix}/services/echo\"/></wsdl:definitions>"
            ),
        ),
        "/services/echo" => {
            let known = seen.values("cookie").iter().any(|cookie| cookie.contains(&format!("JSESSIONID=W{index}")));
            let flag = if secure { "; Secure" } else { "" };
            let new = format!("Set-Cookie: JSESSIONID=W{index}{}; Path=/{flag}; HttpOnly\r\n", fresh());
            ok_with(if known || !planted.sessions { "" } else { &new }, "echo")
        }
        path if path.contains("carbon") || path.contains("Admin") || path.contains("Remote") => match planted.moves {
            Some(to) => format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes(),
            None => ok_with("", "console"),
        },
        "/orders/health" => ok_with("", "<ok/>"),
        "/broken" => b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _ => accepted(),
    }
}

/// What Synapse answers to what it does not know.
fn accepted() -> Vec<u8> {
    b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec()
}

fn fresh() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn manager(planted: Planted, own: u16) -> impl Fn(&mut crate::harness::Talk) + Send + Sync + 'static + use<> {
    move |talk| {
        talk.body();
        let seen = talk.seen();
        let host = seen.values("host").join("");
        let name = host.split(':').next().unwrap_or_default();
        let authority = if planted.proxy_port { host.clone() } else { format!("{name}:{own}") };
        let moved = |to: &str| {
            format!("HTTP/1.1 302 Found\r\nLocation: https://{authority}{to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
        };
        let answer = match seen.target().as_str() {
            "/carbon" if !planted.console.is_empty() => planted.console.into(),
            "/services/AuthenticationAdmin" if !planted.admin.is_empty() => planted.admin.into(),
            "/carbon" => moved("/carbon/"),
            "/carbon/" => moved("/carbon/admin/login.jsp"),
            "/carbon/admin/login.jsp" => ok_with("Set-Cookie: JSESSIONID=M1; Path=/; Secure; HttpOnly\r\n", "Sign in"),
            "/services/AuthenticationAdmin" => ok_with("", "AuthenticationAdmin"),
            _ => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        };
        talk.send(&answer);
    }
}

fn configuration(planted: &Planted, net: u8, [http, https, console]: [u16; 3], pin: &str) -> String {
    let Planted { told, plain, secure, .. } = planted;
    // The site's own pool, or one that a route at its end leads to.
    let way = |pool: &str, in_route: bool| match (in_route, planted.routed) {
        (false, false) => format!("pool = \"{pool}\""),
        (true, true) => format!("[[site.route]]\nname = \"workers\"\npool = \"{pool}\"\n"),
        _ => String::new(),
    };
    let management = "[[site.route]]\nname = \"management\"\ndeny = true\n\
                      regex = '''(?i)^/(t/[^/]+/)?carbon([/?;]|$)|Admin|Remote(UserStore|Authorization)Manager'''\n";
    let denied = if planted.denies { management } else { "" };
    let health = |kind: &str| {
        format!(
            "[pool.health]\ninterval = \"100ms\"\ntimeout = \"2s\"\nrise = 1\nfall = 2\nprobes = [{{ kind = \"{kind}\" }}]\n"
        )
    };
    let certificate = "certificate = { chain = \"$dir/esb.crt\", key = \"$dir/esb.key\" }\n";
    format!(
        "state-dir = \"$dir\"\n[admin]\nbind = \"127.0.0.1:$admin\"\n\
         [cluster]\nmanager = \"manager\"\nconsole = \"mgt\"\n\
         [[listener]]\nname = \"http\"\nbind = \"127.0.0.1:$http\"\n\
         [[listener]]\nname = \"https\"\nbind = \"127.0.0.1:$https\"\ntls = {{ min-version = \"1.2\" }}\n\
         [[node]]\nname = \"worker1\"\naddress = \"127.77.{net}.11\"\n\
         [[node]]\nname = \"worker2\"\naddress = \"127.77.{net}.12\"\n\
         [[node]]\nname = \"manager\"\naddress = \"127.77.{net}.10\"\n\
         [[pool]]\nname = \"esb-http\"\nnodes = [\"worker1\", \"worker2\"]\nport = {http}\n{plain}\n{}\
         [[pool]]\nname = \"esb-https\"\nnodes = [\"worker1\", \"worker2\"]\nport = {https}\n\
         tls = {{ verify = \"pin\", pins = [\"{pin}\"] }}\n{secure}\n{}\
         [[pool]]\nname = \"manager\"\nnodes = [\"manager\"]\nport = {console}\ntls = {{ verify = \"pin\", pins = [\"{pin}\"] }}\n\
         [[site]]\nname = \"esb.http\"\nlistener = \"http\"\nhosts = [\"esb.test\"]\n{}\n{told}\n{denied}{}\
         [[site]]\nname = \"esb.https\"\nlistener = \"https\"\nhosts = [\"esb.test\"]\n{}\n{told}\n{certificate}{denied}{}\
         [[site]]\nname = \"mgt\"\nlistener = \"https\"\nhosts = [\"mgt.esb.test\"]\npool = \"manager\"\n{certificate}\
         [[site]]\nname = \"old\"\nlistener = \"http\"\nhosts = [\"old.esb.test\"]\n\
         redirect = {{ scheme = \"https\", host = \"esb.test\", port = $https }}\n{}",
        health("tcp"),
        health("tls"),
        way("esb-http", false),
        way("esb-http", true),
        way("esb-https", false),
        way("esb-https", true),
        planted.more.replace("PORT", &http.to_string()),
    )
}

/// The file is left as it is, and another text takes its place on the disk alone.
#[track_caller]
pub(super) fn rewrite(path: &Path, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(path).expect("the test's file is there");
    std::fs::write(path, change(text)).expect("the test's directory can be written");
}
