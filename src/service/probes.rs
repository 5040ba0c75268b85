//! Active health checks: one task a node and pool, on the control thread. All probes of a pool must pass; each has its
//! own deadline in total, connection and handshake included.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::conn::Stream;
use super::descriptors;
use super::generation::Generation;
use super::upstream::{self, ConnectFault, Goal};
use super::worker::Shared;
use crate::config::{Health, Probe, ProbeKind};
use crate::traffic::state::{Probed, Round, Thresholds};
use crate::traffic::tick::Tick;
use crate::wire::{AnswerFraming, AnswerHead, AnswerScan, Chunks, Method, Piece, scan_answer};

/// As much of an answer as a probe reads.
const MOST: usize = 64 * 1024;
/// As much of what a probe saw as is told.
const TOLD: usize = 80;

/// The probes of one generation; they end when this is dropped.
#[derive(Default)]
pub(crate) struct Probing {
    tasks: Vec<JoinHandle<()>>,
    over: Over,
}

/// Whether the probes' time is over. An aborted task may still run to its next wait, and must report nothing by then.
type Over = Arc<Mutex<bool>>;

impl Drop for Probing {
    fn drop(&mut self) {
        *self.over.lock() = true;
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Starts probing every node of every pool that has probes.
pub(crate) fn start(shared: &Arc<Shared>, generation: &Arc<Generation>) -> Probing {
    let (mut tasks, over) = (Vec::new(), Over::default());
    for (pool, settings) in generation.snapshot.config.pools.iter().enumerate() {
        let Some(health) = &settings.health else { continue };
        for member in 0..generation.snapshot.pools.get(pool).map_or(0, |pool| pool.members.len()) {
            let (shared, generation, health) = (Arc::clone(shared), Arc::clone(generation), health.clone());
            let over = Arc::clone(&over);
            tasks.push(tokio::spawn(async move { watch(&shared, &generation, (pool, member), &health, &over).await }));
        }
    }
    Probing { tasks, over }
}

async fn watch(shared: &Shared, generation: &Generation, node: (usize, usize), health: &Health, over: &Over) {
    let (pool, member) = node;
    let mut chance = Chance::seeded(pool as u64 * 1009 + member as u64 + shared.now());
    loop {
        round(shared, generation, node, health, over).await;
        tokio::time::sleep(chance.jittered(health.interval)).await;
    }
}

async fn round(shared: &Shared, generation: &Generation, (pool, member): (usize, usize), health: &Health, over: &Over) {
    let began = Tick::from_millis(shared.now());
    let started = Instant::now();
    let mut seen = Ok(());
    for probe in &health.probes {
        seen = within(health.timeout, probe, generation, pool, member).await;
        if seen.is_err() {
            break;
        }
    }
    let over = over.lock();
    if *over {
        return;
    }
    let thresholds = Thresholds { rise: health.rise, fall: health.fall, patience: health.patience };
    let (outcome, said) = match &seen {
        Ok(()) => (Probed::Passed, "probes pass"),
        Err(Missed::Failed(said)) => (Probed::Failed, said.as_str()),
        Err(Missed::Late(said)) => (Probed::TimedOut, said.as_str()),
        Err(Missed::Ours(said)) => {
            descriptors::tell(|| format!("a probe was not made, which says nothing of its node: {said}"));
            return;
        }
    };
    generation.count_probe(pool, member, seen.is_ok(), started.elapsed());
    let Some(node) = generation.snapshot.pools.get(pool).and_then(|pool| pool.members.get(member)) else { return };
    let change = node.state.on_round(Round { began, outcome }, thresholds);
    generation.announce(pool, member, change, said, Tick::from_millis(shared.now()));
}

/// Why a probe did not pass.
enum Missed {
    /// It was refused, or saw what it should not.
    Failed(String),
    /// There was no answer in time: the node may be busy with itself.
    Late(String),
    /// This machine had no descriptor or port for it.
    Ours(String),
}

impl From<ConnectFault> for Missed {
    fn from(fault: ConnectFault) -> Self {
        match fault {
            ConnectFault::Exhausted(error) => Self::Ours(error.to_string()),
            fault => Self::Failed(fault.to_string()),
        }
    }
}

impl From<String> for Missed {
    fn from(seen: String) -> Self {
        Self::Failed(seen)
    }
}

async fn within(
    limit: Duration,
    probe: &Probe,
    generation: &Generation,
    pool: usize,
    member: usize,
) -> Result<(), Missed> {
    let what = describe(probe, probe.port.saturating_add(offset(generation, pool, member)));
    match tokio::time::timeout(limit, ask(probe, generation, pool, member)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Missed::Failed(seen))) => Err(Missed::Failed(format!("{what}: {seen}"))),
        Ok(Err(Missed::Late(seen) | Missed::Ours(seen))) => Err(Missed::Ours(format!("{what}: {seen}"))),
        Err(_) => Err(Missed::Late(format!("{what}: no answer within {limit:?}"))),
    }
}

/// What was asked, in words, with the port that it was asked on.
fn describe(probe: &Probe, port: u16) -> String {
    match probe.kind {
        ProbeKind::Tcp => format!("tcp {port}"),
        ProbeKind::Tls => format!("tls {port}"),
        ProbeKind::Http => format!("http {port}{}", probe.path),
        ProbeKind::Https => format!("https {port}{}", probe.path),
    }
}

/// What a member's node adds to every port.
fn offset(generation: &Generation, pool: usize, member: usize) -> u16 {
    let snapshot = &generation.snapshot;
    let member = snapshot.pools.get(pool).and_then(|pool| pool.members.get(member));
    member.and_then(|member| snapshot.config.nodes.get(member.index)).map_or(0, |node| node.port_offset)
}

