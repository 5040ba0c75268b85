//! What a probe sends to a node, and how its answer is judged. All probes of a pool must pass. Each probe has one
//! deadline for everything, with connecting and the TLS handshake.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::io::AsyncWriteExt;

use super::answer::{Answer, excerpt, read_answer};
use crate::config::{Health, Probe, ProbeKind};
use crate::proxy::node;
use crate::proxy::node::{ConnectFault, Endpoint, NodeTls};

/// A node to probe, with everything that the outcome depends on.
pub(crate) struct ProbeTarget {
    /// The probes, how often they run, and how they are judged.
    pub(crate) health: Health,
    /// The node's address. Each probe has its own port.
    pub(crate) address: IpAddr,
    /// The DNS name that resolved to the address.
    pub(crate) name: Option<Arc<str>>,
    /// The node's offset, which is added to every port.
    pub(crate) offset: u16,
    /// The TLS settings of each probe that uses TLS, in the order of the probes.
    pub(crate) tls: Vec<Option<NodeTls>>,
    /// The PROXY header that each probe begins with, in the same order; empty for those without.
    pub(crate) introductions: Vec<Vec<u8>>,
}

impl ProbeTarget {
    /// Runs one round: all probes, up to the first that does not pass.
    pub(crate) async fn ask(&self) -> Result<(), ProbeFailure> {
        for ((probe, tls), introduction) in self.health.probes.iter().zip(&self.tls).zip(&self.introductions) {
            self.within(probe, tls.as_ref(), introduction).await?;
        }
        Ok(())
    }

    async fn within(&self, probe: &Probe, tls: Option<&NodeTls>, introduction: &[u8]) -> Result<(), ProbeFailure> {
        let address = SocketAddr::new(self.address, probe.port.saturating_add(self.offset));
        let endpoint = Endpoint { address, name: self.name.as_deref(), introduction };
        let (what, limit) = (describe(probe, address.port()), self.health.timeout);
        match tokio::time::timeout(limit, ask(probe, endpoint, tls)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(missed)) => Err(missed.of(&what)),
            Err(_) => Err(ProbeFailure::Late(format!("{what}: no answer within {limit:?}"))),
        }
    }
}

/// Why a probe did not pass.
pub(crate) enum ProbeFailure {
    /// The node refused the probe, or its answer was not the expected one.
    Failed(String),
    /// No answer came in time. The node may be busy, for instance with a garbage collection.
    Late(String),
    /// This machine had no descriptor or port left for the probe.
    NotMade(String),
}

impl ProbeFailure {
    /// The same, with the probe that did not pass.
    fn of(self, what: &str) -> Self {
        match self {
            Self::Failed(seen) => Self::Failed(format!("{what}: {seen}")),
            Self::Late(seen) => Self::Late(format!("{what}: {seen}")),
            Self::NotMade(seen) => Self::NotMade(format!("{what}: {seen}")),
        }
    }
}

impl From<ConnectFault> for ProbeFailure {
    fn from(fault: ConnectFault) -> Self {
        match fault {
            ConnectFault::Timeout => Self::Late(fault.to_string()),
            ConnectFault::Exhausted(error) => Self::NotMade(error.to_string()),
            fault => Self::Failed(fault.to_string()),
        }
    }
}

impl From<String> for ProbeFailure {
    fn from(seen: String) -> Self {
        Self::Failed(seen)
    }
}

/// The probe in words, with the port that it used.
fn describe(probe: &Probe, port: u16) -> String {
    match probe.kind {
        ProbeKind::Tcp => format!("tcp {port}"),
        ProbeKind::Tls => format!("tls {port}"),
        ProbeKind::Http => format!("http {port}{}", probe.path),
        ProbeKind::Https => format!("https {port}{}", probe.path),
    }
}

async fn ask(probe: &Probe, endpoint: Endpoint<'_>, tls: Option<&NodeTls>) -> Result<(), ProbeFailure> {
    let (mut stream, _) = node::open(endpoint, tls).await?;
    match probe.kind {
        ProbeKind::Tcp | ProbeKind::Tls => Ok(()),
        ProbeKind::Http | ProbeKind::Https => {
            let host = probe.host.as_deref().map_or_else(|| endpoint.address.to_string(), str::to_string);
            let request = format!(
                "GET {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: weir-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                probe.path
            );
            stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
            stream.flush().await.map_err(|error| error.to_string())?;
            let answer = read_answer(&mut stream).await.map_err(|fault| fault.to_string())?;
            Ok(judge(probe, &answer)?)
        }
    }
}

fn judge(probe: &Probe, answer: &Answer) -> Result<(), String> {
    if !probe.status.iter().any(|range| range.contains(&answer.status)) {
        return Err(format!("status {}: {}", answer.status, excerpt(&answer.body)));
    }
    match &probe.contains {
        Some(wanted) if memchr::memmem::find(&answer.body, wanted.as_bytes()).is_none() => {
            Err(format!("status {}, but no \"{wanted}\" in the body: {}", answer.status, excerpt(&answer.body)))
        }
        _ => Ok(()),
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
        let answer = |status, body: &str| Answer { status, body: body.into(), is_whole: true };
        assert!(judge(&probe(None), &answer(202, "")).is_ok());
        let refused = judge(&probe(None), &answer(503, "busy\r\n")).expect_err("503 passes nothing");
        assert_eq!(refused, "status 503: \"busy\\r\\n\"");
        assert!(judge(&probe(Some("definitions")), &answer(200, "<wsdl:definitions>")).is_ok());
        assert!(judge(&probe(Some("definitions")), &answer(200, "<html>")).is_err());
    }
}
