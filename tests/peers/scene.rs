//! The guide's cluster with two real Tomcats as its workers, the first of which is its manager too.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;

use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;

use crate::browser::Browser;
use crate::harness::{Directory, Ports, Weir, eventually, port};
use crate::tomcat::{self, Tomcat};

/// Weir, two Tomcats, and where to ask. Fields drop in this order: Weir first, the directory last.
pub struct Scene {
    weir: Weir,
    tomcats: [Tomcat; 2],
    routes: [&'static str; 2],
    pub ports: Ports,
    pub http: SocketAddr,
    pub https: SocketAddr,
    admin: SocketAddr,
    authority: CertificateDer<'static>,
    configuration: String,
    directory: Directory,
}

/// Starts all of it; `None`, and a loud line, where this machine has no Tomcat.
pub fn scene(what: &str, routes: [&'static str; 2]) -> Option<Scene> {
    if let Some(why) = tomcat::missing() {
        // Not by eprintln: the test runner would keep it to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: not tested: {what}: {why}");
        return None;
    }
    let directory = Directory::new();
    let ports = Ports::free();
    let tomcats = Tomcat::start(&directory, ports, [("127.0.0.1", routes[0]), ("127.0.0.2", routes[1])]);
    let authority = site_certificate(&directory);
    let [http, https, admin] = {
        let mut held = Vec::new();
        [(); 3].map(|()| SocketAddr::from(([127, 0, 0, 1], port(&["127.0.0.1"], &mut held))))
    };
    let configuration = configuration([http, https, admin], ports, tomcat::pin());
    let weir = Weir::start(&directory, &configuration);
    let scene = Scene { weir, tomcats, routes, ports, http, https, admin, authority, configuration, directory };
    for (pool, node) in
        [("esb-http", "worker1"), ("esb-http", "worker2"), ("esb-https", "worker1"), ("esb-https", "worker2")]
    {
        eventually("all workers are active", || scene.state(pool, node) == "active");
    }
    Some(scene)
}

impl Scene {
    /// A browser that comes to esb.wso2.com by plain HTTP.
    pub fn plain(&self) -> Browser {
        Browser::plain("esb.wso2.com", self.http)
    }

    /// A browser that comes to esb.wso2.com by TLS.
    pub fn secure(&self) -> Browser {
        Browser::secure(&format!("esb.wso2.com:{}", self.https.port()), self.https, &self.authority)
    }

    /// A browser that comes to the console with this Host.
    pub fn console(&self, host: &str) -> Browser {
        Browser::secure(host, self.https, &self.authority)
    }

    /// Adds this to the configuration and reloads it.
    pub fn reload_with(&mut self, more: &str) {
        fs::write(self.directory.path().join("weir.toml"), format!("{}\n{more}", self.configuration)).unwrap();
        self.weir.reload();
    }

    /// Kills the worker with this route.
    pub fn kill(&mut self, route: &str) {
        let index = self.index(route);
        self.tomcats[index].kill();
    }

    /// Starts the worker with this route again.
    pub fn start(&mut self, route: &str) {
        let index = self.index(route);
        self.tomcats[index].restart(self.ports);
    }

    /// The state of a node, as the admin API tells it.
    pub fn state(&self, pool: &str, node: &str) -> String {
        let page = Browser::plain(&self.admin.to_string(), self.admin).get("/api/nodes");
        let nodes: serde_json::Value = serde_json::from_str(&page.body).unwrap();
        let found = nodes.as_array().unwrap().iter().find(|state| state["pool"] == pool && state["node"] == node);
        found.unwrap_or_else(|| panic!("no {node} in {pool}: {nodes}"))["state"].as_str().unwrap().to_owned()
    }

    /// A file of the scene.
    pub fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Stops Weir as a service manager does; its exit code.
    pub fn stop(self) -> Option<i32> {
        self.weir.stop()
    }

    fn index(&self, route: &str) -> usize {
        self.routes.iter().position(|here| *here == route).unwrap()
    }
}

/// One self-signed certificate for both sites.
fn site_certificate(directory: &Directory) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let hosts = ["esb.wso2.com", "mgt.esb.wso2.com"].map(str::to_owned);
    let certificate = rcgen::CertificateParams::new(hosts).unwrap().self_signed(&key).unwrap();
    fs::write(directory.path().join("site.crt"), certificate.pem()).unwrap();
    fs::write(directory.path().join("site.key"), key.serialize_pem()).unwrap();
    certificate.der().clone()
}

fn configuration([http, https, admin]: [SocketAddr; 3], ports: Ports, pin: &str) -> String {
    let Ports { plain, tls, console } = ports;
    let pool = |name: &str, nodes: &str, port: u16, more: &str| {
        format!(
            "[[pool]]\nname = \"{name}\"\nnodes = [{nodes}]\nport = {port}\n{more}\
             [pool.health]\ninterval = \"500ms\"\nrise = 1\nfall = 2\nprobes = [{{ kind = \"tcp\" }}]\n\n"
        )
    };
    let site = |name: &str, listener: &str, host: &str, pool: &str| {
        let certificate = "certificate = { chain = \"site.crt\", key = \"site.key\" }\n";
        let certificate = if listener == "https" { certificate } else { "" };
        format!(
            "[[site]]\nname = \"{name}\"\nlistener = \"{listener}\"\nhosts = [\"{host}\"]\npool = \"{pool}\"\n{certificate}\n"
        )
    };
    let sticky = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\" }\n";
    let pinned = format!("tls = {{ verify = \"pin\", pins = [\"{pin}\"] }}\n");
    let workers = "\"worker1\", \"worker2\"";
    [
        format!("state-dir = \"state\"\n\n[admin]\nbind = \"{admin}\"\nsocket = \"admin.sock\"\n\n"),
        format!("[[listener]]\nname = \"http\"\nbind = \"{http}\"\n\n"),
        format!("[[listener]]\nname = \"https\"\nbind = \"{https}\"\ntls = {{ min-version = \"1.2\" }}\n\n"),
        "[[node]]\nname = \"worker1\"\naddress = \"127.0.0.1\"\n\n".to_owned(),
        "[[node]]\nname = \"worker2\"\naddress = \"127.0.0.2\"\n\n".to_owned(),
        pool("esb-http", workers, plain, sticky),
        pool("esb-https", workers, tls, &format!("{pinned}{sticky}")),
        pool("manager", "\"worker1\"", console, &pinned),
        site("esb.http", "http", "esb.wso2.com", "esb-http"),
        site("esb.https", "https", "esb.wso2.com", "esb-https"),
        site("mgt.esb.https", "https", "mgt.esb.wso2.com", "manager"),
    ]
    .concat()
}
