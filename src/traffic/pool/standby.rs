//! Decides which nodes of a pool serve: as many as the load needs; the others are standbys. A failed node is replaced
//! at once. When it returns, it stays a standby until it is needed. Nodes are added and removed one at a time, with a
//! gap between both marks, so that they do not alternate.

use super::state::Duty;
use crate::config::ActiveNodes;
use crate::traffic::tick::Tick;

/// Whether a node could serve. In linked pools the last of these that any pool reports counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Availability {
    /// Not known: it was never probed, and may serve until it is.
    Unknown,
    /// It could: it is healthy, has no operator's order, and is not ejected or its ejection time is over.
    Good,
    /// It could not.
    Bad,
}

/// What the decision needs to know of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeSummary {
    /// Its duty.
    pub duty: Duty,
    /// Whether it could serve.
    pub availability: Availability,
    /// Its running requests for this pool.
    pub in_flight: u32,
    /// Its sessions.
    pub sessions: usize,
}

/// What is kept between two calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DutyPlanner {
    /// Since when the load has been above the upper mark.
    high_since: Option<Tick>,
    /// Since when one node fewer would have been enough.
    low_since: Option<Tick>,
}

impl DutyPlanner {
    /// Decides what changes: indexes into `nodes`, and the new duties. `nodes` are the pool's nodes without backups, in
    /// file order. Call it a few times a second, and at once when a node fails.
    pub fn plan(&mut self, settings: &ActiveNodes, nodes: &[NodeSummary], now: Tick) -> Vec<(usize, Duty)> {
        let start = (settings.start.max(1) as usize).min(nodes.len());
        let max = (settings.max as usize).max(start);
        let mut plan = DutyPlan::of(nodes);
        plan.trim(max);
        plan.replace_the_failed();
        plan.fill(start);
        if self.is_high(settings, &plan, now) && plan.serving() < max && plan.promote() {
            self.high_since = None;
        }
        if self.is_low(settings, &plan, now) && plan.available_serving() > start && plan.demote() {
            self.low_since = None;
        }
        plan.settle();
        plan.changes()
    }

    fn is_high(&mut self, settings: &ActiveNodes, plan: &DutyPlan<'_>, now: Tick) -> bool {
        let high = plan.serving_load() > u64::from(settings.in_flight_per_node) * plan.available_serving() as u64;
        let since = (high && plan.available_serving() > 0).then(|| self.high_since.unwrap_or(now));
        self.high_since = since;
        since.is_some_and(|since| now.since(since) >= settings.above_for)
    }

    // Nothing changes between the mark and four fifths of it, so that adding and removing a node do not alternate. The
    // load of leaving nodes counts, because it goes to the other nodes when its sessions end.
    fn is_low(&mut self, settings: &ActiveNodes, plan: &DutyPlan<'_>, now: Tick) -> bool {
        let fewer = plan.available_serving().saturating_sub(1) as u64;
        let low = plan.whole_load() * 5 < u64::from(settings.in_flight_per_node) * 4 * fewer;
        let since = low.then(|| self.low_since.unwrap_or(now));
        self.low_since = since;
        since.is_some_and(|since| now.since(since) >= settings.cool_down)
    }
}

/// The nodes, and the new duty of each.
struct DutyPlan<'a> {
    nodes: &'a [NodeSummary],
    duties: Vec<Duty>,
}

impl<'a> DutyPlan<'a> {
    fn of(nodes: &'a [NodeSummary]) -> Self {
        Self { nodes, duties: nodes.iter().map(|node| node.duty).collect() }
    }

    /// Replaces failed nodes if another node can serve. A node that was never probed has not failed: a node with a
    /// quicker first probe does not replace it, because sessions that began at a start would then move.
    fn replace_the_failed(&mut self) {
        while let Some(failed) = self.first(Duty::Serving, Availability::Bad) {
            if !self.promote() && !self.promote_any(Availability::Unknown) {
                break;
            }
            self.retire(failed);
        }
    }

