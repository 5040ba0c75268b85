//! What is told of a cluster whose members and probes say one thing or another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::known::{KnownNodes, Probes};
use super::super::member_list::{MemberAddress, MemberList};
use super::super::told::Fault;
use super::super::word::Word;
use super::{ClusterState, SourceState};

const INTERVAL: Duration = Duration::from_secs(5);
/// The ports are those of `[cluster] members` and of the lists here.
const NODES: [(&str, &str, Option<u16>); 3] =
    [("manager", "10.0.0.2", Some(4100)), ("w1", "10.0.0.3", Some(4200)), ("w2", "10.0.0.4", Some(4300))];

/// A cluster that is told things, at a time that the test says.
struct Scene {
    state: ClusterState,
    known: KnownNodes,
    now: Instant,
    told: Vec<String>,
}

impl Scene {
    /// Three nodes, all asked; with `logs`, the second's log is read as well.
    fn new(logs: bool) -> Self {
        let mut state = ClusterState::new(INTERVAL);
        let mut sources: Vec<SourceState> =
            (0..3).map(|id| SourceState::new(id, format!("source{id}").into(), None)).collect();
        if logs {
            sources.push(SourceState::new(3, "w2.log".into(), Some("w2".into())));
        }
        state.follow(INTERVAL, sources);
        Self { state, known: KnownNodes::made(&NODES), now: Instant::now(), told: Vec::new() }
    }

    /// The members that this source names: letters m, 1 and 2 for the nodes, x for a stranger.
    fn says(&mut self, source: u64, members: &str) {
        let address = |letter| match letter {
            'm' => "10.0.0.2:4100",
            '1' => "10.0.0.3:4200",
            '2' => "10.0.0.4:4300",
            _ => "10.0.0.9:4000",
        };
        let own = ['m', '1', '2', '2'][source as usize % 10];
        let parsed = |letter| MemberAddress::parse(address(letter)).unwrap();
        let list = MemberList { members: members.chars().map(parsed).collect(), own: Some(parsed(own)) };
        self.hears(source, Ok(list.into()));
    }

    fn hears(&mut self, source: u64, said: Result<Word, Fault>) {
        let told = self.state.heard(source, said, &self.known, self.now);
        self.note(told);
    }

    fn fails(&mut self, source: u64) {
        self.hears(source, Err(Fault::Silent("connection refused".to_owned())));
    }

    fn note(&mut self, told: Vec<super::Told>) {
        self.told.extend(told.into_iter().map(|told| format!("{}: {}", told.subject, told.text)));
    }

    fn after(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        let told = self.state.look(&self.known, self.now);
        self.note(told);
    }

    fn probes(&mut self, node: usize, probes: Probes) {
        self.known.nodes[node].probes = probes;
        self.after(0);
    }

    /// What was told since the last question.
    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    fn words(&self) -> String {
        let word = |node: &str| self.state.node(node, self.now).map_or("-", |place| place.membership.word());
        NODES.map(|(node, ..)| word(node)).join(" ")
    }

    /// What the three say after an interval.
    fn each_says(&mut self, members: [&str; 3]) {
        self.after(5);
        (0..3).zip(members).for_each(|(source, members)| self.says(source, members));
    }

    fn all_say(&mut self, members: &str) {
        (0..3).for_each(|source| self.says(source, members));
    }
}

#[test]
fn who_leaves_and_comes_back_is_told_and_a_start_is_not() {
    let mut scene = Scene::new(false);
    scene.after(1);
    assert_eq!(scene.words(), "- - -");
    scene.all_say("m12");
    assert_eq!((scene.words().as_str(), scene.told().len()), ("member member member", 0));
    // It dies: for a while only some know, and it refuses.
    scene.says(0, "m1");
    assert_eq!(scene.words(), "member member member");
    scene.fails(2);
    scene.says(1, "m1");
    assert_eq!(scene.words(), "member member left");
    assert_eq!(scene.told(), ["w2: left the cluster"]);
    scene.after(12);
    assert_eq!(scene.told(), ["w2: left the cluster 12.0 s ago but answers its probes"]);
    scene.after(60);
    assert_eq!(scene.told().len(), 0, "it is told once");
    scene.probes(2, Probes::Fail("tcp 8280: connection refused".to_owned()));
    assert_eq!(scene.told(), ["w2: is not in the cluster, and now its probes fail too"]);
    scene.says(0, "m12");
    scene.says(1, "m12");
    scene.says(2, "m12");
    assert_eq!(scene.told(), ["w2: is in the cluster again, after 1 min 12 s"]);
}

