//! Users in steady traffic who count everything: each answer's node and session, each error, the slowest answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::browser::{Browser, Page};
use crate::harness::eventually;

/// Whom a crowd is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Users {
    /// Each has one session and counts its requests in it.
    WithSessions,
    /// Nobody has a session.
    WithoutSessions,
}

/// What the users saw.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub requests: usize,
    /// What was no 200, by kind, how often.
    pub errors: BTreeMap<String, usize>,
    /// Answers, by node.
    pub by_node: BTreeMap<String, usize>,
    /// Users whose session was there no more, how often.
    pub lost: BTreeMap<usize, usize>,
    /// Counts that were left out: the node counted, its answer never came.
    pub skipped: usize,
    /// Requests that were sent again on a fresh connection since the kept one was closed.
    pub repeated: usize,
    pub slowest: Duration,
    /// Answers that took so long as if a timeout of a second was in them.
    slow: usize,
    /// The slowest of the errors.
    pub slowest_error: Duration,
}

/// Users who ask until they are sent home.
pub struct Crowd {
    shared: Arc<Shared>,
    users: Vec<JoinHandle<()>>,
}

struct Shared {
    kind: Users,
    over: AtomicBool,
    tally: Mutex<Tally>,
    /// Of each user, how many requests are over.
    asked: Mutex<BTreeMap<usize, usize>>,
    /// Where each user's session lives.
    homes: Mutex<BTreeMap<usize, String>>,
    /// When each user ends its session and begins another.
    ends: Mutex<BTreeMap<usize, Instant>>,
}

struct User {
    number: usize,
    browser: Browser,
    count: usize,
    crowd: Arc<Shared>,
}

impl Crowd {
    /// So many users of this host; it returns when each of them had an answer.
    pub fn come(kind: Users, size: usize, host: &str, address: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            kind,
            over: AtomicBool::new(false),
            tally: Mutex::default(),
            asked: Mutex::default(),
            homes: Mutex::default(),
            ends: Mutex::default(),
        });
        let user = |number| {
            let browser = Browser::plain(host, address);
            let mut user = User { number, browser, count: 0, crowd: shared.clone() };
            user.ask();
            thread::spawn(move || user.stay())
        };
        let users = (0..size).map(user).collect();
        Self { shared, users }
    }

    /// What was seen until now; counting begins anew.
    pub fn take(&self) -> Tally {
        std::mem::take(&mut *self.shared.tally.lock().unwrap())
    }

    /// A look at what was seen.
    pub fn look<T>(&self, look: impl FnOnce(&Tally) -> T) -> T {
        look(&self.shared.tally.lock().unwrap())
    }

    /// Waits until whatever was under way is over, for every user.
    pub fn settle(&self) {
        let before = self.shared.asked.lock().unwrap().clone();
        eventually("everybody has asked anew", || {
            before.iter().all(|(user, asked)| self.shared.asked.lock().unwrap()[user] > asked + 1)
        });
    }

    /// The users with a session on this node.
    pub fn living_on(&self, node: &str) -> BTreeSet<usize> {
        let homes = self.shared.homes.lock().unwrap();
        homes.iter().filter(|(_, home)| *home == node).map(|(user, _)| *user).collect()
    }

    /// One after the other, over so long a time, ends its session and begins another.
    pub fn begin_anew_within(&self, time: Duration) {
        let (now, size) = (Instant::now(), self.users.len());
        let when = |user| (user, now + time.mul_f64(user as f64 / size as f64));
        *self.shared.ends.lock().unwrap() = (0..size).map(when).collect();
    }

    /// Whether nobody has still to end its session.
    pub fn has_begun_anew(&self) -> bool {
        self.shared.ends.lock().unwrap().is_empty()
    }

    /// All go home; what they saw since the last look.
    pub fn go_home(mut self) -> Tally {
        self.shared.over.store(true, Ordering::Relaxed);
        for user in self.users.drain(..) {
            user.join().unwrap();
        }
        self.take()
    }
}

