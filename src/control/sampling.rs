//! Reads once a second what was counted, for the numbers of the last minute, ten minutes and day.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use crate::observe::history::{Second, Subject};
use crate::proxy::generation::Generation;

/// Reads the counts of the generation in use.
#[derive(Debug, Default)]
pub(super) struct Sampling {
    /// The generation that was read last. The history has no subjects that this one has not.
    generation: u64,
}

impl Sampling {
    /// A second is over.
    pub(super) fn second(&mut self, generation: &Generation) {
        let history = &generation.observer.history;
        if std::mem::replace(&mut self.generation, generation.snapshot.generation) != generation.snapshot.generation {
            let known = subjects(generation);
            history.retain(|subject| known.contains(subject));
        }
        history.second(SystemTime::now(), |second| {
            if let Some(counts) = generation.stray_tally.since_last() {
                second.add(&Subject::All, &counts);
            }
            read_sites(generation, second);
            read_pools(generation, second);
        });
    }
}

fn read_sites(generation: &Generation, second: &mut Second<'_>) {
    for (site, run) in generation.snapshot.config.sites.iter().zip(&generation.sites) {
        let routes = site.routes.iter().map(|route| Arc::clone(&route.name)).zip(&run.by_route);
        for (route, tally) in routes.chain([("".into(), &run.without_route)]) {
            let Some(counts) = tally.since_last() else { continue };
            let (name, route) = (Arc::clone(&site.name), Subject::Route(Arc::clone(&site.name), route));
            for subject in [Subject::All, Subject::Site(name), route] {
                second.add(&subject, &counts);
            }
        }
    }
}

fn read_pools(generation: &Generation, second: &mut Second<'_>) {
    for (pool, run) in generation.snapshot.pools.iter().zip(&generation.pools) {
        for (member, counters) in pool.members.iter().zip(&run.members) {
            let (counts, in_flight) = (counters.tally().since_last(), u64::from(member.load.in_flight()));
            if counts.is_none() && in_flight == 0 {
                continue;
            }
            second.in_flight(&Subject::All, in_flight);
            let name = pool.name();
            let member_of = Subject::Member(Arc::clone(name), Arc::clone(&member.label));
            for subject in [Subject::Pool(Arc::clone(name)), Subject::Node(Arc::clone(&member.node)), member_of] {
                second.in_flight(&subject, in_flight);
                counts.iter().for_each(|counts| second.add(&subject, counts));
            }
        }
    }
}

/// All that the numbers of a generation can be about.
fn subjects(generation: &Generation) -> HashSet<Subject> {
    let mut subjects = HashSet::from([Subject::All]);
    for site in &generation.snapshot.config.sites {
        subjects.insert(Subject::Site(Arc::clone(&site.name)));
        let routes = site.routes.iter().map(|route| Arc::clone(&route.name)).chain(["".into()]);
        subjects.extend(routes.map(|route| Subject::Route(Arc::clone(&site.name), route)));
    }
    for pool in &generation.snapshot.pools {
        subjects.insert(Subject::Pool(Arc::clone(pool.name())));
        for member in &pool.members {
            subjects.insert(Subject::Node(Arc::clone(&member.node)));
            subjects.insert(Subject::Member(Arc::clone(pool.name()), Arc::clone(&member.label)));
        }
    }
    subjects
}