#[test]
fn who_is_a_member_and_fails_its_probes_is_told_after_a_while() {
    let mut scene = Scene::new(false);
    scene.all_say("m12");
    scene.probes(1, Probes::Fail("http 8280/: status 503".to_owned()));
    scene.after(9);
    assert_eq!(scene.told().len(), 0);
    scene.after(3);
    assert_eq!(scene.told(), ["w1: is in the cluster but fails its probes, for 12.0 s (http 8280/: status 503)"]);
    scene.probes(1, Probes::Pass);
    assert_eq!(scene.told(), ["w1: is in the cluster, and its probes pass again"]);
    // One that stops as a node should leaves, and then its probes fail: nobody has to look.
    scene.says(0, "m2");
    scene.says(2, "m2");
    scene.fails(1);
    scene.after(4);
    scene.probes(1, Probes::Fail("refused".to_owned()));
    scene.after(60);
    assert_eq!(scene.told(), ["w1: left the cluster"]);
}

#[test]
fn who_should_be_there_and_never_was_is_absent() {
    let mut scene = Scene::new(false);
    scene.says(0, "m1");
    scene.says(1, "m1");
    assert_eq!(scene.words(), "member member absent");
    scene.after(20);
    assert_eq!(
        scene.told(),
        ["w2: is not in the cluster", "w2: is not in the cluster but answers its probes, for 20.0 s"]
    );
    scene.says(0, "m12");
    scene.says(1, "m12");
    assert_eq!(scene.told(), ["w2: joined the cluster"]);
}

const SPLIT: &str = "the members disagree (split brain): manager and w1 see manager, w1; w2 sees itself alone";

#[test]
fn a_disagreement_counts_when_it_lasts_and_all_have_said_it_twice_again() {
    let mut scene = Scene::new(false);
    scene.all_say("m12");
    scene.each_says(["m1", "m1", "2"]);
    for _ in 0..9 {
        scene.after(5);
        scene.says(0, "m1");
    }
    scene.says(1, "m1");
    scene.says(2, "2");
    assert_eq!((scene.told().len(), scene.state.split()), (0, None), "not all have said it twice more");
    scene.after(5);
    scene.says(1, "m1");
    scene.says(2, "2");
    assert_eq!(scene.told(), [format!("cluster: {SPLIT}")]);
    assert_eq!((scene.words().as_str(), scene.state.split()), ("split split split", Some(SPLIT)));
    (0..3).for_each(|_| scene.each_says(["m1", "m1", "2"]));
    scene.fails(2);
    scene.says(0, "m1");
    scene.says(2, "2");
    assert_eq!((scene.told().len(), scene.state.split()), (0, Some(SPLIT)), "it is told once");
    scene.all_say("m12");
    assert_eq!(scene.told(), ["cluster: the members that answer agree again: manager, w1, w2"]);
    assert_eq!(scene.words(), "member member member");
}

#[test]
fn a_member_that_starts_again_is_no_split_while_it_names_itself_alone() {
    let mut scene = Scene::new(false);
    scene.all_say("m12");
    // It dies: the others notice before its own last word is old.
    scene.each_says(["m1", "m1", "m12"]);
    for _ in 0..4 {
        scene.after(5);
        scene.says(0, "m1");
        scene.says(1, "m1");
        scene.fails(2);
    }
    scene.told();
    (0..5).for_each(|_| scene.each_says(["m1", "m1", "2"]));
    assert_eq!((scene.state.split(), scene.words().as_str()), (None, "member member left"));
    assert_eq!(scene.told(), ["source2: tells of the members again"]);
    scene.all_say("m12");
    assert_eq!(scene.told(), ["w2: is in the cluster again, after 40.0 s"]);
}

