//! Whether the nodes are active and passive as weir.toml says.

use crate::cli::wso2::test::api::Member;
use crate::cli::wso2::test::ground::Ground;
use crate::cli::wso2::test::report::{Report, Subject};
use crate::config::Pool;

/// One line for each pool.
pub(super) fn check(ground: &Ground<'_>, report: &mut Report) {
    for pool in &ground.config.pools {
        let subject = Subject::new("state", format!("pool {}", pool.name));
        let verdict = state(ground, pool);
        report.judged(subject, verdict);
    }
}

fn state(ground: &Ground<'_>, pool: &Pool) -> Result<String, (String, String)> {
    let members: Vec<_> = ground.members(pool).collect();
    let missing = pool.members.iter().filter_map(|member| ground.config.nodes.get(member.node));
    let missing = missing.map(|node| &*node.name).find(|name| !members.iter().any(|member| member.node == **name));
    if let Some(missing) = missing {
        let what = format!("the running Weir does not have {missing} in it: it runs another configuration");
        return Err((what, "`weir diff` shows what differs, `weir reload` takes the file over".to_owned()));
    }
    let out = |member: &&&Member| !member.is_active() && member.reason.as_deref() != Some("standby");
    let troubled: Vec<_> =
        members.iter().filter(out).map(|member| format!("{} is passive: {}", member.label, member.passive())).collect();
    if !troubled.is_empty() {
        return Err((troubled.join("; "), advice(&members)));
    }
    let active: Vec<&str> = members.iter().filter(|member| member.is_active()).map(|member| &*member.label).collect();
    let standby: Vec<&str> = members.iter().filter(|member| !member.is_active()).map(|member| &*member.label).collect();
    let said = match (active.is_empty(), standby.is_empty()) {
        (_, true) => format!("active: {}", active.join(", ")),
        (true, false) => format!("none is active; standby: {}", standby.join(", ")),
        (false, false) => format!("active: {}; standby: {}", active.join(", "), standby.join(", ")),
    };
    let wanted = wanted(ground, pool);
    // Backups do not count, and are active with all others.
    let serving = members.iter().filter(|member| member.is_active() && !member.backup).count();
    match wanted {
        Some((least, most)) if serving < least || serving > most => {
            let what = format!("{said}; the file wants {least} to {most} active");
            Err((what, "`weir diff` tells whether this file runs; `weir events` who became active and why".to_owned()))
        }
        None if !standby.is_empty() => {
            let what = format!("{said}; the file has no `active` for this pool");
            Err((what, "`weir diff` shows what differs, `weir reload` takes the file over".to_owned()))
        }
        _ => Ok(said),
    }
}

/// How many nodes should be active: with `active`, at least its `start` and at most its `max`.
fn wanted(ground: &Ground<'_>, pool: &Pool) -> Option<(usize, usize)> {
    let other = pool.active_with.and_then(|other| ground.config.pools.get(other));
    let active = pool.active.or_else(|| other.and_then(|other| other.active))?;
    Some((active.start as usize, active.max as usize))
}

fn advice(members: &[&Member]) -> String {
    let ordered = members.iter().find(|member| member.order.is_some());
    match ordered {
        Some(member) => format!("an operator took it out: `weir activate {}` gives it back", member.node),
        None => "see the node's wso2carbon.log, and `weir events --about NODE`".to_owned(),
    }
}
