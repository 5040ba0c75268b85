//! Who may do what. Each request on the admin address and the admin socket passes here first; what is let through
//! carries the [`Actor`] that asks.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::caller::Caller;
use super::client_certificate::ClientCertificate;
use super::{body, foreign, token};
use crate::admin::v1::problem::ApiProblem;
use crate::config::{Admin, AdminSocket, Right};
use crate::control::actor::Actor;
use crate::observe::log_rate_limit::LogRateLimit;
use crate::proxy::worker::Shared;

/// What needs no token anywhere: whether Weir lives, and the page, which has nothing in it before it asks.
const OPEN: [&str; 3] = ["/livez", "/readyz", "/"];
/// The files of the page.
const PAGE: &str = "/page/";
/// What is read by programs under any name of the machine, and tells nothing that a page could use.
const ANY_HOST: [&str; 3] = ["/livez", "/readyz", "/metrics"];
/// Paths that only read although they are asked by POST, so that what is asked for is in no log of URLs.
const READ_BY_POST: [&str; 1] = ["/api/v1/sessions/find"];

/// Lets a request through, or says why not.
pub(super) async fn admit(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    mut request: Request,
    next: Next,
) -> Response {
    let asked = Asked { method: request.method(), path: request.uri().path(), headers: request.headers() };
    let actor = asked.judge(&caller, &shared.current.load_full().snapshot.config.admin);
    let request_has_token = request.headers().contains_key(header::AUTHORIZATION);
    let whole = match actor {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            body::whole(request).await
        }
        Err(problem) => Err(problem),
    };
    match whole {
        Ok(request) => next.run(request).await,
        Err(problem) => {
            if problem.is_unauthorized() {
                tell_of_stranger(&shared, &caller, request_has_token);
            }
            problem.into_response()
        }
    }
}

/// Says in the journal that somebody shows a wrong token or a certificate that nobody has: a guess, or one that was changed.
/// One line a second, so that nobody can fill the disk.
fn tell_of_stranger(shared: &Shared, caller: &Caller, has_token: bool) {
    static LIMIT: LogRateLimit = LogRateLimit::new();
    let Caller::Tcp { peer, certificate, .. } = caller else { return };
    let shown = match certificate {
        _ if has_token => "a wrong token".to_owned(),
        Some(shown) => format!("the certificate of {:?}, which no [[admin.certificate]] names,", shown.name()),
        None => return,
    };
    if let Some(left_out) = LIMIT.allow(shared.start.elapsed().as_secs()) {
        let more = if left_out == 0 { String::new() } else { format!("; {left_out} more since the line before") };
        log::warn!("the admin address refused {shown} from {peer}{more}");
    }
}

/// What whoever may only read does to give an order.
fn how_to_change(socket: &AdminSocket) -> String {
    let other = "a token or a client certificate that may operate";
    let Some(path) = socket.path() else {
        return format!(
            "use {other}; there is no admin socket: for one name its path in [admin], socket, and restart Weir"
        );
    };
    let shown = path.display();
    if path.exists() {
        format!("use the admin socket {shown} (as root, or as a member of the group weir), or {other}")
    } else {
        format!(
            "use {other}; the admin socket {shown} is not there: the journal of Weir's start says why it was not made"
        )
    }
}

/// What a request asks, as far as that decides who may.
struct Asked<'a> {
    method: &'a Method,
    path: &'a str,
    headers: &'a HeaderMap,
}

impl Asked<'_> {
    /// Who asks, if that one may.
    fn judge(&self, caller: &Caller, admin: &Admin) -> Result<Actor, ApiProblem> {
        let needed = self.needed();
        match caller {
            Caller::Stranger(name) => Err(stranger(name)),
            Caller::Member(name) => {
                foreign::refuse_origin(self.headers, false)?;
                Ok(Actor { name: Arc::clone(name), from: "unix".into() })
            }
            Caller::Tcp { peer, loopback, certificate } => {
                let (actor, right) = self.on_address(*peer, *loopback, certificate.as_deref(), admin)?;
                if right < needed {
                    return Err(ApiProblem::forbidden(self.too_little(&actor), how_to_change(&admin.socket)));
                }
                Ok(actor)
            }
        }
    }

    fn on_address(
        &self,
        peer: SocketAddr,
        loopback: bool,
        certificate: Option<&ClientCertificate>,
        admin: &Admin,
    ) -> Result<(Actor, Right), ApiProblem> {
        let is_read = self.needed() == Right::Read;
        if !(is_read && ANY_HOST.contains(&self.path)) {
            foreign::refuse_origin(self.headers, admin.tls.is_some())?;
            foreign::refuse_host(self.headers, admin)?;
        }
        let named = |kind: &str, name: &str| Actor { name: format!("{kind}:{name}").into(), ..Actor::local(peer) };
        if let Some(token) = token::of_request(self.headers, admin)? {
            return Ok((named("token", &token.name), token.may));
        }
        if let Some(known) = certificate.and_then(|shown| shown.known(admin)) {
            return Ok((named("cert", &known.name), known.may));
        }
        if loopback || (is_read && (OPEN.contains(&self.path) || self.path.starts_with(PAGE))) {
            return Ok((Actor::local(peer), Right::Read));
        }
        Err(ApiProblem::unauthorized(match certificate {
            Some(shown) => format!("no [[admin.certificate]] is that of {:?}", shown.name()),
            None => "this address is answered only with a token or a client certificate".to_owned(),
        }))
    }

    fn needed(&self) -> Right {
        let reads = matches!(*self.method, Method::GET | Method::HEAD)
            || (*self.method == Method::POST && READ_BY_POST.contains(&self.path));
        if reads { Right::Read } else { Right::Operate }
    }

    fn too_little(&self, actor: &Actor) -> String {
        if &*actor.name == "local" {
            "this address only reads: nothing is changed here without a token or a client certificate".to_owned()
        } else {
            format!("{} may only read", actor.name)
        }
    }
}

