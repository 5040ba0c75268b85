//! `active` and `queue` of a `[[pool]]`: how many of its nodes serve, and where requests wait for them.

use super::members::Nodes;
use super::model::{ActiveNodes, Member, Queue};
use super::section::Section;

/// The `active` table, held against the nodes that it can choose from.
pub(super) fn read(pool: &Section<'_>, members: &[Member], nodes: &Nodes<'_>) -> Option<ActiveNodes> {
    let section = pool.section("active", "pool.active")?;
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

/// The `queue` table; somebody must have a limit, or nobody would ever wait.
pub(super) fn read_queue(pool: &Section<'_>, members: &[Member]) -> Option<Queue> {
    let section = pool.section("queue", "pool.queue")?;
    if !members.is_empty() && members.iter().all(|member| member.max_requests.is_none()) {
        let what = "queue has no effect: no node of the pool has max-requests, so nothing waits for one";
        pool.refuse("queue", what, "write max-requests = 200, for the pool or for some of its nodes, or leave it out");
    }
    Some(Queue { size: section.integer("size"), wait: section.duration("wait") })
}