    /// A reload may have lowered the maximum.
    fn trim(&mut self, max: usize) {
        while self.serving() > max && self.demote() {}
    }

    /// If there are too few usable nodes, others get the duty too, and serve as soon as they can.
    fn fill(&mut self, start: usize) {
        while self.serving() < start {
            if !self.promote() && !self.promote_any(Availability::Unknown) && !self.promote_any(Availability::Bad) {
                break;
            }
        }
    }

    /// Adds a serving node: first one that is leaving, because it is still warm, then the first standby.
    fn promote(&mut self) -> bool {
        self.promote_any(Availability::Good)
    }

    fn promote_any(&mut self, availability: Availability) -> bool {
        let next = self.first(Duty::Leaving, availability).or_else(|| self.first(Duty::Spare, availability));
        next.into_iter().for_each(|next| self.set(next, Duty::Serving));
        next.is_some()
    }

    /// Removes a serving node: one that cannot serve, else the last that was never probed, else the last.
    fn demote(&mut self) -> bool {
        if let Some(failed) = self.first(Duty::Serving, Availability::Bad) {
            self.retire(failed);
            return true;
        }
        let last = self.last_serving(Availability::Unknown).or_else(|| self.last_serving(Availability::Good));
        last.into_iter().for_each(|last| self.set(last, Duty::Leaving));
        last.is_some()
    }

    /// Takes a failed node out. Its sessions may continue there when it returns, so it is leaving while it has any.
    fn retire(&mut self, failed: usize) {
        let idle = self.nodes.get(failed).is_some_and(NodeSummary::is_idle);
        self.set(failed, if idle { Duty::Spare } else { Duty::Leaving });
    }

    /// A leaving node without requests and sessions becomes a standby. A node that starts leaving in this call waits
    /// for the next one, because a request on its way there may not be counted yet.
    fn settle(&mut self) {
        for (duty, node) in self.duties.iter_mut().zip(self.nodes) {
            if (*duty, node.duty) == (Duty::Leaving, Duty::Leaving) && node.is_idle() {
                *duty = Duty::Spare;
            }
        }
    }

    fn changes(&self) -> Vec<(usize, Duty)> {
        let both = self.nodes.iter().zip(&self.duties).enumerate();
        both.filter(|(_, (node, duty))| node.duty != **duty).map(|(index, (_, duty))| (index, *duty)).collect()
    }

    fn serving(&self) -> usize {
        self.each().filter(|(_, duty)| *duty == Duty::Serving).count()
    }

    fn available_serving(&self) -> usize {
        self.each().filter(|(node, duty)| *duty == Duty::Serving && node.availability != Availability::Bad).count()
    }

    fn serving_load(&self) -> u64 {
        self.each().filter(|(_, duty)| *duty == Duty::Serving).map(|(node, _)| u64::from(node.in_flight)).sum()
    }

    fn whole_load(&self) -> u64 {
        self.nodes.iter().map(|node| u64::from(node.in_flight)).sum()
    }

    fn first(&self, duty: Duty, availability: Availability) -> Option<usize> {
        self.each().position(|(node, its)| its == duty && node.availability == availability)
    }

    fn last_serving(&self, availability: Availability) -> Option<usize> {
        let (nodes, duties) = (self.nodes.iter(), self.duties.iter());
        nodes.zip(duties).rposition(|(node, duty)| *duty == Duty::Serving && node.availability == availability)
    }

    fn each(&self) -> impl Iterator<Item = (&NodeSummary, Duty)> {
        self.nodes.iter().zip(self.duties.iter().copied())
    }

    fn set(&mut self, index: usize, duty: Duty) {
        self.duties.get_mut(index).into_iter().for_each(|old| *old = duty);
    }
}

impl NodeSummary {
    const fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.sessions == 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::traffic::xorshift::xorshift;

    const SETTINGS: ActiveNodes = ActiveNodes {
        start: 1,
        max: 3,
        in_flight_per_node: 100,
        above_for: Duration::from_secs(30),
        cool_down: Duration::from_secs(300),
    };

