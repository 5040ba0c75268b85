//! Reads once a second what was counted, for the numbers of the last minute, ten minutes and day.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::state::Control;
use crate::observe::history::{Second, Subject};
use crate::observe::metrics::Counts;
use crate::proxy::generation::Generation;

/// Reads the counts of all generations that requests still use.
#[derive(Debug, Default)]
pub(super) struct Sampling {
    /// The generation that was in use last.
    generation: u64,
    /// What that one has. The history has no other subjects.
    known: HashSet<Subject>,
}

/// What one second brings to the subjects that the configuration has.
struct Reading<'s, 'h> {
    second: &'s mut Second<'h>,
    known: &'s HashSet<Subject>,
    /// The loads that were told. Generations share those of the nodes that a reload kept.
    told: HashSet<*const ()>,
}

impl Sampling {
    /// A second is over; since the last one, requests let go of the generations in `gone`. Requests of a route, site or
    /// node that a reload took out count for what the configuration still has: at least for everything.
    pub(super) fn second(&mut self, control: &Control, gone: &[Arc<Generation>]) {
        let (current, left) = (control.current.load_full(), control.left.lock().clone());
        let history = &current.observer.history;
        if std::mem::replace(&mut self.generation, current.snapshot.generation) != current.snapshot.generation {
            self.known = subjects(&current);
            history.retain(|subject| self.known.contains(subject));
        }
        history.second(SystemTime::now(), |second| {
            let mut reading = Reading { second, known: &self.known, told: HashSet::new() };
            if let Some(counts) = current.stray_tally.since_last() {
                reading.add(&Subject::All, &counts);
            }
            for generation in std::iter::once(&current).chain(&left).chain(gone) {
                reading.sites(generation);
                reading.pools(generation);
            }
        });
    }
}

impl Reading<'_, '_> {
    fn sites(&mut self, generation: &Generation) {
        for (site, run) in generation.snapshot.config.sites.iter().zip(&generation.sites) {
            let routes = site.routes.iter().map(|route| Arc::clone(&route.name)).zip(&run.by_route);
            for (route, tally) in routes.chain([("".into(), &run.without_route)]) {
                let Some(counts) = tally.since_last() else { continue };
                let (name, route) = (Arc::clone(&site.name), Subject::Route(Arc::clone(&site.name), route));
                for subject in [Subject::All, Subject::Site(name), route] {
                    self.add(&subject, &counts);
                }
            }
        }
    }

    fn pools(&mut self, generation: &Generation) {
        for (pool, run) in generation.snapshot.pools.iter().zip(&generation.pools) {
            if let Some(counts) = run.counters.unserved().since_last() {
                self.add(&Subject::Pool(Arc::clone(pool.name())), &counts);
            }
            for (member, counters) in pool.members.iter().zip(&run.members) {
                let first = self.told.insert(Arc::as_ptr(&member.load).cast());
                let in_flight = if first { u64::from(member.load.in_flight()) } else { 0 };
                let counts = counters.tally().since_last();
                if counts.is_none() && in_flight == 0 {
                    continue;
                }
                self.second.in_flight(&Subject::All, in_flight);
                let name = pool.name();
                let member_of = Subject::Member(Arc::clone(name), Arc::clone(&member.label));
                for subject in [Subject::Pool(Arc::clone(name)), Subject::Node(Arc::clone(&member.node)), member_of] {
                    if self.known.contains(&subject) {
                        self.second.in_flight(&subject, in_flight);
                    }
                    counts.iter().for_each(|counts| self.add(&subject, counts));
                }
            }
        }
    }

    fn add(&mut self, subject: &Subject, counts: &Counts) {
        if self.known.contains(subject) {
            self.second.add(subject, counts);
        }
    }
}

/// All that the numbers of a generation can be about.
pub(super) fn subjects(generation: &Generation) -> HashSet<Subject> {
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
