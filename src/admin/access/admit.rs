//! Who may do what. Each request on the admin address and the admin socket passes here first; what is let through
//! carries the [`Actor`] that asks.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::caller::Caller;
use super::{body, foreign, token};
use crate::admin::v1::problem::ApiProblem;
use crate::config::{Admin, Right};
use crate::control::actor::Actor;
use crate::proxy::worker::Shared;

/// What needs no token anywhere: whether Weir lives, and the page, which has nothing in it before it asks.
const OPEN: [&str; 3] = ["/livez", "/readyz", "/"];
/// The files of the page.
const PAGE: &str = "/page/";
/// What is read by programs under any name of the machine, and tells nothing that a page could use.
const ANY_HOST: [&str; 3] = ["/livez", "/readyz", "/metrics"];
/// Paths that only read although they are asked by POST, so that what is asked for is in no log of URLs.
const READ_BY_POST: [&str; 1] = ["/api/v1/sessions/find"];

const HOW_TO_CHANGE: &str =
    "use the admin socket (as root, or as a member of the group weir), or a token that may operate";

/// Lets a request through, or says why not.
pub(super) async fn admit(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    mut request: Request,
    next: Next,
) -> Response {
    let asked = Asked { method: request.method(), path: request.uri().path(), headers: request.headers() };
    let actor = asked.judge(&caller, &shared.current.load_full().snapshot.config.admin);
    let whole = match actor {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            body::whole(request).await
        }
        Err(problem) => Err(problem),
    };
    match whole {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
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
                foreign::refuse_origin(self.headers)?;
                Ok(Actor { name: Arc::clone(name), from: "unix".into() })
            }
            Caller::Tcp { peer, loopback } => {
                let (actor, right) = self.on_address(*peer, *loopback, admin)?;
                if right < needed {
                    return Err(ApiProblem::forbidden(self.too_little(&actor), HOW_TO_CHANGE));
                }
                Ok(actor)
            }
        }
    }

    fn on_address(&self, peer: SocketAddr, loopback: bool, admin: &Admin) -> Result<(Actor, Right), ApiProblem> {
        let is_read = self.needed() == Right::Read;
        if !(is_read && ANY_HOST.contains(&self.path)) {
            foreign::refuse_origin(self.headers)?;
            foreign::refuse_host(self.headers, &admin.hosts)?;
        }
        if let Some(token) = token::of_request(self.headers, admin)? {
            let actor = Actor { name: format!("token:{}", token.name).into(), from: peer.to_string().into() };
            return Ok((actor, token.may));
        }
        if loopback || (is_read && (OPEN.contains(&self.path) || self.path.starts_with(PAGE))) {
            return Ok((Actor::local(peer), Right::Read));
        }
        Err(ApiProblem::unauthorized("this address is answered only with a token"))
    }

    fn needed(&self) -> Right {
        let reads = matches!(*self.method, Method::GET | Method::HEAD)
            || (*self.method == Method::POST && READ_BY_POST.contains(&self.path));
        if reads { Right::Read } else { Right::Operate }
    }

    fn too_little(&self, actor: &Actor) -> String {
        if &*actor.name == "local" {
            "this address only reads: nothing is changed here without a token".to_owned()
        } else {
            format!("{} may only read", actor.name)
        }
    }
}

fn stranger(name: &str) -> ApiProblem {
    let advice = "use sudo, or let root add the user to the group: usermod -aG weir USER";
    ApiProblem::forbidden(format!("{name} is not root, not Weir's own user and not in the group weir"), advice)
}