    fn second(second: u64) -> Tick {
        Tick::from_millis(second * 1000)
    }

    /// The same numbers in every run.
    fn draws() -> impl FnMut(u32) -> u32 {
        let mut chance = 88_172_645_463_325_252_u64;
        move |below| (xorshift(&mut chance) >> 20) as u32 % below
    }

    /// One word for each node: `S`erving, `L`eaving or spare (`P`); `!` if it cannot serve, `?` if that is not known;
    /// then running requests; then `/` and sessions.
    fn nodes(text: &str) -> Vec<NodeSummary> {
        text.split_whitespace()
            .map(|word| {
                let duty = match &word[..1] {
                    "S" => Duty::Serving,
                    "L" => Duty::Leaving,
                    _ => Duty::Spare,
                };
                let (in_flight, sessions) = word[1..].split_once('/').unwrap_or((&word[1..], ""));
                let in_flight = in_flight.trim_start_matches(['!', '?']).parse().unwrap_or(0);
                let availability = match () {
                    () if word.contains('!') => Availability::Bad,
                    () if word.contains('?') => Availability::Unknown,
                    () => Availability::Good,
                };
                NodeSummary { duty, availability, in_flight, sessions: sessions.parse().unwrap_or(0) }
            })
            .collect()
    }

    fn apply(nodes: &mut [NodeSummary], changes: &[(usize, Duty)]) {
        changes.iter().for_each(|(index, duty)| nodes[*index].duty = *duty);
    }

    fn letters(nodes: &[NodeSummary]) -> String {
        let letter = |node: &NodeSummary| match node.duty {
            Duty::Serving => 'S',
            Duty::Leaving => 'L',
            Duty::Spare => 'P',
        };
        nodes.iter().map(letter).collect()
    }

    fn serving(nodes: &[NodeSummary]) -> usize {
        nodes.iter().filter(|node| node.duty == Duty::Serving).count()
    }

    fn after_a_look(settings: &ActiveNodes, text: &str) -> String {
        let mut nodes = nodes(text);
        let changes = DutyPlanner::default().plan(settings, &nodes, second(0));
        apply(&mut nodes, &changes);
        letters(&nodes)
    }

    #[test]
    fn what_follows_at_once() {
        let two = ActiveNodes { start: 2, ..SETTINGS };
        for (settings, before, after) in [
            // At the start: in file order, usable ones first, and some node serves in any case.
            (SETTINGS, "P P P", "SPP"),
            (SETTINGS, "P! P P", "PSP"),
            (SETTINGS, "P! P! P!", "SPP"),
            (two, "P! P P!", "SSP"),
            (two, "P! P! P", "SPS"),
            (SETTINGS, "", ""),
            // A failed node is replaced, and stays out while another serves.
            (SETTINGS, "S! P P", "PSP"),
            (SETTINGS, "S!7/9 P! P", "LPS"),
            (SETTINGS, "S! P! P!", "SPP"),
            (SETTINGS, "P S P", "PSP"),
            (SETTINGS, "L0/3 S P", "LSP"),
            (two, "S! S! P", "PSS"),
            (two, "S! S P! P!", "SSPP"),
            // A node that was never probed has not failed, and is better than a failed one.
            (SETTINGS, "P? P? P", "PPS"),
            (SETTINGS, "P! P? P?", "PSP"),
            (SETTINGS, "S?7/9 P P", "SPP"),
            (SETTINGS, "S! P? P?", "PSP"),
            (SETTINGS, "S! P? P", "PPS"),
            (ActiveNodes { max: 1, ..SETTINGS }, "S? S P", "LSP"),
            (ActiveNodes { max: 1, ..SETTINGS }, "S! S? P", "PSP"),
            // Leaving nodes come before standbys.
            (SETTINGS, "P S! L5/5", "PPS"),
            (two, "P S L5/5", "PSS"),
            // A leaving node that is idle becomes a standby.
            (SETTINGS, "S L P", "SPP"),
            (SETTINGS, "S L1 P", "SLP"),
            (SETTINGS, "S L0/1 P", "SLP"),
            (SETTINGS, "S L! P", "SPP"),
            // A reload lowered the maximum, or raised the minimum.
            (ActiveNodes { max: 2, ..SETTINGS }, "S9 S9 S9", "SSL"),
            (ActiveNodes { max: 2, ..SETTINGS }, "S9 S! S9", "SPS"),
            (ActiveNodes { max: 1, ..SETTINGS }, "S9 S9 S9", "SLL"),
            (ActiveNodes { start: 3, ..SETTINGS }, "S9 P L9", "SSS"),
            (ActiveNodes { start: 9, max: 9, ..SETTINGS }, "S9 P L9", "SSS"),
            (ActiveNodes { start: 0, max: 0, ..SETTINGS }, "P P P", "SPP"),
            // Load alone changes nothing at once.
            (SETTINGS, "S999 P P", "SPP"),
            (SETTINGS, "S S S", "SSS"),
        ] {
            assert_eq!(after_a_look(&settings, before), after, "{before}, {settings:?}");
        }
    }

