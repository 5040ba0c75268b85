//! The question "what would you do with this request, and why?". It is turned into the head that a client would send,
//! so that it is judged like a request. The answer is in plain words. Nothing is sent to a node.

use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;
use utoipa::ToSchema;

use super::query;
use crate::control::notice::Notice;

/// A request to ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The listener that the request would come to. `None`: the first that fits is used, and the steps say so.
    pub(crate) listener: Option<String>,
    /// Whether the request would come over TLS, and the port in its URL. `None`: the question does not say.
    pub(crate) secure: Option<bool>,
    pub(crate) port: Option<u16>,
    /// The client's address. Default 127.0.0.1.
    pub(crate) client: IpAddr,
    /// The head of an HTTP/1.1 request without a body.
    pub(crate) head: Vec<u8>,
}

/// What would happen to the request.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Explanation {
    pub(crate) listener: String,
    pub(crate) site: Option<String>,
    pub(crate) route: Option<String>,
    /// `pool`, `passthrough`, `redirect`, `answer`, `deny` or `refuse`.
    pub(crate) action: &'static str,
    pub(crate) pool: Option<String>,
    pub(crate) node: Option<String>,
    /// The word that the log would have: why this node was chosen, or why none.
    pub(crate) why: String,
    /// Where its X-Request-Id would come from: `taken`, `made`, or `off`; empty where Weir sees no request.
    pub(crate) request_id: &'static str,
    /// Whether the request would wait for a node.
    pub(crate) queued: bool,
    /// Each decision in words and in order, such as `site esb.https: host matches esb.wso2.com`.
    pub(crate) steps: Vec<String>,
    /// The nodes of the pool.
    pub(crate) nodes: Vec<ConsideredNode>,
}

/// A node, and why it was not chosen.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ConsideredNode {
    pub(crate) node: String,
    pub(crate) state: &'static str,
    pub(crate) reason: Option<&'static str>,
    /// Why the node was not chosen. `None` for the chosen one.
    pub(crate) why_not: Option<String>,
}

impl Question {
    /// `url=…&method=…&cookie=…&header=Name:+value&client=…&listener=…`, or `host=…&path=…` in place of the URL. Only that
    /// or the host is required. Cookies and headers may be given several times.
    pub(crate) fn of_query(query: &str) -> Result<Self, Notice> {
        let mut asked = QuestionFields::default();
        for (name, value) in query::pairs(query)? {
            asked.set(&name, value)?;
        }
        asked.question()
    }
}

#[derive(Default)]
struct QuestionFields {
    listener: Option<String>,
    secure: Option<bool>,
    port: Option<u16>,
    client: Option<IpAddr>,
    host: Option<String>,
    path: Option<String>,
    method: Option<String>,
    cookies: Vec<String>,
    headers: Vec<String>,
}

impl QuestionFields {
    fn set(&mut self, name: &str, value: String) -> Result<(), Notice> {
        match name {
            "listener" => self.listener = Some(value),
            "scheme" => self.secure = Some(secure(&value)?),
            "port" => {
                let wrong = || Notice::new(format!("the port {value:?} is none"), "write a number from 1 to 65535");
                self.port = Some(value.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?);
            }
            "url" => self.set_url(&value)?,
            "client" => self.client = Some(address(&value)?),
            "host" => self.host = Some(word(name, value)?),
            "path" => self.path = Some(word(name, value)?),
            "method" => self.method = Some(word(name, value)?),
            "cookie" => self.cookies.push(line(name, value)?),
            "header" => self.headers.push(field(value)?),
            _ => {
                let known = "known are url, host, path, method, cookie, header, client, listener, scheme and port";
                return Err(Notice::new(format!("{name:?} cannot be asked for"), known));
            }
        }
        Ok(())
    }

