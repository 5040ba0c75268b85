//! `/readyz`: whether Weir can serve, or the pools and sites that were asked for. For a balancer in front, and for keepalived.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::http::StatusCode;

use super::query;
use crate::control::notice::Notice;
use crate::control::state::Control;
use crate::proxy::generation::Generation;
use crate::traffic::tick::Tick;

/// Status and text.
type Answer = (StatusCode, String);

/// Ready means that Weir lets clients in, that it is not stopping, and that some pool can serve, perhaps with nodes that were
/// never probed. When only one of several pools cannot serve, a balancer in front must not take all of Weir out: that is
/// only said in the text, and by the metrics weir_node_active and weir_pool_without_active_node. Who wants to know it of one
/// asks for `?pool=NAME` or `?site=NAME`, as often as needed; each that is named must be able to serve, a site by one of its
/// pools.
pub(super) fn answer(control: &Control, asked: Option<&str>) -> Answer {
    if control.stopping.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    if !control.accepts.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting\n".to_owned());
    }
    match query::pairs(asked.unwrap_or_default()) {
        Ok(asked) if asked.is_empty() => of_all(control),
        Ok(asked) => of_these(control, &asked),
        Err(notice) => refusal(notice),
    }
}

fn of_all(control: &Control) -> Answer {
    let (generation, now) = (control.current.load_full(), Tick::from_millis(control.now()));
    let pools = &generation.snapshot.pools;
    let without: Vec<&str> = pools.iter().filter(|pool| !pool.serves(now)).map(|pool| &**pool.name()).collect();
    if without.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let status = if without.len() == pools.len() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, format!("no active node in: {}\n", without.join(", ")))
}

fn of_these(control: &Control, asked: &[(String, String)]) -> Answer {
    let (generation, now) = (control.current.load_full(), Tick::from_millis(control.now()));
    let mut without: Vec<Arc<str>> = Vec::new();
    for (what, name) in asked {
        let pools = match pools_of(&generation, what, name) {
            Ok(pools) => pools,
            Err(notice) => return refusal(notice),
        };
        let pools: Vec<_> = pools.into_iter().filter_map(|pool| generation.snapshot.pools.get(pool)).collect();
        // A site without a pool answers by itself.
        if !pools.is_empty() && !pools.iter().any(|pool| pool.serves(now)) {
            without.extend(pools.iter().map(|pool| Arc::clone(pool.name())));
        }
    }
    if without.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("no active node in: {}\n", without.join(", ")))
}

/// The pools that lead to what was asked for.
fn pools_of(generation: &Generation, what: &str, name: &str) -> Result<Vec<usize>, Notice> {
    let config = &generation.snapshot.config;
    let found = match what {
        "pool" => config.pools.iter().position(|pool| *pool.name == *name).map(|pool| vec![pool]),
        "site" => config.sites.iter().find(|site| *site.name == *name).map(|site| site.pools().collect()),
        _ => return Err(Notice::new(format!("unknown parameter {what:?}"), "?pool=NAME and ?site=NAME are known")),
    };
    found.ok_or_else(|| Notice::new(format!("there is no {what} {name:?}"), "`weir config` shows those that run"))
}

/// 404, because a balancer in front must not take a mistyped name for a healthy one.
fn refusal(notice: Notice) -> Answer {
    (StatusCode::NOT_FOUND, notice.in_one() + "\n")
}
