//! The part of the manager's console that matters to a load balancer: a login page with a session, and the absolute
//! redirect of a Tomcat whose `proxyPort` is the public one.

use std::sync::Arc;

use super::worker::Sessions;
use crate::cli::rig::stub::{Request, Service, StubAnswer};

/// A fresh manager.
pub(super) fn service() -> Service {
    let sessions = Sessions::default();
    Arc::new(move |request| answer(&sessions, request).with("Server", "WSO2 Carbon Server"))
}

fn answer(sessions: &Sessions, request: &Request) -> StubAnswer {
    match request.path.as_str() {
        "/" | "/carbon" | "/carbon/" => redirect(request),
        "/carbon/admin/login.jsp" => login(sessions, request),
        "/services/AuthenticationAdmin" => {
            StubAnswer::text("200 OK", "text/html", "<html>AuthenticationAdmin</html>\n")
        }
        _ => StubAnswer { sized: true, ..StubAnswer::text("404 Not Found", "text/html", "<html>not here</html>\n") },
    }
}

fn redirect(request: &Request) -> StubAnswer {
    let host = request.head.field("Host").unwrap_or_default();
    let to = format!("https://{host}/carbon/admin/login.jsp");
    StubAnswer { status: "302 Found", sized: true, ..StubAnswer::default() }.with("Location", to)
}

fn login(sessions: &Sessions, request: &Request) -> StubAnswer {
    let (id, visits) = sessions.call(request.cookie("JSESSIONID"));
    let page =
        format!("<html><h1>WSO2 Management Console</h1><p>Sign in. Visits in this session: {visits}</p></html>\n");
    let answer = StubAnswer { sized: true, ..StubAnswer::text("200 OK", "text/html;charset=UTF-8", page) };
    if visits == 1 { answer.with("Set-Cookie", format!("JSESSIONID={id}; Path=/; Secure; HttpOnly")) } else { answer }
}