async fn ask(probe: &Probe, generation: &Generation, pool: usize, member: usize) -> Result<(), Missed> {
    let offset = offset(generation, pool, member);
    let snapshot = &generation.snapshot;
    let member = snapshot
        .pools
        .get(pool)
        .and_then(|pool| pool.members.get(member))
        .ok_or_else(|| "the node is gone".to_owned())?;
    let address = SocketAddr::new(member.address.ip(), probe.port.saturating_add(offset));
    let tls = match probe.kind {
        ProbeKind::Tcp | ProbeKind::Http => None,
        ProbeKind::Tls | ProbeKind::Https => Some(generation.probe_tls(pool, probe.port)),
    };
    let (mut stream, _) = upstream::open(Goal { address, name: member.name.as_deref() }, tls).await?;
    match probe.kind {
        ProbeKind::Tcp | ProbeKind::Tls => Ok(()),
        ProbeKind::Http | ProbeKind::Https => {
            let host = probe.host.as_deref().map_or_else(|| address.to_string(), str::to_string);
            let request = format!(
                "GET {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: weir-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                probe.path
            );
            stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
            stream.flush().await.map_err(|error| error.to_string())?;
            let answer = read_answer(&mut stream).await?;
            Ok(judge(probe, &answer)?)
        }
    }
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

async fn read_answer(stream: &mut Stream) -> Result<Answer, String> {
    let mut input = Vec::with_capacity(4096);
    let mut head = AnswerHead::new();
    let end = loop {
        match scan_answer(&input, 0, MOST) {
            AnswerScan::End(end) => {
                let text = input.get(..end).unwrap_or_default();
                head.parse(text, Method::Get).map_err(|_| format!("not an HTTP answer: {}", told(&input)))?;
                if !head.is_interim() {
                    break end;
                }
                input.drain(..end);
            }
            AnswerScan::Bad(_) => return Err(format!("not an HTTP answer: {}", told(&input))),
            AnswerScan::Partial => {
                if stream.read_buf(&mut input).await.map_err(|error| error.to_string())? == 0 {
                    return Err(format!("closed before an answer: {}", told(&input)));
                }
            }
        }
    };
    input.drain(..end);
    let whole = match head.framing() {
        AnswerFraming::None => 0,
        AnswerFraming::Length(length) => usize::try_from(length).unwrap_or(MOST).min(MOST),
        AnswerFraming::Chunked | AnswerFraming::UntilClose => MOST,
    };
    let chunked = head.framing() == AnswerFraming::Chunked;
    while input.len() < whole && !(chunked && last_chunk_came(&input)) {
        // What came is judged, even where the node breaks off: a probe is no client.
        match stream.read_buf(&mut input).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let body = if chunked { dechunked(&input) } else { input };
    Ok(Answer { status: head.status(), body })
}

fn last_chunk_came(input: &[u8]) -> bool {
    input.ends_with(b"0\r\n\r\n")
}

fn dechunked(mut input: &[u8]) -> Vec<u8> {
    let (mut chunks, mut body) = (Chunks::new(), Vec::new());
    while let Ok(Piece::Data { skip, len }) = chunks.next(input) {
        body.extend_from_slice(input.get(skip..skip + len).unwrap_or_default());
        input = input.get(skip + len..).unwrap_or_default();
    }
    body
}

fn judge(probe: &Probe, answer: &Answer) -> Result<(), String> {
    if !probe.status.iter().any(|range| range.contains(&answer.status)) {
        return Err(format!("status {}: {}", answer.status, told(&answer.body)));
    }
    match &probe.contains {
        Some(wanted) if memchr::memmem::find(&answer.body, wanted.as_bytes()).is_none() => {
            Err(format!("status {}, but no \"{wanted}\" in the body: {}", answer.status, told(&answer.body)))
        }
        _ => Ok(()),
    }
}

/// The first bytes, fit for a line of a log.
fn told(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "(nothing)".to_string();
    }
    let first = bytes.get(..TOLD.min(bytes.len())).unwrap_or_default();
    format!("\"{}\"", first.escape_ascii())
}

/// Enough chance to keep probes of many nodes apart.
struct Chance(u64);

impl Chance {
    fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// `interval`, give or take a tenth.
    fn jittered(&mut self, interval: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        interval.mul_f64(0.9 + 0.2 * ((self.0 % 1024) as f64 / 1024.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(contains: Option<&str>) -> Probe {
        Probe {
            kind: ProbeKind::Http,
            port: 80,
            path: "/".into(),
            host: None,
            status: vec![200..=299],
            contains: contains.map(Into::into),
        }
    }

    #[test]
    fn an_answer_is_judged_by_status_and_body() {
        let answer = |status, body: &str| Answer { status, body: body.into() };
        assert!(judge(&probe(None), &answer(202, "")).is_ok());
        let refused = judge(&probe(None), &answer(503, "busy\r\n")).expect_err("503 passes nothing");
        assert_eq!(refused, "status 503: \"busy\\r\\n\"");
        assert!(judge(&probe(Some("definitions")), &answer(200, "<wsdl:definitions>")).is_ok());
        assert!(judge(&probe(Some("definitions")), &answer(200, "<html>")).is_err());
    }

    #[test]
    fn jitter_stays_within_a_tenth_and_differs() {
        let (mut one, mut other) = (Chance::seeded(1), Chance::seeded(2));
        let second = Duration::from_secs(1);
        let all: Vec<_> = (0..100).flat_map(|_| [one.jittered(second), other.jittered(second)]).collect();
        assert!(all.iter().all(|wait| (Duration::from_millis(900)..=Duration::from_millis(1100)).contains(wait)));
        assert!(all.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_chunked_body_is_read_as_one() {
        assert_eq!(dechunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"abcde");
    }
}
