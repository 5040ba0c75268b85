//! The pieces of configuration in the pages. A whole file passes `weir check` as it is; some keys, or some tables, pass it
//! within a file that has the rest.

use std::fs;
use std::path::PathBuf;

use weir::config;

use crate::files::{certificate, directory, rsa_certificate};
use crate::page::{Block, Page};

/// What is wrong with the pieces of a page.
pub(crate) fn faults(page: &Page) -> Vec<String> {
    let directory = Files::new();
    let fault = |block: Block| {
        let told = fault(&directory, &block.text)?;
        let line = block.line;
        Some(format!(
            "{}:{line}: this piece passes nowhere; as a whole file, or where it comes furthest:\n{told}",
            page.name
        ))
    };
    page.blocks("toml").filter_map(fault).collect()
}

/// Tries it in each place, and for each line alone where the lines are alternatives.
fn fault(files: &Files, piece: &str) -> Option<String> {
    let whole = told(files, piece)?;
    if ["[[listener]]", "[[node]]", "[[pool]]", "[[site]]"].iter().all(|table| piece.contains(table)) {
        return Some(whole);
    }
    let mut least = whole;
    for place in places(piece) {
        let said = told(files, &place)?;
        if said.lines().count() < least.lines().count() {
            least = said;
        }
    }
    if piece.lines().count() > 1 && piece.lines().all(|line| line.contains(" = ")) {
        return piece.lines().find_map(|line| fault(files, &format!("{line}\n")));
    }
    Some(least)
}

/// What the check says to this text; nothing where it passes.
fn told(files: &Files, text: &str) -> Option<String> {
    let pin = format!("sha256:{}", "ab".repeat(32));
    let text = text.replace("sha256:…", &pin).replace("/etc/weir/", "").replace("/var/log/weir/", "logs/");
    let text = text.replace("../certs/", "certs/").replace("/var/lib/weir", "state");
    let path = files.0.join("weir.toml");
    fs::write(&path, text).unwrap();
    config::load(&path).err().map(|errors| errors.to_string())
}

/// A directory with the certificates and files that the pages name.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        let directory = directory();
        for folder in ["certs", "logs", "pages", "sites", "state"] {
            fs::create_dir_all(directory.join(folder)).unwrap();
        }
        for name in ["wrk", "mgt", "site", "server", "sso", "apps", "api", "am", "www", "admin", "weir"] {
            certificate(&directory.join("certs"), name);
        }
        rsa_certificate(&directory.join("certs"), "wrk-rsa");
        for authorities in ["house-ca.pem", "operators.pem", "partners.pem", "store-ca.pem"] {
            fs::copy(directory.join("certs/wrk.crt"), directory.join("certs").join(authorities)).unwrap();
        }
        fs::write(directory.join("certs/partners.crl"), LIST).unwrap();
        fs::write(directory.join("eab.key"), "c2l4dGVlbiBieXRlcyBvciBtb3Jl\n").unwrap();
        fs::write(directory.join("shared.secret"), "0".repeat(64)).unwrap();
        fs::write(directory.join("store.password"), "open-sesame\n").unwrap();
        for page in ["403.json", "soon.html", "sorry.html"] {
            fs::write(directory.join("pages").join(page), "\n").unwrap();
        }
        Self(directory)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the pieces are written into: at the beginning, at the end, and into tables of their own. The names are those of the
/// guide; where a piece brings a name of these itself, the rest does without.
fn places(piece: &str) -> Vec<String> {
    let tables = REST.split("\n\n").filter(|table| {
        let name = table.lines().find(|line| line.starts_with("name = ")).unwrap_or("none");
        !piece.contains(name)
    });
    let rest = tables.collect::<Vec<_>>().join("\n\n") + "\n";
    let pool = "[[pool]]\nname = \"p\"\nnodes = [\"worker1\", \"worker2\"]\nport = 8280\n";
    let bare = "[[pool]]\nname = \"p\"\nport = 8280\n";
    let site = "[[site]]\nname = \"s\"\nlistener = \"https\"\ncertificate = { chain = \"certs/wrk.crt\", key = \"certs/wrk.key\" }\n";
    let named = format!("{site}hosts = [\"s.example.com\"]\n");
    let (hosts, to) = ("hosts = [\"s.example.com\"]\n", "pool = \"esb-https\"\n");
    let bare_site = site.split("certificate").next().unwrap_or_default();
    vec![
        format!("{piece}{rest}"),
        format!("[shared]\nsecret = \"shared.secret\"\nservers = [\"10.0.0.11\"]\n{piece}\n{rest}"),
        format!(
            "[shared]\nsecret = \"shared.secret\"\nservers = [\"10.0.0.11\"]\n[shared.tls]\nverify = \"none\"\n{piece}\n{rest}"
        ),
        format!("[shared]\nsecret = \"shared.secret\"\nservers = [\"10.0.0.11\"]\n{rest}{named}{to}{piece}"),
        format!("{rest}{piece}"),
        format!("{rest}{pool}{piece}"),
        format!("{rest}{bare}{piece}"),
        format!("{rest}{pool}max-requests = 200\n{piece}"),
        format!("{rest}{pool}balance = \"hash\"\n{piece}"),
        format!("{rest}{pool}[pool.health]\n{piece}"),
        format!("{rest}{pool}[pool.tls]\nverify = \"none\"\n{piece}"),
        format!("{rest}{named}{to}{piece}"),
        format!("{rest}{bare_site}{hosts}{to}{piece}"),
        format!("{rest}{named}{to}[[site.route]]\nprefix = \"/x\"\n{piece}"),
        format!("{rest}{named}{to}[[site.route]]\n{piece}"),
    ]
}

/// A list of revoked certificates, with none in it.
const LIST: &str = "-----BEGIN X509 CRL-----
MIGlME0CAQEwCgYIKoZIzj0EAwIwDjEMMAoGA1UEAwwDb2xkFw0yNjExMjcxOTA5
NTNaFw0zNTAyMTMxOTA5NTNaoA4wDDAKBgNVHRQEAwIBATAKBggqhkjOPQQDAgNI
ADBFAiEA8dqRX3fXjyp7fOBpkNTfqDVRdInSU9YN9a1rR8t6fhsCIBMrC2eqW3Em
MM4megM1frJl9RfMbpr2kgSdlICcpnuh
-----END X509 CRL-----
";

const REST: &str = r#"[[listener]]
name = "http"
bind = "0.0.0.0:80"

[[listener]]
name = "http6"
bind = "[::]:80"

[[listener]]
name = "https"
bind = "0.0.0.0:443"
tls = {}

[[acme]]
name = "letsencrypt"
directory = "https://acme-v02.api.letsencrypt.org/directory"

[[node]]
name = "worker1"
address = "10.0.0.3"

[[node]]
name = "worker2"
address = "10.0.0.4"

[[node]]
name = "worker3"
address = "10.0.0.5"

[[node]]
name = "spare"
address = "10.0.0.6"

[[node]]
name = "manager"
address = "10.0.0.2"

[[pool]]
name = "esb-http"
nodes = ["worker1", "worker2"]
port = 8280
active = {}

[[pool]]
name = "esb-https"
nodes = ["worker1", "worker2"]
port = 8243
tls = { verify = "none" }

[[pool]]
name = "lookup"
nodes = ["worker1", "worker2"]
port = 8290

[[pool]]
name = "manager"
nodes = ["manager"]
port = 9443
tls = { verify = "none" }
"#;
