//! How names are resolved, tested against a DNS server of the test's own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tokio::sync::mpsc;

use super::answer::Missing;
use super::stub::{Says, Stub};
use super::*;
use crate::config::Dns;

const SECOND: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(50);

fn addresses(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|address| address.parse().unwrap()).collect()
}

fn says(list: &[&str], ttl: u32) -> Says {
    Says::Addresses(addresses(list), ttl)
}

fn each(ipv4: Says, ipv6: Says) -> Says {
    Says::Each(Box::new(ipv4), Box::new(ipv6))
}

/// A resolver that waits a second for answers and asks again at once after a failure.
fn asking(servers: &[&Stub]) -> Arc<Resolver> {
    let servers: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    Arc::new(Resolver::new(&Dns { servers }).unwrap().hasty(SECOND, SOON))
}

fn answer(list: &[&str], seconds: u64) -> Result<DnsAnswer, String> {
    let valid_for = Duration::from_secs(seconds);
    Ok(DnsAnswer { addresses: addresses(list), valid_for, missing: None })
}

/// Rounds the TTL up, because it has begun to run when the test looks at it.
fn rounded(answer: Result<DnsAnswer, String>) -> Result<DnsAnswer, String> {
    answer.map(|answer| DnsAnswer {
        valid_for: Duration::from_secs(answer.valid_for.as_secs_f64().ceil() as u64),
        ..answer
    })
}

struct Files {
    directory: PathBuf,
}

impl Files {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("weir-names-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self { directory }
    }

