//! `active` and `queue` of a `[[pool]]`: how many of its nodes serve, and where requests wait for them.

use super::members::Nodes;
use crate::config::model::{ActiveNodes, Member, Pool, Queue};
use crate::config::text::section::Section;
use crate::config::text::value::Text;
use crate::config::values::names::Names;

/// Reads the `active` table and checks it against the pool's nodes. If it names another pool, the name is put into
/// `aside` until all pools are read.
pub(crate) fn read<'a>(
    pool: &Section<'a>,
    members: &[Member],
    nodes: &Nodes<'_>,
    aside: &mut Option<Text<'a>>,
) -> Option<ActiveNodes> {
    let section = pool.section("active", "pool.active")?;
    if let Some(with) = section.text("with") {
        let all = ["start", "max", "in-flight-per-node", "for", "cool-down"];
        section.no_effect(&all, &format!("beside with = {:?}", with.text), "leave it out: that pool's counts");
        *aside = Some(with);
        all.iter().for_each(|key| _ = section.value(key));
        return None;
    }
    let serving = nodes.count(members.iter().filter(|member| !member.backup)).filter(|count| *count > 0);
    let start = section.integer("start");
    let written = section.optional_integer("max");
    let max = written.or(serving).unwrap_or(u32::MAX);
    check(&section, (start, written), serving);
    if start == max {
        let why = format!("where start and max are both {max}");
        section.no_effect(&["in-flight-per-node", "for", "cool-down"], &why, "leave it out, or write a larger max");
    }
    Some(ActiveNodes {
        start,
        max,
        in_flight_per_node: section.integer("in-flight-per-node"),
        above_for: section.duration("for"),
        cool_down: section.duration("cool-down"),
    })
}

/// Copies the `active` table to the pools that share another pool's active nodes. The other pool must have the table
/// itself, and the same nodes.
pub(crate) fn share(pools: &mut [Pool], withs: &[(usize, Text<'_>)], names: &Names, nodes: &Nodes<'_>) {
    for (pool, with) in withs {
        let Some(leader) = names.find(with) else { continue };
        if let Some((what, advice)) = why_not(pools, *pool, leader, withs, nodes) {
            with.refuse(what, advice);
            continue;
        }
        pools[*pool].active = pools[leader].active;
        pools[*pool].active_with = Some(leader);
    }
}

fn why_not(
    pools: &[Pool],
    pool: usize,
    leader: usize,
    withs: &[(usize, Text<'_>)],
    nodes: &Nodes<'_>,
) -> Option<(String, String)> {
    let name = &pools[leader].name;
    if pool == leader {
        return Some(("this is the pool itself".to_owned(), "write start, max and so on instead".to_owned()));
    }
    if let Some((_, with)) = withs.iter().find(|(other, _)| *other == leader) {
        return Some((
            format!("{name} is active with {} itself", with.text),
            "write the pool that has start".to_owned(),
        ));
    }
    if pools[leader].active.is_none() {
        let advice = format!("write active = {{ start = 1 }} in {name}");
        return Some((format!("{name} has no active of its own"), advice));
    }
    let what = difference(&pools[pool], &pools[leader], nodes)?;
    Some((what, "both need the same nodes, with the same backups".to_owned()))
}

/// The first node that only one of the two pools has, or that is a backup in only one of them.
fn difference(one: &Pool, other: &Pool, nodes: &Nodes<'_>) -> Option<String> {
    let roles = [one, other].map(|pool| roles(pool, nodes));
    let all = roles.iter().flatten().map(|(node, _)| node);
    let differs = |node: &String| {
        let found = roles.each_ref().map(|roles| roles.iter().find(|role| role.0 == *node).map(|role| role.1));
        let (here, there) = (&one.name, &other.name);
        match found {
            [Some(_), None] => Some(format!("{here} has {node}, and {there} has not")),
            [None, _] => Some(format!("{there} has {node}, and {here} has not")),
            [Some(true), Some(false)] => Some(format!("{node} is a backup in {here}, and not in {there}")),
            [Some(false), Some(true)] => Some(format!("{node} is a backup in {there}, and not in {here}")),
            _ => None,
        }
    };
    all.into_iter().find_map(differs)
}

/// The pool's nodes, and whether each is a backup.
fn roles(pool: &Pool, nodes: &Nodes<'_>) -> Vec<(String, bool)> {
    let name = |member: &Member| nodes.nodes.get(member.node).map_or_else(String::new, |node| node.name.to_string());
    pool.members.iter().map(|member| (name(member), member.backup)).collect()
}

fn check(section: &Section<'_>, (start, max): (u32, Option<u32>), serving: Option<u32>) {
    let of = |count| if count == 1 { "the one node".to_owned() } else { format!("the {count} nodes") };
    match (max, serving) {
        (Some(max), Some(count)) if max > count => {
            let what = format!("max: {max} is above {} that the pool has without backup", of(count));
            section.refuse("max", what, format!("write {count} at most, or leave it out"));
        }
        (Some(max), _) if start > max => {
            section.refuse(
                "start",
                format!("start: {start} is above max, {max}"),
                "write a smaller start or a larger max",
            );
        }
        (_, Some(count)) if start > count => {
            let what = format!("start: {start} is above {} that the pool has without backup", of(count));
            section.refuse("start", what, "write a smaller number");
        }
        (_, Some(count)) if start == count => {
            let what = format!("active has no effect: {} of the pool would be active at all times", of(count));
            section.problems.error(section.place_of("start"), what, "leave the table out, or write a smaller start");
        }
        _ => {}
    }
}

/// Reads the `queue` table. At least one node must have a limit, otherwise no request would ever wait.
pub(crate) fn read_queue(pool: &Section<'_>, members: &[Member]) -> Option<Queue> {
    let section = pool.section("queue", "pool.queue")?;
    if !members.is_empty() && members.iter().all(|member| member.max_requests.is_none()) {
        let what = "queue has no effect: no node of the pool has max-requests, so nothing waits for one";
        pool.refuse("queue", what, "write max-requests = 200, for the pool or for some of its nodes, or leave it out");
    }
    Some(Queue { size: section.integer("size"), wait: section.duration("wait") })
}
