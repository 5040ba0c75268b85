//! Recipes before nodes that answer as the real ones do. That for Tomcat is tested before real Tomcats, in tests/peers.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::files::{certificate, directory};
use crate::machine::free_port;
use crate::page::{Page, root};
use crate::patience::Patience;

/// The node whose name ends the cookie has the requests of a login, though the other one answered the first.
#[test]
fn keycloaks_cookie_leads_to_the_node_that_it_names() {
    let weir = keycloak(|configuration| configuration, true);
    for login in 0..4 {
        let answered = weir.get(login, "/realms/shop/account");
        let owner = if answered == "keycloak1" { "keycloak2" } else { "keycloak1" };
        for _ in 0..4 {
            assert_eq!(weir.get(login, "/realms/shop/account"), owner, "login {login} began at {answered}");
        }
    }
    for (path, status) in
        [("/realms/shop/account", "200"), ("/admin/", "403"), ("/realms/master/", "403"), ("/health", "403")]
    {
        assert_eq!(weir.curl(&["-o", "/dev/null", "-w", "%{http_code}"], path), status, "{path}");
    }
}

#[test]
fn keycloaks_cookie_without_a_node_is_learned() {
    let learn = |configuration: String| configuration.replace("mode = \"route\"", "mode = \"learn\"");
    let weir = keycloak(learn, false);
    for login in 0..4 {
        let first = weir.get(login, "/realms/shop/account");
        for _ in 0..4 {
            assert_eq!(weir.get(login, "/realms/shop/account"), first, "login {login}");
        }
    }
}

/// Whoever changes one of them changes all.
#[test]
fn the_management_route_of_the_recipe_is_that_of_the_shipped_configuration() {
    let shipped = fs::read_to_string(root().join("conf/weir.toml")).unwrap();
    let recipe = Page::read("docs/recipes/wso2-ei.md").text;
    let routes = |text: &str| -> Vec<String> { text.split("'''").skip(1).step_by(2).map(str::to_owned).collect() };
    assert_eq!(routes(&recipe).len(), 2);
    assert_eq!(routes(&recipe), routes(&shipped));
}

/// Weir on a recipe, before its nodes.
struct Recipe {
    weir: Child,
    https: u16,
    directory: PathBuf,
}

/// On that for Keycloak, changed as a test wants it; the nodes end their cookie with a name, or do not.
fn keycloak(change: impl FnOnce(String) -> String, named: bool) -> Recipe {
    let nodes = ["127.0.0.1", "127.0.0.2"].into_iter().zip(["keycloak1", "keycloak2"]);
    let ([http, health], [https, admin]) = (ports(), ports());
    for (address, name) in nodes {
        let owner = if name == "keycloak1" { "keycloak2" } else { "keycloak1" };
        let suffix = if named { format!(".{owner}") } else { String::new() };
        serve(TcpListener::bind((address, http)).unwrap(), name, suffix);
        serve(TcpListener::bind((address, health)).unwrap(), name, String::new());
    }
    let page = Page::read("docs/recipes/keycloak.md");
    let text = page.blocks("toml").next().unwrap().text;
    let text = [
        ("10.0.1.21", "127.0.0.1".to_owned()),
        ("10.0.1.22", "127.0.0.2".to_owned()),
        ("0.0.0.0:443", format!("127.0.0.1:{https}")),
        ("port = 8080", format!("port = {http}")),
        ("port = 9000", format!("port = {health}")),
        ("interval = \"5s\"", "interval = \"200ms\"".to_owned()),
        ("slow-start = \"60s\"", "slow-start = \"0s\"".to_owned()),
    ]
    .iter()
    .fold(text, |text, (there, here)| {
        assert!(text.contains(there), "the recipe has no {there}");
        text.replace(there, here)
    });
    let text = format!("state-dir = \"state\"\n\n[admin]\nbind = \"127.0.0.1:{admin}\"\n\n{}", change(text));
    Recipe::start(&text, https, admin)
}

impl Recipe {
    fn start(configuration: &str, https: u16, admin: u16) -> Self {
        let directory = directory();
        for folder in ["certs", "state"] {
            fs::create_dir_all(directory.join(folder)).unwrap();
        }
        certificate(&directory.join("certs"), "sso");
        let file = directory.join("weir.toml");
        fs::write(&file, configuration).unwrap();
        let journal = fs::File::create(directory.join("journal")).unwrap();
        let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
        let weir = weir.arg("run").arg("--config").arg(file).stdin(Stdio::null()).stderr(journal).spawn().unwrap();
        let mut recipe = Self { weir, https, directory };
        let patience = Patience::new();
        while !all_active(admin) {
            patience.wait("the nodes are active", &mut recipe.weir, &recipe.directory.join("journal"));
        }
        recipe
    }

    /// The page at this path for the browser with this number, which keeps its cookies.
    fn get(&self, browser: u32, path: &str) -> String {
        let jar = self.directory.join(format!("{browser}.jar")).display().to_string();
        self.curl(&["-b", &jar, "-c", &jar], path)
    }

    fn curl(&self, options: &[&str], path: &str) -> String {
        let here = format!("sso.example.com:443:127.0.0.1:{}", self.https);
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--insecure", "--max-time", "10", "--connect-to", &here])
            .args(options)
            .arg(format!("https://sso.example.com{path}"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{path}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Recipe {
    fn drop(&mut self) {
        let _ = self.weir.kill();
        let _ = self.weir.wait();
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

fn all_active(admin: u16) -> bool {
    let mut nodes = Command::new(env!("CARGO_BIN_EXE_weir"));
    let nodes = nodes.args(["nodes", "--admin", &format!("127.0.0.1:{admin}")]).output().unwrap();
    let said = String::from_utf8_lossy(&nodes.stdout).into_owned();
    said.matches(" active ").count() == 2
}

/// Answers with its name. A request without the cookie gets one whose value ends with this.
fn serve(listener: TcpListener, name: &'static str, suffix: String) {
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let cookie = format!(
                "Set-Cookie: AUTH_SESSION_ID={name}-{number}{suffix}; Path=/realms/shop/; Secure; HttpOnly\r\n"
            );
            std::thread::spawn(move || talk(stream, name, &cookie));
        }
    });
}

fn talk(stream: TcpStream, name: &str, cookie: &str) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    loop {
        let mut known = lines.next()?.ok()?.contains("/health");
        loop {
            let line = lines.next()?.ok()?;
            known |= line.to_lowercase().contains("auth_session_id");
            if line.is_empty() {
                break;
            }
        }
        let cookie = if known { "" } else { cookie };
        write!(&stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{cookie}\r\n{name}", name.len()).ok()?;
    }
}

/// Two that are free at both nodes' addresses.
fn ports() -> [u16; 2] {
    [(); 2].map(|()| {
        loop {
            let port = free_port();
            if TcpListener::bind(("127.0.0.2", port)).is_ok() {
                return port;
            }
        }
    })
}