    #[test]
    fn load_is_followed_when_it_lasts() {
        for (text, seconds, after) in [
            ("S101 P P", 29, "SPP"),
            ("S101 P P", 30, "SSP"),
            ("S100 P P", 999, "SPP"),
            ("S150 S51 P", 30, "SSS"),
            ("S101 P! P", 30, "SPS"),
            ("S101 P L5/5", 30, "SPS"),
            ("S101 P! P!", 999, "SPP"),
            ("S101 S101 S101 P", 999, "SSSP"),
            // A node that cannot serve does not share the load.
            ("S!0 S101 P!", 999, "SSP"),
            ("S S79 P", 299, "SSP"),
            ("S S79 P", 300, "SLP"),
            ("S1 S79 P", 999, "SSP"),
            ("S50 S50 S59", 300, "SSL"),
            ("S50 S50 S60", 999, "SSS"),
            // The load of leaving nodes counts for removing a node, not for adding one.
            ("S40 S39 L1/1", 999, "SSL"),
            ("S99 P L99/1", 999, "SPL"),
            // A node that cannot serve is removed first.
            ("S! S S", 300, "PSS"),
            ("S! S S2", 300, "PSS"),
        ] {
            let (mut planner, mut nodes) = (DutyPlanner::default(), nodes(text));
            for now in 0..=seconds {
                let changes = planner.plan(&SETTINGS, &nodes, second(now));
                if now < seconds {
                    assert_eq!(changes, [], "{text} after {now} s");
                }
                apply(&mut nodes, &changes);
            }
            assert_eq!(letters(&nodes), after, "{text} after {seconds} s");
        }
    }

    #[test]
    fn a_moment_of_calm_begins_the_wait_anew() {
        let mut planner = DutyPlanner::default();
        for now in 0..600 {
            let load = if now % 30 == 29 { "S100 P" } else { "S101 P" };
            assert_eq!(planner.plan(&SETTINGS, &nodes(load), second(now)), []);
        }
        for now in 0..3000 {
            let load = if now % 300 == 299 { "S40 S40" } else { "S39 S40" };
            assert_eq!(planner.plan(&SETTINGS, &nodes(load), second(now)), []);
        }
    }

    #[test]
    fn nodes_come_and_go_one_at_a_time() {
        let settings = ActiveNodes { max: 5, ..SETTINGS };
        let (mut planner, mut pool) = (DutyPlanner::default(), nodes("S9999 P P P P"));
        let mut told = Vec::new();
        for now in 0..2000 {
            if now == 500 {
                pool.iter_mut().for_each(|node| node.in_flight = 0);
            }
            let changes = planner.plan(&settings, &pool, second(now));
            apply(&mut pool, &changes);
            changes.iter().for_each(|_| told.push((now, letters(&pool))));
        }
        let expected = [
            (30, "SSPPP"),
            (61, "SSSPP"),
            (92, "SSSSP"),
            (123, "SSSSS"),
            (800, "SSSSL"),
            (801, "SSSSP"),
            (1101, "SSSLP"),
            (1102, "SSSPP"),
            (1402, "SSLPP"),
            (1403, "SSPPP"),
            (1703, "SLPPP"),
            (1704, "SPPPP"),
        ];
        assert_eq!(told, expected.map(|(now, letters)| (now, letters.to_owned())));
    }

