//! Each node's ports, asked directly: who listens, and whether it is the node that weir.toml means.

use std::net::{IpAddr, SocketAddr};
use std::time::UNIX_EPOCH;

use crate::cli::wso2::test::client::Question;
use crate::cli::wso2::test::ground::{Ground, Port, Reached, addresses};
use crate::cli::wso2::test::report::{Report, Subject};
use crate::config::certificate::{Leaf, day, pin_of, shipped_with};
use crate::config::{NodeTls, Verify};

/// One line for each port of each node, and for those of the cluster's messages. Returns the ports that answer.
pub(super) async fn check<'a>(ground: &Ground<'a>, report: &mut Report) -> Vec<Reached<'a>> {
    let mut reached = Vec::new();
    for Port { pool, node, addresses } in &ground.ports {
        let subject = Subject::new("port", format!("{} in {}", node.name, pool.name));
        let all = match addresses {
            Ok(all) => all,
            Err(why) => {
                report.failed(subject, why, "see the node's `address` in weir.toml, and DNS");
                continue;
            }
        };
        for address in all {
            let place = Reached { pool, node, address: *address };
            if answers(ground, &place, subject.clone(), report).await {
                reached.push(place);
            }
        }
    }
    members(ground, report).await;
    reached
}

async fn answers(ground: &Ground<'_>, place: &Reached<'_>, subject: Subject, report: &mut Report) -> bool {
    let address = place.address;
    if let Err(why) = ground.client.connects(address).await {
        report.failed(subject, format!("{address}: {why}"), STARTED);
        return false;
    }
    if let Some(tls) = &place.pool.tls {
        return handshake(ground, place, tls, subject, report).await;
    }
    let asked = match ground.direct(place, None, &ground.target()) {
        Ok(question) => ground.client.ask(&question).await,
        Err(why) => Err(why),
    };
    match asked {
        Ok(answer) => report.passed(subject, format!("{address} answers in HTTP ({})", answer.status)),
        Err(why) => {
            let advice =
                if speaks_tls(ground, address).await { format!("{TLS} {}", place.pool.name) } else { HANGS.to_owned() };
            report.failed(subject, format!("{address} takes connections: {why}"), &advice);
            return false;
        }
    }
    true
}

/// Whether somebody shakes hands there, where plain HTTP was expected.
async fn speaks_tls(ground: &Ground<'_>, address: SocketAddr) -> bool {
    match ground.client.anyone(&address.ip().to_string()) {
        Ok(anyone) => ground.client.certificates(address, &anyone).await.is_ok(),
        Err(_) => false,
    }
}

/// Whether somebody answers in plain HTTP there, where TLS was expected.
async fn speaks_http(ground: &Ground<'_>, place: &Reached<'_>) -> bool {
    match ground.direct(place, None, &ground.target()) {
        Ok(question) => ground.client.ask(&Question { tls: None, ..question }).await.is_ok(),
        Err(_) => false,
    }
}

async fn handshake(
    ground: &Ground<'_>,
    place: &Reached<'_>,
    tls: &NodeTls,
    subject: Subject,
    report: &mut Report,
) -> bool {
    let (address, ip) = (place.address, place.address.ip().to_string());
    let shown = match ground.client.anyone(&ip) {
        Ok(anyone) => ground.client.certificates(address, &anyone).await,
        Err(why) => Err(why),
    };
    let shown = match shown {
        Ok(shown) => shown,
        Err(why) => {
            let advice = if speaks_http(ground, place).await {
                format!("{PLAIN} {}", place.pool.name)
            } else {
                HANGS.to_owned()
            };
            report.failed(subject, format!("{address}: {why}"), &advice);
            return false;
        }
    };
    let believed = match ground.as_weir_does(place, tls) {
        Ok(as_said) => ground.client.certificates(address, &as_said).await.map(drop),
        Err(why) => Err(why),
    };
    if let Err(why) = believed {
        let (file, pool) = (ground.file(), &place.pool.name);
        let advice = format!(
            "is it this node, with its own key? `weir cert pin {address}` shows it; {file}: [pool.tls] of {pool} says whom to believe"
        );
        report.failed(subject, format!("{address}: {why}"), &advice);
        return false;
    }
    let what = format!("{address} shakes hands; its certificate is {}", how(&tls.verify));
    match shown.first().and_then(|leaf| doubt(leaf, ground)) {
        Some(doubt) => report.warning(subject, format!("{what}; {doubt}"), OWN_KEY),
        None => report.passed(subject, what),
    }
    true
}

/// What is wrong with a certificate although it is believed.
fn doubt(leaf: &[u8], ground: &Ground<'_>) -> Option<String> {
    if let Some(release) = shipped_with(pin_of(leaf)) {
        return Some(format!("it is the one that WSO2 ships with {release}, and everybody has its key"));
    }
    let now = ground.now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let leaf = Leaf::read(leaf)?;
    let expired = i64::try_from(now).is_ok_and(|now| now > leaf.not_after);
    expired.then(|| format!("it is expired since {}", day(leaf.not_after)))
}

const fn how(verify: &Verify) -> &'static str {
    match verify {
        Verify::Pin(_) => "the pinned one",
        Verify::Full(_) => "verified with its name",
        Verify::Chain(_) => "verified",
        Verify::None => "not checked (verify = \"none\")",
    }
}

/// The ports for messages of the cluster are only connected to.
async fn members(ground: &Ground<'_>, report: &mut Report) {
    for member in ground.config.cluster.iter().flat_map(|cluster| &cluster.members) {
        let Some(node) = ground.config.nodes.get(member.node) else { continue };
        let subject = Subject::new("cluster-port", node.name.to_string());
        let addresses = addresses(node, member.port).await.unwrap_or_default();
        let Some(address) = addresses.first() else {
            report.failed(subject, "its address is not known", "see the node's `address` in weir.toml");
            continue;
        };
        match ground.client.connects(*address).await {
            Ok(()) => report.passed(subject, format!("{address} takes connections")),
            Err(why) => {
                let loopback = matches!(address.ip(), IpAddr::V4(ip) if ip.is_loopback());
                let advice = if loopback { MEMBER } else { MEMBER_OR_WALL };
                report.failed(subject, format!("{address}: {why}"), advice);
            }
        }
    }
}

const STARTED: &str =
    "is the node started? See wso2carbon.log there; port = that of the pool + port-offset (carbon.xml: Offset)";
const HANGS: &str = "is it another program's port? Else the process hangs or is overloaded: take a thread dump there (jstack), then restart it";
const TLS: &str = "this port speaks TLS: is it the right one? Else say so with tls in weir.toml, at pool";
const PLAIN: &str = "this port speaks plain HTTP: is it the right one? Else take tls out of weir.toml, at pool";
const OWN_KEY: &str = "give the node a key of its own (keytool -genkeypair), then pin it";
const MEMBER: &str = "axis2.xml of the node: clustering enable=\"true\", localMemberHost and localMemberPort";
const MEMBER_OR_WALL: &str = "axis2.xml of the node: clustering enable=\"true\", localMemberHost and localMemberPort; a firewall may keep this machine out";