    /// A fragment is left out, as a client does.
    fn set_url(&mut self, url: &str) -> Result<(), Notice> {
        let wrong =
            |what: &str| Notice::new(format!("the URL {url:?} {what}"), "write https://esb.wso2.com/services/Echo");
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
        self.secure = Some(secure(&scheme.to_ascii_lowercase())?);
        let rest = rest.split('#').next().unwrap_or_default();
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if host.contains('@') {
            return Err(wrong("has a user in it"));
        }
        let port = host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map(|(_, port)| port);
        if host.is_empty() || host.starts_with(':') {
            return Err(wrong("has no host"));
        }
        let usual = if self.secure == Some(true) { "443" } else { "80" };
        self.set("port", port.unwrap_or(usual).to_owned())?;
        self.set("host", host.to_owned())?;
        self.set("path", if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
    }

    fn question(self) -> Result<Question, Notice> {
        let host = self.host.ok_or_else(|| Notice::new("the host is missing", "write host=esb.wso2.com"))?;
        let (method, path) = (self.method.as_deref().unwrap_or("GET"), self.path.as_deref().unwrap_or("/"));
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
        // As browsers do: all cookies in one field.
        let cookies = (!self.cookies.is_empty()).then(|| format!("Cookie: {}", self.cookies.join("; ")));
        for field in cookies.iter().chain(&self.headers) {
            head.push_str(field);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let client = self.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let (secure, port) = (self.secure, self.port);
        Ok(Question { listener: self.listener, secure, port, client, head: head.into_bytes() })
    }
}

fn secure(scheme: &str) -> Result<bool, Notice> {
    match scheme {
        "https" => Ok(true),
        "http" => Ok(false),
        _ => Err(Notice::new(format!("the scheme {scheme:?} is not known"), "write http or https")),
    }
}

fn address(text: &str) -> Result<IpAddr, Notice> {
    text.parse()
        .map_err(|_| Notice::new(format!("the client {text:?} is no IP address"), "write 10.1.2.3 or 2001:db8::1"))
}

fn field(text: String) -> Result<String, Notice> {
    match text.split_once(':') {
        Some((name, _)) if !name.trim().is_empty() => line("header", text),
        _ => Err(Notice::new(format!("the header {text:?} has no name and value"), "write \"X-Tenant: one\"")),
    }
}

/// A part of the request line, or the host. A blank would end it early, so it is refused.
fn word(name: &str, text: String) -> Result<String, Notice> {
    match line(name, text)? {
        text if text.is_empty() => Err(Notice::new(format!("the {name} is empty"), "")),
        text if text.contains([' ', '\t']) => {
            Err(Notice::new(format!("the {name} {text:?} has a blank in it"), "a client would send it as %20"))
        }
        text => Ok(text),
    }
}

/// A text without line ends: with one the question could become two requests.
fn line(name: &str, text: String) -> Result<String, Notice> {
    if text.contains(|c: char| c.is_ascii_control() && c != '\t') {
        return Err(Notice::new(format!("the {name} {text:?} has a control character in it"), ""));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(query: &str) -> Result<String, String> {
        let question = Question::of_query(query).map_err(|notice| notice.what)?;
        Ok(String::from_utf8(question.head).unwrap().replace("\r\n", "|"))
    }

    #[test]
    fn a_question_becomes_a_head() {
        let cases = [
            ("host=a", "GET / HTTP/1.1|Host: a||"),
            ("host=a:8080&path=/x%3Fy&method=POST", "POST /x?y HTTP/1.1|Host: a:8080||"),
            ("host=a&cookie=b%3D1&cookie=c%3D2", "GET / HTTP/1.1|Host: a|Cookie: b=1; c=2||"),
            ("host=a&header=X-A:+b+c&header=X-D:e", "GET / HTTP/1.1|Host: a|X-A: b c|X-D:e||"),
        ];
        cases.iter().for_each(|(query, expected)| assert_eq!(head(query).as_deref(), Ok(*expected), "{query}"));
        for (url, secure, port, expected) in [
            ("https://a.test", true, 443, "GET / HTTP/1.1|Host: a.test||"),
            ("HTTP://a:8080/x%3Fy%23z", false, 8080, "GET /x?y HTTP/1.1|Host: a:8080||"),
            ("https://[::1]%3Fq", true, 443, "GET /?q HTTP/1.1|Host: [::1]||"),
        ] {
            let query = format!("url={url}");
            let question = Question::of_query(&query).unwrap();
            assert_eq!((question.secure, question.port), (Some(secure), Some(port)), "{url}");
            assert_eq!(head(&query).as_deref(), Ok(expected), "{url}");
        }
        let question = Question::of_query("host=a&client=::1&listener=https").unwrap();
        assert_eq!((question.listener.as_deref(), question.client.to_string().as_str()), (Some("https"), "::1"));
        assert_eq!(Question::of_query("host=a").map(|question| question.client.to_string()), Ok("127.0.0.1".into()));
    }

    #[test]
    fn a_question_is_one_request_or_none() {
        let cases = [
            ("", "missing"),
            ("path=/", "missing"),
            ("host=", "empty"),
            ("host=a%0d%0aX:+y", "control"),
            ("host=a+b", "blank"),
            ("host=a&path=/+HTTP/1.1", "blank"),
            ("host=a&path=/%0a", "control"),
            ("host=a&method=G%00", "control"),
            ("host=a&cookie=x%0d", "control"),
            ("host=a&header=X:y%0a", "control"),
            ("host=a&header=nothing", "no name"),
            ("host=a&header=:x", "no name"),
            ("host=a&client=localhost", "IP address"),
            ("host=a&scheme=ftp", "ftp"),
            ("host=a&port=0", "none"),
            ("host=a&hots=b", "hots"),
            ("host=%zz", "percent"),
            ("url=a.test/x", "no scheme"),
            ("url=ftp://a", "ftp"),
            ("url=https://", "no host"),
            ("url=https://:1/", "no host"),
            ("url=https://a:b/", "port"),
            ("url=https://u:p@a/", "user"),
            ("url=https://a+b/", "blank"),
        ];
        for (query, part) in cases {
            assert!(head(query).is_err_and(|what| what.contains(part)), "{query}: {:?}", head(query));
        }
    }
}