    #[test]
    fn whatever_stands_is_in_order_after_one_call_and_at_rest_after_two() {
        let mut draw = draws();
        for _ in 0..20_000 {
            let count = draw(7) as usize;
            let start = 1 + draw(count.max(1) as u32);
            let settings = ActiveNodes { start, max: start + draw(4), ..SETTINGS };
            let mut nodes: Vec<_> = (0..count)
                .map(|_| NodeSummary {
                    duty: [Duty::Serving, Duty::Leaving, Duty::Spare][draw(3) as usize],
                    availability: [Availability::Good, Availability::Good, Availability::Bad, Availability::Unknown]
                        [draw(4) as usize],
                    in_flight: [0, draw(5), draw(300)][draw(3) as usize],
                    sessions: [0, draw(5) as usize][draw(2) as usize],
                })
                .collect();
            let mut planner = DutyPlanner {
                high_since: (draw(2) == 0).then(|| second(u64::from(draw(1000)))),
                low_since: (draw(2) == 0).then(|| second(u64::from(draw(1000)))),
            };
            let begin = nodes.clone();
            for call in 0..4 {
                let changes = planner.plan(&settings, &nodes, second(1000));
                assert!(changes.iter().all(|(index, duty)| nodes[*index].duty != *duty), "only what changes is told");
                assert!(call < 2 || changes.is_empty(), "at rest: {begin:?} {settings:?} {changes:?}");
                apply(&mut nodes, &changes);
                let availability = nodes.iter().filter(|node| node.availability != Availability::Bad).count();
                let least = (settings.start as usize).min(availability);
                let ready = nodes
                    .iter()
                    .filter(|node| node.duty == Duty::Serving && node.availability != Availability::Bad)
                    .count();
                assert!(serving(&nodes) <= settings.max as usize, "{begin:?} {settings:?}");
                assert!(ready >= least, "{ready} of {least} serve: {begin:?} {settings:?}");
                assert!(availability == ready || ready == serving(&nodes), "no failed one has a better one's place");
            }
        }
    }

    /// A pool whose requests all belong to sessions, each of which has one request running.
    struct Cluster {
        settings: ActiveNodes,
        planner: DutyPlanner,
        nodes: Vec<NodeSummary>,
        now: u64,
        /// When the set of serving nodes changed.
        turns: Vec<u64>,
    }

    impl Cluster {
        fn new(count: usize, settings: ActiveNodes) -> Self {
            let node = NodeSummary { duty: Duty::Spare, availability: Availability::Good, in_flight: 0, sessions: 0 };
            let planner = DutyPlanner::default();
            Self { settings, planner, nodes: vec![node; count], now: 0, turns: Vec::new() }
        }

        fn least_busy(&mut self) -> Option<&mut NodeSummary> {
            let serve = self
                .nodes
                .iter_mut()
                .filter(|node| node.availability == Availability::Good && node.duty == Duty::Serving);
            serve.min_by_key(|node| node.sessions)
        }

        /// One second: sessions end and begin, those of failed nodes move, and duties are planned.
        fn step(&mut self, load: usize, draw: &mut impl FnMut(u32) -> u32) {
            for node in &mut self.nodes {
                let kept = if node.availability == Availability::Good {
                    node.sessions - (0..node.sessions).filter(|_| draw(60) == 0).count()
                } else {
                    0
                };
                node.sessions = kept;
            }
            let mut there: usize = self.nodes.iter().map(|node| node.sessions).sum();
            while there > load {
                let busiest = self.nodes.iter_mut().max_by_key(|node| node.sessions).unwrap();
                busiest.sessions -= 1;
                there -= 1;
            }
            for _ in there..load {
                self.least_busy().into_iter().for_each(|node| node.sessions += 1);
            }
            self.nodes.iter_mut().for_each(|node| node.in_flight = node.sessions as u32);
            self.look();
        }