fn stranger(name: &str) -> ApiProblem {
    let advice = "use sudo, or let root add the user to the group: usermod -aG weir USER";
    ApiProblem::forbidden(format!("{name} is not root, not Weir's own user and not in the group weir"), advice)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use aws_lc_rs::digest::{SHA256, digest};
    use axum::http::StatusCode;

    use super::*;
    use crate::config::{AdminSocket, AdminToken, Place};

    fn admin() -> Admin {
        let token = |name: &str, may| AdminToken {
            name: name.into(),
            may,
            file: None::<PathBuf>,
            digest: digest(&SHA256, name.as_bytes()).as_ref().try_into().ok(),
            at: Place::default(),
        };
        // A credential that is not there lets nobody in, with an empty token neither.
        let lost = AdminToken { digest: None, ..token("", Right::Operate) };
        Admin {
            bind: "127.0.0.1:9180".parse().unwrap(),
            socket: AdminSocket::Off,
            hosts: Vec::new(),
            tokens: vec![token("reader", Right::Read), token("operator", Right::Operate), lost],
            tls: None,
            certificates: Vec::new(),
            at: Place::default(),
        }
    }

    /// Who it is, or the status of the refusal.
    fn judged(caller: &Caller, line: &str, token: Option<&str>) -> Result<String, StatusCode> {
        let (method, path) = line.split_once(' ').unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("host", "localhost".parse().unwrap());
        if let Some(token) = token {
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let method = method.parse().unwrap();
        let actor = Asked { method: &method, path, headers: &headers }.judge(caller, &admin());
        actor.map(|actor| actor.to_string()).map_err(|problem| problem.into_response().status())
    }

    #[test]
    fn who_may_what() {
        let peer: SocketAddr = "10.0.0.9:4000".parse().unwrap();
        let [near, far] = [true, false].map(|loopback| Caller::Tcp { peer, loopback, certificate: None });
        let (member, stranger) = (Caller::Member("uid:0 (root)".into()), Caller::Stranger("uid:1".into()));
        let (read, change) = ("GET /api/v1/nodes", "POST /api/v1/reload");
        let (no, unknown) = (Err(StatusCode::FORBIDDEN), Err(StatusCode::UNAUTHORIZED));
        let as_ = |name: &str| Ok(format!("{name} from 10.0.0.9:4000"));
        for (caller, line, token, expected) in [
            (&member, read, None, Ok("uid:0 (root) from unix".to_owned())),
            (&member, change, None, Ok("uid:0 (root) from unix".to_owned())),
            (&stranger, read, None, no.clone()),
            (&stranger, "GET /livez", None, no.clone()),
            (&near, read, None, as_("local")),
            (&near, change, None, no.clone()),
            (&near, "POST /api/v1/sessions/find", None, as_("local")),
            (&near, "POST /api/v1/config/check", None, no.clone()),
            (&near, change, Some("reader"), no.clone()),
            (&near, change, Some("operator"), as_("token:operator")),
            (&near, read, Some("nobody"), unknown.clone()),
            (&far, read, None, unknown.clone()),
            (&far, "GET /metrics", None, unknown.clone()),
            (&far, change, None, unknown.clone()),
            (&far, "GET /livez", None, as_("local")),
            (&far, "GET /page/main.js", None, as_("local")),
            (&far, "POST /", None, unknown.clone()),
            (&far, "GET /page", None, unknown.clone()),
            (&far, read, Some("reader"), as_("token:reader")),
            (&far, "DELETE /livez", Some("reader"), no.clone()),
            (&far, "PATCH /api/v1/pools/p/nodes/n", Some("operator"), as_("token:operator")),
            (&far, read, Some(""), unknown.clone()),
        ] {
            assert_eq!(judged(caller, line, token), expected, "{caller:?} {line} {token:?}");
        }
    }
}
