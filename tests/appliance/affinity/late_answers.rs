//! Sessions that move while a request of theirs still runs: what its late answer may say of them, and what not.

use crate::harness::{Answer, Appliance, Client, Gate, Origin, Plan, eventually, ok_with};
use crate::session_world::{self, World};

/// Two nodes. Their /slow answers when the gate opens; /slow/ID names the session ID in its answer.
struct Late {
    world: World,
    gate: Gate,
}

impl Late {
    fn of(pool: &str) -> Self {
        let gate = Gate::shut();
        let node = |name: &'static str| {
            let opened = gate.clone();
            Origin::speaking(move |talk| {
                talk.body_length();
                let target = talk.target();
                let Some(id) = target.strip_prefix("/slow") else {
                    let answer = session_world::answer(name, &talk.seen());
                    return talk.send(&answer);
                };
                opened.pass();
                let set = id.strip_prefix('/').map(|id| format!("Set-Cookie: JSESSIONID={id}\r\n"));
                talk.send(&ok_with(&set.unwrap_or_default(), name));
            })
        };
        let nodes = vec![node("n1"), node("n2")];
        let weir = Plan::before(&nodes.iter().collect::<Vec<_>>()).pool(&format!("reuse = false\n{pool}")).start();
        Self { world: World { nodes, weir }, gate }
    }

    fn weir(&self) -> &Appliance {
        &self.world.weir
    }

    /// A session of n1, as the cookie of who has it.
    #[track_caller]
    fn on_n1(&self, mode: &str) -> String {
        for number in 0..10 {
            let there = self.world.ask(&format!("/login/S{number}"), "");
            if there.text() == "n1" {
                return match mode {
                    "cookie" => own_cookie(&there).expect("it is set"),
                    _ => format!("JSESSIONID=S{number}"),
                };
            }
            // By the client's address: that is the first who comes.
            assert_ne!(mode, "source", "the first node is the first client's");
        }
        panic!("logins are spread");
    }

    /// A request that runs on this node, and will be answered when the gate opens.
    #[track_caller]
    fn runs_on(&self, node: &str, target: &str, cookie: &str) -> Client {
        let node = self.world.node(node);
        let before = node.count();
        let mut client = self.weir().client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\nCookie: {cookie}\r\n\r\n"));
        node.reached(before + 1);
        client
    }

    fn order(&self, word: &str) {
        assert_eq!(self.weir().command(&[word, "n1"]).code, Some(0));
    }

    #[track_caller]
    fn answered(&self, mut client: Client) -> Answer {
        self.gate.open();
        client.answer().expect("the answer comes")
    }

    #[track_caller]
    fn stays(&self, cookie: &str, node: &str, what: &str) {
        (0..4).for_each(|_| assert_eq!(self.world.with_cookie(cookie).text(), node, "{what}"));
    }
}

fn own_cookie(answer: &Answer) -> Option<String> {
    let set = answer.values("set-cookie").into_iter().find(|value| value.starts_with("WEIRNODE="))?;
    Some(set.split(';').next()?.to_owned())
}

#[test]
fn a_late_answer_does_not_drag_a_moved_session_back() {
    for (mode, names) in [("learn", false), ("learn", true), ("source", false)] {
        let late = Late::of(&format!("sticky = {{ mode = \"{mode}\" }}"));
        let cookie = late.on_n1(mode);
        let id = cookie.trim_start_matches("JSESSIONID=");
        let target = if names { format!("/slow/{id}") } else { "/slow".to_owned() };
        let slow = late.runs_on("n1", &target, &cookie);
        late.order("maintain");
        assert_eq!(late.world.with_cookie(&cookie).text(), "n2", "{mode}: it moves");
        late.order("activate");
        assert_eq!(late.answered(slow).text(), "n1", "{mode}");
        late.stays(&cookie, "n2", &format!("{mode}, named again: {names}"));
    }
}

#[test]
fn of_two_first_requests_at_once_the_first_answer_says_where_the_session_lives() {
    for mode in ["learn", "source"] {
        let late = Late::of(&format!("sticky = {{ mode = \"{mode}\" }}"));
        let cookie = "JSESSIONID=FORGOTTEN";
        let slow = late.runs_on("n1", "/slow", cookie);
        assert_eq!(late.world.with_cookie(cookie).text(), "n2", "{mode}: nobody knows it yet");
        assert_eq!(late.answered(slow).text(), "n1", "{mode}");
        late.stays(cookie, "n2", mode);
    }
}

#[test]
fn a_node_that_comes_back_while_another_one_answers_does_not_get_its_sessions_back() {
    for mode in ["learn", "source", "cookie"] {
        let late = Late::of(&format!("sticky = {{ mode = \"{mode}\" }}"));
        let cookie = late.on_n1(mode);
        late.order("maintain");
        let slow = late.runs_on("n2", "/slow", &cookie);
        late.order("activate");
        let moved = late.answered(slow);
        assert_eq!(moved.text(), "n2", "{mode}");
        let cookie = own_cookie(&moved).unwrap_or(cookie);
        late.stays(&cookie, "n2", mode);
    }
}

#[test]
fn a_node_that_was_down_when_it_was_asked_does_not_get_the_session_back_either() {
    for mode in ["learn", "cookie"] {
        let late = Late::of(&format!("sticky = {{ mode = \"{mode}\" }}\neject = {{ failures = 1, for = \"1s\" }}"));
        let cookie = late.on_n1(mode);
        late.world.node("n1").stop();
        let slow = late.runs_on("n2", "/slow", &cookie);
        late.world.node("n1").resume();
        eventually("it serves again", || {
            late.weir().get("/");
            late.weir().state("app", "n1") == "active"
        });
        let moved = late.answered(slow);
        assert_eq!(moved.text(), "n2", "{mode}");
        let cookie = own_cookie(&moved).unwrap_or(cookie);
        late.stays(&cookie, "n2", mode);
    }
}