#[test]
fn who_comes_and_goes_on_one_side_neither_hides_a_split_nor_makes_another() {
    let mut scene = Scene::new(false);
    scene.all_say("m12");
    for turn in 0..20 {
        let side = if turn % 2 == 0 { "m1x" } else { "m1" };
        // Now and then only one of them knows already.
        scene.each_says([side, if turn % 5 == 0 { "m1" } else { side }, "2"]);
    }
    let told = scene.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("cluster: the members disagree (split brain): manager and w1 see manager, w1"),
        "{told:?}"
    );
    assert_eq!(
        (scene.words().as_str(), scene.state.split()),
        ("split split split", Some(SPLIT)),
        "what is shown is new"
    );
    scene.all_say("m12");
    assert_eq!(scene.told(), ["cluster: the members that answer agree again: manager, w1, w2"]);
}

#[test]
fn a_split_whose_sides_change_is_told_again() {
    let mut scene = Scene::new(false);
    (0..8).for_each(|_| scene.each_says(["m1", "m1", "2"]));
    assert_eq!(scene.told().last().map(String::as_str), Some(&*format!("cluster: {SPLIT}")));
    (0..8).for_each(|_| scene.each_says(["m", "12", "12"]));
    let other = "cluster: the members disagree (split brain): manager sees itself alone; w1 and w2 see w1, w2";
    assert_eq!(scene.told(), [other]);
    (0..8).for_each(|_| scene.each_says(["m", "1", "2"]));
    assert_eq!(scene.told().len(), 1, "three parts are not two");
}

#[test]
fn a_member_of_whom_only_some_know_for_good_is_told_too() {
    let mut scene = Scene::new(false);
    scene.all_say("m12");
    (0..8).for_each(|_| scene.each_says(["m12", "m1", "m12"]));
    let said = "the members disagree (split brain): w1 sees manager, w1; manager and w2 see manager, w1, w2";
    assert_eq!((scene.told(), scene.words().as_str()), (vec![format!("cluster: {said}")], "member member split"));
}

/// Manager and w1 on one side, w2 on the other, and all of it told.
fn split() -> Scene {
    let mut scene = Scene::new(false);
    scene.all_say("m12");
    (0..8).for_each(|_| scene.each_says(["m1", "m1", "2"]));
    assert_eq!(scene.told(), [format!("cluster: {SPLIT}")]);
    scene
}

#[test]
fn one_side_that_is_silent_for_a_while_does_not_end_a_split() {
    let mut scene = split();
    for _ in 0..2 {
        scene.after(5);
        scene.fails(2);
    }
    assert_eq!((scene.words().as_str(), scene.state.split()), ("split split split", Some(SPLIT)));
    scene.each_says(["m1", "m1", "2"]);
    let silence = scene.told();
    assert!(silence.iter().all(|told| told.starts_with("source2: ")), "{silence:?}");
    // One that stays silent is on no side in the end.
    for _ in 0..9 {
        scene.after(5);
        scene.fails(2);
    }
    assert_eq!(scene.state.split(), None);
    let told = scene.told();
    let over = "cluster: the members that answer agree again: manager, w1";
    assert!(told.iter().any(|told| told == over) && told.iter().any(|told| told == "w2: left the cluster"), "{told:?}");
}

#[test]
fn one_side_that_dies_ends_a_split() {
    let mut scene = split();
    scene.fails(2);
    scene.fails(2);
    assert_eq!(scene.state.split(), Some(SPLIT));
    scene.probes(2, Probes::Fail("refused".to_owned()));
    assert_eq!(scene.state.split(), None);
    assert_eq!(scene.words(), "member member left");
}

#[test]
fn a_reload_that_asks_anew_does_not_end_a_split() {
    let mut scene = split();
    let source = |id: u64| SourceState::new(id, format!("source{id}").into(), None);
    scene.state.follow(INTERVAL, (10..13).map(source).collect());
    scene.says(10, "m1");
    scene.says(11, "m1");
    assert_eq!((scene.told().len(), scene.state.split()), (0, Some(SPLIT)), "the other side was not heard yet");
    for _ in 0..8 {
        scene.after(5);
        scene.says(10, "m1");
        scene.says(11, "m1");
        scene.says(12, "2");
    }
    assert_eq!((scene.told().len(), scene.state.split()), (0, Some(SPLIT)), "it is the same");
}

