//! The examples that the demo prints. One source makes both the line for a shell and the same request for the demo's
//! own client.

use super::client::{ClientRequest, Reply};
use super::layout::Layout;

/// One example.
#[derive(Debug)]
pub(super) struct Example {
    pub(super) says: &'static str,
    /// The line for a shell.
    pub(super) line: String,
    /// The same for the demo's client. `None` if the line is no request.
    pub(super) ask: Option<ClientRequest>,
    /// The status that the answer must have.
    pub(super) status: u16,
    /// A text that the output must contain.
    pub(super) shows: String,
}

/// All examples, in the order in which they are printed.
pub(super) fn examples(layout: &Layout) -> Vec<Example> {
    let mut examples = http_examples(layout);
    examples.extend(https_examples(layout));
    examples.extend(admin_examples(layout));
    examples
}

fn http_examples(layout: &Layout) -> Vec<Example> {
    let call = |says, path, status, shows| Example::new(layout, says, http(layout, path), See::Body, status, shows);
    let whole = |says, ask, status, shows| Example::new(layout, says, ask, See::Head, status, shows);
    let post = ClientRequest { body: Some("<ping/>"), ..http(layout, "/services/echo") };
    let stranger = ClientRequest { host: "unknown.example".to_owned(), ..http(layout, "/services/hello") };
    vec![
        call("Ask twice: the workers take turns", "/services/hello", 200, "<node>worker"),
        Example::new(layout, "A POST comes back as it went", post, See::Body, 200, "<ping/>"),
        call("What a worker sees of a request", "/services/echo", 200, "X-Forwarded-Host: esb.wso2.com"),
        whole("A SOAP fault passes, body and all", http(layout, "/services/fault"), 500, "is asked to fail"),
        whole(
            "The worker sends Location: http://its.own.address, you see the public name",
            http(layout, "/services/async"),
            202,
            "http://esb.wso2.com/services/async/1",
        ),
        whole("A host that no site knows", stranger, 421, "421"),
    ]
}

fn https_examples(layout: &Layout) -> Vec<Example> {
    let console = |path| https(layout, "mgt.esb.wso2.com", path);
    let shown = format!("https://mgt.esb.wso2.com:{}/carbon/admin/login.jsp", layout.https.port());
    vec![
        Example::new(
            layout,
            "Several times: the session stays on its worker, which counts your calls",
            https(layout, "esb.wso2.com", "/services/hello"),
            See::Jar,
            200,
            "<calls>",
        ),
        Example::new(
            layout,
            "The console's redirect stays at the public address",
            console("/carbon/"),
            See::Head,
            302,
            &shown,
        ),
        Example::new(layout, "The console's login page", console("/carbon/admin/login.jsp"), See::Jar, 200, "Sign in"),
    ]
}

fn admin_examples(layout: &Layout) -> Vec<Example> {
    let weir = std::env::current_exe().map_or_else(|_| "weir".to_owned(), |path| quoted(&path.to_string_lossy()));
    let nodes = Example {
        says: "The nodes and their states",
        line: format!("{weir} nodes --admin {}", layout.admin),
        ask: None,
        status: 200,
        shows: "worker1".to_owned(),
    };
    let configuration = quoted(&layout.directory.join("weir.toml").to_string_lossy());
    let test = Example {
        says: "Test the cluster through Weir, as the guide's last chapter does",
        line: format!("{weir} wso2 test --config {configuration} --through {}", layout.http.ip()),
        ask: None,
        status: 200,
        shows: " 0 failed".to_owned(),
    };
    vec![
        nodes,
        test,
        Example::new(layout, "For Prometheus", admin(layout, "/metrics"), See::Body, 200, "weir_build_info"),
    ]
}

/// A request to the guide's plain site.
pub(super) fn http(layout: &Layout, path: &'static str) -> ClientRequest {
    let host = "esb.wso2.com".to_owned();
    ClientRequest { address: layout.http, host, secure: false, path, body: None, cookie: None }
}

