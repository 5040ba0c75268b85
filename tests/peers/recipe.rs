//! The recipe for Tomcat of docs/recipes, as it stands there, before two real Tomcats.

use std::fs;
use std::net::SocketAddr;

use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;

use crate::browser::Browser;
use crate::harness::{Directory, Ports, Weir, port};
use crate::tomcat::Tomcat;

/// Weir on the recipe. Fields drop in this order.
pub struct Recipe {
    weir: Option<Weir>,
    pub tomcats: [Tomcat; 2],
    pub https: SocketAddr,
    pub admin: SocketAddr,
    authority: CertificateDer<'static>,
    configuration: String,
    directory: Directory,
}

impl Recipe {
    /// Starts it with its Tomcats, which have the routes that the page gives them.
    pub fn start() -> Self {
        let (directory, ports) = (Directory::new(), Ports::free());
        let tomcats = Tomcat::start(&directory, ports, [("127.0.0.1", "tomcat1"), ("127.0.0.2", "tomcat2")]);
        let authority = certificate(&directory);
        let [http, https, admin] = {
            let mut held = Vec::new();
            [(); 3].map(|()| SocketAddr::from(([127, 0, 0, 1], port(&["127.0.0.1"], &mut held))))
        };
        let places = [
            ("10.0.1.11", "127.0.0.1".to_owned()),
            ("10.0.1.12", "127.0.0.2".to_owned()),
            ("0.0.0.0:80", http.to_string()),
            ("0.0.0.0:443", https.to_string()),
            ("port = 8080", format!("port = {}", ports.plain)),
            ("interval = \"5s\"", "interval = \"300ms\"".to_owned()),
        ];
        let configuration = places.iter().fold(piece(), |text, (there, here)| {
            assert!(text.contains(there), "the recipe has no {there}");
            text.replace(there, here)
        });
        let configuration = format!("state-dir = \"state\"\n\n[admin]\nbind = \"{admin}\"\n\n{configuration}");
        let weir = Some(Weir::start(&directory, &configuration));
        Self { weir, tomcats, https, admin, authority, configuration, directory }
    }

    /// Ends Weir and starts it with an empty state directory.
    pub fn forget(&mut self) {
        assert_eq!(self.weir.take().unwrap().stop(), Some(0));
        fs::remove_dir_all(self.directory.path().join("state")).unwrap();
        self.weir = Some(Weir::start(&self.directory, &self.configuration));
    }

    /// A browser that comes to the site.
    pub fn browser(&self) -> Browser {
        Browser::secure(&format!("shop.example.com:{}", self.https.port()), self.https, &self.authority)
    }

    /// Whether both nodes are active.
    pub fn is_well(&self) -> bool {
        let page = Browser::plain(&self.admin.to_string(), self.admin).get("/api/nodes");
        let nodes: serde_json::Value = serde_json::from_str(&page.body).unwrap();
        nodes.as_array().unwrap().iter().all(|node| node["state"] == "active")
    }
}

/// The configuration on the page.
fn piece() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/recipes/tomcat.md");
    let text = fs::read_to_string(page).unwrap();
    text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap().to_owned()
}

fn certificate(directory: &Directory) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let hosts = vec!["shop.example.com".to_owned()];
    let certificate = rcgen::CertificateParams::new(hosts).unwrap().self_signed(&key).unwrap();
    let folder = directory.path().join("certs");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("www.crt"), certificate.pem()).unwrap();
    fs::write(folder.join("www.key"), key.serialize_pem()).unwrap();
    certificate.der().clone()
}