#[test]
fn while_the_members_differ_nothing_new_is_told_of_a_node_and_what_is_over_is() {
    let mut scene = Scene::new(false);
    scene.all_say("m12");
    scene.probes(1, Probes::Fail("refused".to_owned()));
    scene.after(12);
    assert_eq!(scene.told(), ["w1: is in the cluster but fails its probes, for 12.0 s (refused)"]);
    (0..2).for_each(|_| scene.each_says(["m2", "m12", "m12"]));
    scene.probes(1, Probes::Pass);
    assert_eq!(scene.told(), ["w1: is in the cluster, and its probes pass again"]);
    scene.probes(1, Probes::Fail("refused".to_owned()));
    (0..3).for_each(|_| scene.each_says(["m2", "m12", "m12"]));
    assert_eq!((scene.told().len(), scene.words().as_str()), (0, "member member member"));
    scene.all_say("m12");
    assert_eq!(scene.told(), ["w1: is in the cluster but fails its probes, for 15.0 s (refused)"]);
}

#[test]
fn a_source_that_is_silent_is_no_member_that_left() {
    let mut scene = Scene::new(false);
    scene.all_say("m12");
    for source in 0..3 {
        scene.fails(source);
    }
    assert_eq!((scene.words().as_str(), scene.told().len()), ("member member member", 0), "once is no silence");
    for source in 0..3 {
        scene.fails(source);
        scene.fails(source);
    }
    let silent = |source| {
        format!("source{source}: says nothing of the members: connection refused; of its node that says nothing")
    };
    assert_eq!(scene.told(), [silent(0), silent(1), silent(2)]);
    assert_eq!(scene.words(), "unknown unknown unknown");
    scene.after(100);
    scene.says(0, "m12");
    assert_eq!(scene.told(), ["source0: tells of the members again"]);
    assert_eq!(scene.words(), "member member member");
    let since = scene.state.node("w2", scene.now).unwrap().since;
    assert_eq!(since, Duration::from_secs(100), "a silence is no change");
}

#[test]
fn rest_that_is_off_says_what_to_set() {
    let mut scene = Scene::new(false);
    (0..4).for_each(|_| scene.hears(0, Err(Fault::Closed)));
    let told = scene.told();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("write hazelcast.rest.enabled=true"), "{told:?}");
}

#[test]
fn sources_come_and_go_and_what_was_said_by_others_counts_on() {
    let mut scene = Scene::new(false);
    scene.all_say("m12");
    let source = |id: u64| SourceState::new(id, Arc::from("again"), None);
    scene.state.follow(INTERVAL, vec![source(0), source(7)]);
    assert_eq!(scene.state.sources()[0].members().map(<[_]>::len), Some(3));
    assert_eq!(scene.state.sources()[1].members(), None);
    scene.says(2, "2");
    assert_eq!(scene.words(), "member member member", "one that is gone is not heard");
    // A node that a reload took out is forgotten.
    scene.known = KnownNodes::made(&NODES[..2]);
    scene.after(1);
    assert_eq!(scene.words(), "member member -");
    assert_eq!(scene.state.strangers(&scene.known).len(), 1);
}

#[test]
fn the_log_of_a_node_that_died_keeps_its_last_word_for_itself() {
    let mut scene = Scene::new(true);
    scene.all_say("m12");
    scene.says(3, "m12");
    scene.fails(2);
    for _ in 0..4 {
        scene.says(0, "m1");
        scene.says(1, "m1");
        scene.says(3, "m12");
    }
    assert_eq!((scene.words().as_str(), scene.state.split()), ("member member left", None));
    // One that lives, and lost the others, says so.
    for _ in 0..8 {
        scene.after(5);
        scene.says(0, "m1");
        scene.says(1, "m1");
        scene.says(3, "2");
    }
    assert!(scene.state.split().is_some_and(|split| split.ends_with("w2 sees itself alone")), "{:?}", scene.told());
}

#[test]
fn a_log_without_a_list_tells_only_of_whom_it_names() {
    let mut scene = Scene::new(true);
    scene.state.follow(INTERVAL, vec![SourceState::new(3, "w2.log".into(), Some("w2".into()))]);
    let mut word = Word::default();
    scene.hears(3, Ok(word.clone()));
    assert_eq!(scene.words(), "unknown unknown unknown");
    word.joined(MemberAddress::parse("10.0.0.3:4200").unwrap());
    scene.hears(3, Ok(word.clone()));
    assert_eq!(scene.words(), "unknown member unknown");
    word.left(MemberAddress::parse("10.0.0.3:4200").unwrap());
    scene.hears(3, Ok(word));
    assert_eq!(scene.words(), "unknown left unknown");
    assert_eq!(scene.told(), ["w1: left the cluster"]);
}