    fn with(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[tokio::test]
async fn a_name_becomes_what_its_server_says() {
    let stub = Stub::start().await;
    let resolver = asking(&[&stub]);
    let server = stub.address;
    let unknown = |ipv6, why: &str, list: &[&str], ttl| {
        let missing = Some(Missing { ipv6, why: format!("{server} says: {why}") });
        answer(list, ttl).map(|answer| DnsAnswer { missing, ..answer })
    };
    let v4 = || says(&["10.0.0.1"], 60);
    let v6 = || says(&["2001:db8::1"], 30);
    for (name, said, expected) in [
        ("one.test", v4(), answer(&["10.0.0.1"], 60)),
        ("order.test", says(&["10.0.0.9", "10.0.0.10", "10.0.0.9"], 60), answer(&["10.0.0.9", "10.0.0.10"], 60)),
        ("both.test", each(v4(), v6()), answer(&["10.0.0.1", "2001:db8::1"], 30)),
        ("six.test", v6(), answer(&["2001:db8::1"], 30)),
        ("alias.test", Says::Alias("real.test", addresses(&["10.0.0.1"]), 20), answer(&["10.0.0.1"], 20)),
        ("mapped.test", says(&["10.0.0.1", "::ffff:10.0.0.1"], 9), answer(&["10.0.0.1"], 9)),
        ("zero.test", says(&["10.0.0.1"], 0), answer(&["10.0.0.1"], 1)),
        ("year.test", says(&["10.0.0.1"], 31_536_000), answer(&["10.0.0.1"], 3600)),
        ("under_score.test", v4(), answer(&["10.0.0.1"], 60)),
        ("empty.test", says(&[], 60), Err("the name has no address".to_string())),
        ("blocked.test", says(&["0.0.0.0", "::"], 60), Err("the name has no address".to_string())),
        ("half.test", each(v4(), Says::Code(3)), answer(&["10.0.0.1"], 60)),
        ("none.test", Says::Code(3), Err("no such name".to_string())),
        ("broken.test", Says::Code(2), Err(format!("{server} says: Server Failure"))),
        ("refused.test", Says::Code(5), Err(format!("{server} says: Query Refused"))),
        ("lame.test", each(v4(), Says::Code(2)), unknown(true, "Server Failure", &["10.0.0.1"], 60)),
        ("lame4.test", each(Says::Code(5), v6()), unknown(false, "Query Refused", &["2001:db8::1"], 30)),
        ("silent.test", Says::Nothing, Err(format!("no answer within 1 s from {server}"))),
    ] {
        stub.says(name, said);
        assert_eq!(rounded(resolver.look_up(name).await), expected, "{name}");
    }
    assert!(resolver.look_up("no..name").await.unwrap_err().starts_with("`no..name` is no DNS name"));
}

#[tokio::test]
async fn every_look_up_asks_anew() {
    let stub = Stub::start().await;
    let resolver = asking(&[&stub]);
    for said in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
        stub.says("esb.test", says(&[said], 3600));
        assert_eq!(resolver.look_up("esb.test").await.unwrap().addresses, addresses(&[said]));
    }
}

#[tokio::test]
async fn servers_are_asked_in_their_order() {
    let (first, second) = (Stub::start().await, Stub::start().await);
    let resolver = asking(&[&first, &second]);
    let ours = || says(&["10.0.0.1"], 60);
    let theirs = || says(&["10.0.0.2"], 60);
    for (name, one, other, expected, asked) in [
        ("both.test", ours(), theirs(), Ok("10.0.0.1"), false),
        ("silent.test", Says::Nothing, theirs(), Ok("10.0.0.2"), true),
        ("broken.test", Says::Code(2), theirs(), Ok("10.0.0.2"), true),
        (
            "slow.test",
            Says::Nothing,
            Says::Code(2),
            Err(format!("no answer within 0.5 s from {}; {} says: Server Failure", first.address, second.address)),
            true,
        ),
        ("gone.test", Says::Code(3), theirs(), Err("no such name".to_string()), false),
        (
            "lost.test",
            Says::Code(2),
            Says::Nothing,
            Err(format!("{} says: Server Failure; no answer within 1 s from {}", first.address, second.address)),
            true,
        ),
    ] {
        first.says(name, one);
        second.says(name, other);
        let answer = resolver.look_up(name).await.map(|answer| answer.addresses);
        assert_eq!(answer, expected.map(|address| addresses(&[address])), "{name}");
        assert_eq!(second.asked(name) > 0, asked, "{name}");
    }
}

#[tokio::test]
async fn a_question_that_was_lost_is_asked_again() {
    let stub = Stub::start().await;
    let resolver = Resolver::new(&Dns { servers: vec![stub.address] }).unwrap();
    stub.says("esb.test", Says::Nothing);
    let (answer, ()) = tokio::join!(resolver.look_up("esb.test"), async {
        stub.heard("esb.test", 2).await;
        stub.says("esb.test", says(&["10.0.0.1"], 60));
    });
    assert_eq!(answer.unwrap().addresses, addresses(&["10.0.0.1"]));
}

#[tokio::test]
async fn the_systems_files_are_read_as_the_system_reads_them() {
    let files = Files::new("system");
    let hosts = files.with(
        "hosts",
        "127.0.0.1 localhost\n::1 localhost\n10.0.0.7 worker1.lan Worker1 # first\n10.0.0.8 worker1\nnonsense here\n",
    );
    let alone = Resolver::of_system(&files.with("empty", "# nameserver\noptions ndots:2\n"), hosts.clone()).unwrap();
    let missing = Resolver::of_system(Path::new("/nonexistent/resolv.conf"), hosts).unwrap();
    for resolver in [alone, missing] {
        for (name, expected) in [
            ("localhost", answer(&["127.0.0.1", "::1"], 30)),
            ("worker1.lan", answer(&["10.0.0.7"], 30)),
            ("worker1", answer(&["10.0.0.7", "10.0.0.8"], 30)),
            ("worker2", Err("the hosts file does not know it, and no DNS server is configured".to_string())),
        ] {
            assert_eq!(resolver.look_up(name).await, expected, "{name}");
        }
    }
    let bad = files.with("bad", "nameserver 10.0.0.1\nsearch a..b\n");
    let why = Resolver::of_system(&bad, PathBuf::new()).err();
    assert!(why.as_ref().is_some_and(|why| why.starts_with(&format!("cannot use {}: ", bad.display()))), "{why:?}");
    let directory = Resolver::of_system(&files.directory, PathBuf::new()).err();
    assert!(directory.is_some_and(|why| why.starts_with("cannot use ")));
}

#[tokio::test]
async fn short_names_are_tried_behind_the_search_domains() {
    let files = Files::new("search");
    let stub = Stub::start().await;
    let text = "search one.test two.test\noptions ndots:2\nnameserver 127.0.0.1\n";
    let system = Resolver::of_system(&files.with("resolv.conf", text), files.with("hosts", "")).unwrap();
    let resolver = system.at(stub.address);
    stub.says("esb.two.test", says(&["10.0.0.2"], 60));
    stub.says("esb.deep.one.test", says(&["10.0.0.3"], 60));
    stub.says("esb.deep", says(&["10.0.0.4"], 60));
    stub.says("a.b.c", says(&["10.0.0.5"], 60));
    stub.says("a.b.c.one.test", says(&["10.0.0.6"], 60));
    stub.says("flaky.one.test", Says::Code(2));
    stub.says("flaky", Says::Code(3));
    for (name, expected) in [
        ("esb", Ok("10.0.0.2")),
        ("esb.deep", Ok("10.0.0.3")),
        ("a.b.c", Ok("10.0.0.5")),
        ("nowhere", Err("no such name".to_string())),
        ("flaky", Err(format!("{} says: Server Failure", stub.address))),
    ] {
        let answer = resolver.look_up(name).await.map(|answer| answer.addresses);
        assert_eq!(answer, expected.map(|address| addresses(&[address])), "{name}");
    }
}

#[tokio::test]
async fn localhost_is_this_machine_whoever_is_asked() {
    let stub = Stub::start().await;
    let local = addresses(&["127.0.0.1", "::1"]);
    assert_eq!(asking(&[&stub]).look_up("localhost").await.unwrap().addresses, local);
    let system = Resolver::new(&Dns::default()).unwrap().look_up("localhost").await.unwrap();
    assert!(system.addresses.contains(&local[0]), "{system:?}");
}

#[tokio::test]
async fn all_names_take_no_longer_than_one() {
    let stub = Stub::start().await;
    let names: Vec<Arc<str>> = (0..20).map(|number| Arc::from(format!("silent{number}.test"))).collect();
    names.iter().for_each(|name| stub.says(name, Says::Nothing));
    let mut known = Resolved::default();
    known.learn(&names[3], addresses(&["10.0.0.3"]));
    let begin = Instant::now();
    let asked = look_up_all(&asking(&[&stub]), &names, &known).await;
    assert!(begin.elapsed() < SECOND * 5, "{:?} for 20 names at a second each", begin.elapsed());
    assert_eq!(asked.len(), 20);
    for asked in asked {
        assert_eq!(asked.addresses, known.of(&asked.name), "what was known stays");
        assert!(asked.fault.is_some());
    }
}

#[tokio::test]
async fn a_name_is_followed_through_good_and_bad_days() {
    let stub = Stub::start().await;
    let resolver = asking(&[&stub]);
    let name: Arc<str> = Arc::from("esb.test");
    stub.says(&name, says(&["10.0.0.1"], 1));
    let first = look_up_all(&resolver, &[Arc::clone(&name)], &Resolved::default()).await;
    assert_eq!(first[0].addresses, addresses(&["10.0.0.1"]));
    let (send, mut changed) = mpsc::channel(4);
    let observer = Observer::start("1").unwrap();
    observer.metrics.names(&[Arc::clone(&name), Arc::from("good.test")]);
    let failures = |of: &str| {
        let (text, series) = (observer.metrics.text(), format!("weir_name_failures_total{{name=\"{of}\"}} "));
        text.lines().find_map(|line| line.strip_prefix(&series)?.parse::<u64>().ok())
    };
    assert_eq!(failures(&name), Some(0));
    let follower = tokio::spawn(follow(resolver, first, send, Arc::clone(&observer)));
    let mut next = async || tokio::time::timeout(SECOND * 5, changed.recv()).await.unwrap().unwrap();

    let begin = Instant::now();
    stub.says(&name, says(&["10.0.0.2", "10.0.0.1", "2001:db8::1"], 1));
    assert_eq!(next().await, (Arc::clone(&name), addresses(&["10.0.0.1", "10.0.0.2", "2001:db8::1"])));
    assert!(begin.elapsed() > SECOND * 8 / 10, "not before its time is over");

    // If one family cannot be resolved, its addresses stay; those of the other family change.
    stub.says(&name, each(says(&["10.0.0.4"], 1), Says::Code(2)));
    assert_eq!(next().await.1, addresses(&["10.0.0.4", "2001:db8::1"]));

    // No failure of any kind changes the addresses.
    for said in [Says::Code(3), says(&[], 1), Says::Code(2), Says::Nothing] {
        stub.says(&name, said);
        // At least two look-ups begin after the failure.
        let heard = stub.heard(&name, stub.asked(&name) + 4);
        tokio::time::timeout(SECOND * 5, heard).await.unwrap();
    }
    stub.says(&name, says(&["10.0.0.9"], 1));
    assert_eq!(next().await.1, addresses(&["10.0.0.9"]), "the first change after all failures");
    assert!(failures(&name) >= Some(5), "half failures count too");
    assert_eq!(failures("good.test"), Some(0));
    observer.metrics.names(&[Arc::from("good.test")]);
    assert_eq!(failures(&name), None, "the configuration has it no longer");

    drop(changed);
    tokio::time::timeout(SECOND * 5, follower).await.unwrap().unwrap();
}

#[test]
fn the_journal_is_told_once_and_again_when_it_works() {
    let name: Arc<str> = Arc::from("esb.test");
    let asked = |list: &[&str], answer| ResolvedName::judge(Arc::clone(&name), &addresses(list), answer, SOON);
    let missing = Some(Missing { ipv6: true, why: "tired".to_string() });
    let half = Ok(DnsAnswer { addresses: addresses(&["10.0.0.1"]), valid_for: SECOND, missing });
    let bad = || Err("no such name".to_string());
    let good = || answer(&["10.0.0.1", "10.0.0.2"], 60);
    for (before, held, said, told) in [
        (None, &[][..], good(), None),
        (Some("no such name"), &[], good(), Some("the name esb.test is resolved again: 10.0.0.1, 10.0.0.2")),
        (None, &[], bad(), Some("the name esb.test has no known address: no such name")),
        (None, &["10.0.0.7"], bad(), Some("the name esb.test cannot be resolved, 10.0.0.7 is kept: no such name")),
        (Some("anything"), &["10.0.0.7"], bad(), None),
        (
            None,
            &["10.0.0.7", "2001:db8::7"],
            half,
            Some(
                "the name esb.test cannot be resolved, 10.0.0.1, 2001:db8::7 is kept: \
                 its IPv6 addresses are unknown: tired",
            ),
        ),
    ] {
        let news = asked(held, said.clone()).news(before);
        assert_eq!(news.as_ref().map(|(_, words)| words.as_str()), told, "{said:?} after {before:?}");
        let warns = news.is_some_and(|(level, _)| level == log::Level::Warn);
        assert_eq!(warns, told.is_some() && before.is_none());
    }
}