/// A request to one of the guide's TLS sites.
pub(super) fn https(layout: &Layout, host: &str, path: &'static str) -> ClientRequest {
    let host = format!("{host}:{}", layout.https.port());
    ClientRequest { address: layout.https, host, secure: true, path, body: None, cookie: None }
}

/// A request to Weir's admin address.
pub(super) fn admin(layout: &Layout, path: &'static str) -> ClientRequest {
    let host = layout.admin.to_string();
    ClientRequest { address: layout.admin, host, secure: false, path, body: None, cookie: None }
}

/// What curl prints or keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum See {
    Body,
    Head,
    Jar,
}

impl Example {
    fn new(layout: &Layout, says: &'static str, ask: ClientRequest, see: See, status: u16, shows: &str) -> Self {
        Self { says, line: line(layout, &ask, see), ask: Some(ask), status, shows: shows.to_owned() }
    }

    /// Whether this is the expected answer. If not, the error shows the answer.
    pub(super) fn judge(&self, reply: &Reply) -> Result<(), String> {
        let whole = format!("{}{}", reply.head.text, reply.body);
        if reply.status == self.status && whole.contains(&self.shows) {
            return Ok(());
        }
        Err(format!("wanted {} with {:?}, got:\n{whole}", self.status, self.shows))
    }
}

fn line(layout: &Layout, ask: &ClientRequest, see: See) -> String {
    let mut words = vec!["curl".to_owned()];
    if see == See::Head {
        words.push("-i".to_owned());
    }
    if ask.secure {
        let authority = quoted(&layout.authority.to_string_lossy());
        words.push(format!("--cacert {authority} --resolve {}:{}", ask.host, ask.address.ip()));
    }
    let named = ask.secure || ask.host == ask.address.to_string();
    if !named {
        words.push(format!("-H 'Host: {}'", ask.host));
    }
    if let Some(body) = ask.body {
        words.push(format!("-H 'Content-Type: text/xml' -d '{body}'"));
    }
    if see == See::Jar {
        let jar = quoted(&layout.directory.join("jar").to_string_lossy());
        words.push(format!("-b {jar} -c {jar}"));
    }
    let authority = if ask.secure { ask.host.clone() } else { ask.address.to_string() };
    words.push(format!("{}://{authority}{}", if ask.secure { "https" } else { "http" }, ask.path));
    words.join(" ")
}

/// An argument, quoted for a shell if needed.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::layout::NodePorts;
    use super::*;

    #[test]
    fn lines_are_ready_for_a_shell() {
        let layout = Layout {
            http: ([127, 0, 0, 1], 8080).into(),
            https: ([127, 0, 0, 1], 8443).into(),
            admin: ([127, 0, 0, 1], 9180).into(),
            socket: PathBuf::from("/tmp/admin.sock"),
            nodes: NodePorts::moved(0),
            directory: PathBuf::from("/tmp/it's here"),
            authority: PathBuf::from("/tmp/ca.crt"),
        };
        let lines: Vec<String> = examples(&layout).into_iter().map(|call| call.line).collect();
        let expected = [
            "curl -H 'Host: esb.wso2.com' http://127.0.0.1:8080/services/hello",
            "curl -H 'Host: esb.wso2.com' -H 'Content-Type: text/xml' -d '<ping/>' http://127.0.0.1:8080/services/echo",
            "curl --cacert /tmp/ca.crt --resolve esb.wso2.com:8443:127.0.0.1 -b '/tmp/it'\\''s here/jar' \
             -c '/tmp/it'\\''s here/jar' https://esb.wso2.com:8443/services/hello",
            "curl -i --cacert /tmp/ca.crt --resolve mgt.esb.wso2.com:8443:127.0.0.1 https://mgt.esb.wso2.com:8443/carbon/",
            "curl http://127.0.0.1:9180/metrics",
        ];
        for line in expected {
            assert!(lines.iter().any(|here| here == line), "{line}\nis not among\n{}", lines.join("\n"));
        }
    }
}
