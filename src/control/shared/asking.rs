//! Asks the servers for sessions: all of them at once, and the latest record of what they answer counts.

use std::sync::Arc;
use std::time::Duration;

use redis::RedisError;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::common::{Common, count};
use super::record::Record;
use super::server::Server;
use super::table;
use crate::proxy::worker::sharing::{Question, SessionPlace};

/// Once one server has told where a session lives, the others are waited for as long, should theirs be later.
const GRACE: Duration = Duration::from_millis(2);

/// What stands in each place.
type Texts = Vec<Option<Vec<u8>>>;

/// The most sessions in one question to a server.
const AT_ONCE: usize = 200;

/// Answers the requests that wait, for ever.
pub(super) async fn answer(common: Arc<Common>) {
    loop {
        let mut questions = common.control.sharing.next_questions().await;
        while !questions.is_empty() {
            let rest = questions.split_off(questions.len().min(AT_ONCE));
            let some = std::mem::replace(&mut questions, rest);
            tokio::spawn(answer_some(Arc::clone(&common), some));
        }
    }
}

async fn answer_some(common: Arc<Common>, questions: Vec<Question>) {
    let mut left: Vec<Pending> = Vec::with_capacity(questions.len());
    let mut places = Vec::new();
    for question in questions {
        let first = places.len();
        places.extend(question.places);
        left.push(Pending { first, last: places.len(), waiting: question.waiting });
    }
    let mut asked = Asked::begin(&common, &places, common.settings.timeout, Server::may_answer);
    while let Some(found) = asked.next().await {
        left.retain_mut(|pending| {
            let known = found.get(pending.first..pending.last).unwrap_or_default();
            let is_found = known.iter().any(Option::is_some);
            if is_found {
                pending.settle(&common, &places, known);
            }
            !is_found
        });
        if left.is_empty() {
            break;
        }
    }
    left.iter().for_each(|_| count(&common.counts.unknown));
}

/// A request that waits for some of the places. It goes on when this is dropped.
struct Pending {
    first: usize,
    last: usize,
    #[expect(dead_code, reason = "it is dropped with the rest")]
    waiting: oneshot::Sender<()>,
}

impl Pending {
    fn settle(&self, common: &Common, places: &[SessionPlace], known: &[Option<Record>]) {
        let asked = places.get(self.first..self.last).unwrap_or_default();
        let taken = asked.iter().zip(known).filter(|(place, record)| {
            record.as_ref().is_some_and(|record| table::adopt(&common.control, place, record))
        });
        // One of a node that is not here is as unknown as before.
        count(if taken.count() > 0 { &common.counts.found } else { &common.counts.unknown });
    }
}

/// The latest record of each place, as all servers know it that answer now. No request waits for it.
pub(super) async fn latest(common: &Common, places: &[SessionPlace]) -> Vec<Option<Record>> {
    let answers = |server: &Server| server.answering().is_some();
    let mut asked = Asked::begin(common, places, common.settings.connect_timeout, answers);
    let mut all = vec![None; places.len()];
    while let Some(found) = asked.next().await {
        all = found;
    }
    all
}

/// A question to all servers that answer.
struct Asked<'c> {
    common: &'c Common,
    keys: Arc<[String]>,
    servers: JoinSet<(usize, Option<Result<Texts, RedisError>>)>,
    /// The servers that have not answered.
    silent: Vec<usize>,
    best: Vec<Option<Record>>,
    deadline: Instant,
    /// When what is found is told.
    grace: Option<Instant>,
}

impl<'c> Asked<'c> {
    fn begin(
        common: &'c Common,
        places: &[SessionPlace],
        patience: Duration,
        is_asked: impl Fn(&Server) -> bool,
    ) -> Self {
        let keys: Arc<[String]> = places.iter().map(|place| common.places.session(place)).collect();
        let (mut servers, mut silent) = (JoinSet::new(), Vec::new());
        for (index, server) in common.servers.iter().enumerate() {
            if !is_asked(server) {
                continue;
            }
            let (server, keys, link) = (Arc::clone(server), Arc::clone(&keys), server.answering());
            if link.is_some() {
                silent.push(index);
            }
            servers.spawn(async move {
                let link = if link.is_some() { link } else { server.once_tried().await };
                let Some(mut link) = link else { return (index, None) };
                let mut command = redis::cmd("MGET");
                keys.iter().for_each(|key| _ = command.arg(key));
                (index, Some(command.query_async(&mut link).await))
            });
        }
        let deadline = Instant::now() + patience;
        Self { common, best: vec![None; keys.len()], keys, servers, silent, deadline, grace: None }
    }

    /// What is known by now: some time after the first record came, and when all have answered or the time is over. None: that was
    /// told already.
    async fn next(&mut self) -> Option<Vec<Option<Record>>> {
        while !self.keys.is_empty() {
            let until = self.grace.map_or(self.deadline, |grace| grace.min(self.deadline));
            match tokio::time::timeout_at(until, self.servers.join_next()).await {
                Ok(Some(Ok((server, answer)))) => self.hear(server, answer),
                // It was aborted, which happens when the runtime ends.
                Ok(Some(Err(_))) => {}
                Ok(None) => break,
                Err(_) if until < self.deadline => {
                    // From here on only the end counts.
                    self.grace = Some(self.deadline);
                    return Some(self.best.clone());
                }
                Err(_) => {
                    let late = std::mem::take(&mut self.silent);
                    late.iter()
                        .filter_map(|server| self.common.servers.get(*server))
                        .for_each(|server| server.was_late());
                    self.common.look();
                    break;
                }
            }
        }
        self.keys = Arc::default();
        (!self.best.is_empty()).then(|| std::mem::take(&mut self.best))
    }

    fn hear(&mut self, index: usize, answer: Option<Result<Texts, RedisError>>) {
        self.silent.retain(|silent| *silent != index);
        let Some(server) = self.common.servers.get(index) else { return };
        // What is wrong with the connection who keeps it will find.
        let Some(Ok(texts)) = answer else { return };
        server.in_time();
        for ((key, text), best) in self.keys.iter().zip(texts).zip(&mut self.best) {
            let Some(Ok(record)) = text.map(|text| self.common.read(&text, key, server)) else { continue };
            if best.as_ref().is_none_or(|best| record.version > best.version) {
                *best = Some(record);
            }
        }
        if self.best.iter().any(Option::is_some) {
            self.grace.get_or_insert_with(|| Instant::now() + GRACE);
        }
    }
}
