//! A worker that behaves like PassThrough on 8280 and 8243, with its quirks: 202 for unknown paths,
//! chunked answers, `Location` with its own address, a body after HEAD on `?wsdl`, closing after GET with a length.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::cli::rig::stub::{Request, Service, StubAnswer};

/// A new worker with this name. It knows no session yet.
pub(super) fn service(name: &str) -> Service {
    let (name, sessions) = (name.to_owned(), Sessions::default());
    Arc::new(move |request| answer(&name, &sessions, request))
}

fn answer(name: &str, sessions: &Sessions, request: &Request) -> StubAnswer {
    let answer = match request.path.as_str() {
        path if path.starts_with("/services/") && request.query.starts_with("wsdl") => wsdl(name, request),
        "/services/hello" => hello(name, sessions, request),
        "/services/echo" => echo(name, request),
        "/services/fault" => fault(name),
        "/services/async" => later(request),
        "/services/slow" => slow(name, request),
        "/services" | "/services/" => {
            StubAnswer::text("200 OK", "text/html", format!("<html>{name}: hello, echo, …</html>"))
        }
        "/carbon/admin/login.jsp" => StubAnswer::text("200 OK", "text/html", format!("<html>{name} is up</html>")),
        _ => StubAnswer { status: "202 Accepted", ..StubAnswer::default() },
    };
    let answer = answer.with("Server", "WSO2-PassThrough-HTTP");
    StubAnswer { close: answer.close || closes_after(request), ..answer }
}

fn hello(name: &str, sessions: &Sessions, request: &Request) -> StubAnswer {
    if !request.secure {
        return soap("200 OK", &format!("<hello><node>{name}</node></hello>"));
    }
    let (id, calls) = sessions.call(request.cookie("JSESSIONID"));
    let answer =
        soap("200 OK", &format!("<hello><node>{name}</node><session>{id}</session><calls>{calls}</calls></hello>"));
    // A cookie is set only for a session that this worker has just opened.
    if calls == 1 { answer.with("Set-Cookie", format!("JSESSIONID={id}; Path=/; Secure; HttpOnly")) } else { answer }
}

/// Returns the request's body, or its head if it has no body. So a user sees what a node gets.
fn echo(name: &str, request: &Request) -> StubAnswer {
    if request.body.is_empty() {
        return StubAnswer::text("200 OK", "text/plain", format!("{name} got this head:\n{}", request.head.text));
    }
    let kind = request.head.field("Content-Type").unwrap_or("application/octet-stream");
    StubAnswer::text("200 OK", kind, request.body.clone())
}

fn fault(name: &str) -> StubAnswer {
    let text = format!(
        "<soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring>{name} is asked to fail</faultstring></soapenv:Fault>"
    );
    soap("500 Internal Server Error", &text)
}

/// PassThrough rewrites the Location of a 202 to its own address.
fn later(request: &Request) -> StubAnswer {
    let scheme = if request.secure { "https" } else { "http" };
    let answer = StubAnswer { status: "202 Accepted", ..StubAnswer::default() };
    answer.with("Location", format!("{scheme}://{}/services/async/1", request.local))
}

fn slow(name: &str, request: &Request) -> StubAnswer {
    let asked = request.query.split('&').find_map(|pair| pair.strip_prefix("ms=")).and_then(|ms| ms.parse().ok());
    let after = Duration::from_millis(asked.unwrap_or(1000)).min(SLOWEST);
    StubAnswer { after, ..soap("200 OK", &format!("<slow><node>{name}</node><ms>{}</ms></slow>", after.as_millis())) }
}

/// With the public address, as `WSDLEPRPrefix` makes it.
fn wsdl(name: &str, request: &Request) -> StubAnswer {
    let scheme = if request.secure { "https" } else { "http" };
    let host = request.head.field("Host").unwrap_or_default();
    let text = format!(
        "<definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\" xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\"><!-- {name} -->\
         <soap:address location=\"{scheme}://{host}{}\"/></definitions>\n",
        request.path
    );
    StubAnswer { body_on_head: true, ..StubAnswer::text("200 OK", "text/xml; charset=UTF-8", text) }
}

fn soap(status: &'static str, inside: &str) -> StubAnswer {
    let text = format!(
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>{inside}</soapenv:Body></soapenv:Envelope>\n"
    );
    StubAnswer::text(status, "text/xml; charset=UTF-8", text)
}

/// PassThrough closes after GET, HEAD and DELETE that carry a length or chunks, even a length of 0.
fn closes_after(request: &Request) -> bool {
    let framed = request.head.field("Content-Length").or_else(|| request.head.field("Transfer-Encoding")).is_some();
    framed && matches!(request.method.as_str(), "GET" | "HEAD" | "DELETE")
}

/// The number of calls of each session. They are lost when the worker stops, as in a real one.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    calls: Mutex<HashMap<String, u64>>,
    chance: RandomState,
}

impl Sessions {
    /// Counts a call in the session that the client names, or in a new one if this node does not know that session.
    pub(super) fn call(&self, named: Option<&str>) -> (String, u64) {
        let mut sessions = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((id, calls)) = named.and_then(|id| Some((id, sessions.get_mut(id)?))) {
            *calls += 1;
            return (id.to_owned(), *calls);
        }
        if sessions.len() >= MOST_SESSIONS {
            sessions.clear();
        }
        let id = self.fresh(sessions.len());
        sessions.insert(id.clone(), 1);
        (id, 1)
    }

    /// 32 upper-case hex digits, as in Tomcat. They protect nothing.
    fn fresh(&self, count: usize) -> String {
        let half = |part: u8| RandomState::new().hash_one((self.chance.hash_one(count), part));
        format!("{:016X}{:016X}", half(0), half(1))
    }
}

const MOST_SESSIONS: usize = 10_000;
const SLOWEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_counts_its_calls_and_a_foreign_one_is_replaced() {
        let sessions = Sessions::default();
        let (id, first) = sessions.call(None);
        assert_eq!(first, 1);
        assert!(id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')), "{id}");
        assert_eq!(sessions.call(Some(&id)), (id.clone(), 2));
        let (other, first) = sessions.call(Some("0123456789ABCDEF0123456789ABCDEF"));
        assert!(other != id && first == 1);
    }
}