impl Crowd {
    /// As [`Self::go_home`]; nobody may have seen anything amiss.
    #[track_caller]
    pub fn go_home_flawless(self, when: &str) -> Tally {
        let tally = self.go_home();
        tally.assert_flawless(when);
        tally
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }
}

impl User {
    fn stay(mut self) {
        while !self.crowd.over.load(Ordering::Relaxed) {
            // Reading what came: the pace of the load, not a wait for anything.
            thread::sleep(Duration::from_millis(50));
            self.end_in_time();
            self.ask();
        }
    }

    /// One request.
    fn ask(&mut self) {
        let path = match self.crowd.kind {
            Users::WithSessions => "/app/count",
            Users::WithoutSessions => "/app/count?plain",
        };
        self.send(path);
    }

    fn end_in_time(&mut self) {
        let mine = self.crowd.ends.lock().unwrap().get(&self.number).copied();
        if mine.is_some_and(|when| when <= Instant::now()) {
            self.send("/app/count?end");
            self.browser.forget();
            self.count = 0;
            self.ask();
            self.crowd.ends.lock().unwrap().remove(&self.number);
        }
    }

    fn send(&mut self, path: &str) {
        let (begun, repeated) = (Instant::now(), self.browser.repeated);
        let page = self.browser.try_get(path);
        let took = begun.elapsed();
        let crowd = self.crowd.clone();
        let mut tally = crowd.tally.lock().unwrap();
        tally.requests += 1;
        *crowd.asked.lock().unwrap().entry(self.number).or_default() += 1;
        tally.repeated += self.browser.repeated - repeated;
        tally.slowest = tally.slowest.max(took);
        tally.slow += usize::from(took >= Duration::from_millis(950));
        match page {
            Ok(page) if page.status == 200 => self.note(&page, &mut tally),
            other => {
                let kind = kind(other);
                *tally.errors.entry(kind).or_default() += 1;
                tally.slowest_error = tally.slowest_error.max(took);
            }
        }
    }

    fn note(&mut self, page: &Page, tally: &mut Tally) {
        let (node, count) = page.body.split_once(' ').unwrap_or((&page.body, "?"));
        *tally.by_node.entry(node.to_owned()).or_default() += 1;
        if self.crowd.kind == Users::WithoutSessions {
            return;
        }
        let count = count.parse().unwrap_or_else(|_| panic!("an odd page: {:?}", page.body));
        match count {
            1 if self.count > 0 => *tally.lost.entry(self.number).or_default() += 1,
            _ => tally.skipped += count - self.count - 1,
        }
        self.count = count;
        self.crowd.homes.lock().unwrap().insert(self.number, node.to_owned());
    }
}

/// An error in a few words: the status and the page's first line, or what became of the connection.
fn kind(page: std::io::Result<Page>) -> String {
    match page {
        Ok(page) => format!("{}: {}", page.status, page.body.lines().next().unwrap_or_default()),
        Err(error) => format!("{:?}", error.kind()),
    }
}

impl Tally {
    /// Whether there was no error, and nobody lost a session or a count of it.
    #[track_caller]
    pub fn assert_flawless(&self, when: &str) {
        assert!(self.errors.is_empty() && self.lost.is_empty() && self.skipped == 0, "{when}: {self}");
        assert!(self.requests > 0, "{when}: nobody asked");
    }

    /// How many requests had no 200.
    pub fn failed(&self) -> usize {
        self.errors.values().sum()
    }

    /// How many requests sat through a timeout of a second.
    pub fn waited(&self) -> usize {
        self.slow
    }

    /// Answers of this node.
    pub fn of(&self, node: &str) -> usize {
        self.by_node.get(node).copied().unwrap_or_default()
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { requests, errors, by_node, lost, skipped, repeated, slowest, slowest_error, slow } = self;
        write!(
            f,
            "{requests} requests, errors {errors:?}, slowest {slowest:.0?} (error {slowest_error:.0?}, over a second {slow}), nodes {by_node:?}, \
             users that lost a session {}, lost answers {skipped}, kept connections found closed {repeated}",
            lost.len()
        )
    }
}