        fn look(&mut self) {
            let before = letters(&self.nodes).replace('L', "P");
            let changes = self.planner.plan(&self.settings, &self.nodes, second(self.now));
            apply(&mut self.nodes, &changes);
            self.now += 1;
            if letters(&self.nodes).replace('L', "P") != before {
                self.turns.push(self.now);
            }
            let usable = self.nodes.iter().filter(|node| node.availability == Availability::Good).count();
            let ready = self
                .nodes
                .iter()
                .filter(|node| node.availability == Availability::Good && node.duty == Duty::Serving)
                .count();
            assert!(serving(&self.nodes) <= self.settings.max as usize, "never more than max");
            assert!(ready >= usable.min(self.settings.start as usize), "never fewer than start while there are more");
        }
    }

    #[test]
    fn a_cluster_follows_its_load_up_and_down_whatever_fails() {
        let mut draw = draws();
        let mut cluster = Cluster::new(6, ActiveNodes { max: 5, ..SETTINGS });
        for (load, seconds, least, most) in
            [(20, 100, 1, 1), (250, 300, 3, 3), (490, 600, 5, 5), (900, 600, 5, 5), (250, 2500, 4, 4), (30, 3000, 1, 1)]
        {
            for tick in 0..seconds {
                // From time to time a node fails for a while; in the end all are healthy.
                if draw(50) == 0 && tick + 1200 < seconds {
                    let index = draw(6) as usize;
                    let availability = &mut cluster.nodes[index].availability;
                    *availability =
                        if *availability == Availability::Good { Availability::Bad } else { Availability::Good };
                }
                if tick + 1000 == seconds {
                    cluster.nodes.iter_mut().for_each(|node| node.availability = Availability::Good);
                }
                cluster.step(load, &mut draw);
            }
            let found = serving(&cluster.nodes);
            assert!((least..=most).contains(&found), "{found} serve a load of {load}: {}", letters(&cluster.nodes));
        }
    }

    #[test]
    fn no_constant_load_makes_nodes_come_and_go() {
        let mut draw = draws();
        let settings = ActiveNodes { max: 6, cool_down: Duration::from_secs(60), ..SETTINGS };
        for load in (0..=560).step_by(20) {
            for begin in [0, 560] {
                let mut cluster = Cluster::new(6, settings);
                (0..400).for_each(|_| cluster.step(begin, &mut draw));
                (0..700).for_each(|_| cluster.step(load, &mut draw));
                let settled = cluster.turns.len();
                assert!(settled <= 12, "{settled} turns on the way to {load}");
                (0..700).for_each(|_| cluster.step(load, &mut draw));
                assert_eq!(cluster.turns.len(), settled, "at a load of {load}: {:?}", cluster.turns);
                let found = serving(&cluster.nodes);
                assert!(found * 100 >= load, "{found} serve {load}");
                assert!(found == 1 || (found - 1) * 80 <= load + 80, "{found} serve {load}");
            }
        }
    }

    #[test]
    fn a_node_that_flaps_is_left_alone_after_its_first_failure() {
        let mut draw = draws();
        let mut cluster = Cluster::new(2, ActiveNodes { max: 2, ..SETTINGS });
        for tick in 0..600 {
            cluster.nodes[0].availability =
                if tick < 30 || tick / 3 % 2 == 0 { Availability::Good } else { Availability::Bad };
            cluster.step(50, &mut draw);
        }
        assert_eq!(cluster.turns.len(), 2, "it serves, then the other one does: {:?}", cluster.turns);
        assert_eq!(cluster.nodes[1].duty, Duty::Serving);
    }
}
