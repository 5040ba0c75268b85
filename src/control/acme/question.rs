//! When a CA wants a certificate renewed: its renewal information (RFC 9773).

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use instant_acme::{CertificateIdentifier, Error};
use rustls_pki_types::CertificateDer;

use super::account;
use super::entry::{Entry, unix};
use super::schedule::next_question;
use super::transport::Transport;
use crate::config::Acme;

/// How long until the next question, where the last was not answered, and where the CA has no such information.
const AFTER_FAILURE: Duration = Duration::from_secs(3600);
const WITHOUT: Duration = Duration::from_secs(24 * 3600);

/// A question about a certificate.
pub(super) struct Question {
    pub(super) acme: Acme,
    pub(super) der: CertificateDer<'static>,
    pub(super) state_dir: PathBuf,
}

/// What a CA said.
pub(super) struct Answer {
    /// From when to when it is to be renewed, in Unix seconds.
    window: Option<(i64, i64)>,
    /// Why, where it says so.
    reason: Option<String>,
    next: Duration,
}

/// Asks. `None`: there was no answer, which changes nothing.
pub(super) async fn ask(question: &Question) -> Option<Answer> {
    let without = Answer { window: None, reason: None, next: WITHOUT };
    // A certificate that does not name its CA's key cannot be asked about.
    let Ok(id) = CertificateIdentifier::try_from(&question.der) else { return Some(without) };
    let acme = &question.acme;
    let transport = Transport::to(acme).await.ok()?;
    let account = account::open(acme, &transport, &question.state_dir).await;
    let account = account.inspect_err(|complaint| log::debug!("{}: {}", acme.name, complaint.what)).ok()?;
    match account.renewal_info(&id).await {
        Ok((info, next)) => {
            let window = info.suggested_window;
            Some(Answer {
                window: Some((window.start.unix_timestamp(), window.end.unix_timestamp())),
                reason: info.explanation_url,
                next: next_question(next),
            })
        }
        Err(Error::Unsupported(_)) => Some(without),
        Err(error) => {
            log::debug!("{} does not say when it wants a certificate renewed: {error}", acme.name);
            None
        }
    }
}

/// Keeps what was said, for the certificate that it was said of.
pub(super) fn note(entry: &mut Entry, question: &Question, answer: Option<Answer>, now: SystemTime) {
    let next = answer.as_ref().map_or(AFTER_FAILURE, |answer| answer.next);
    entry.question_at = unix(now).saturating_add(i64::try_from(next.as_secs()).unwrap_or(i64::MAX));
    let (Some(answer), Some(has)) = (answer, entry.has.as_mut().filter(|has| has.der == question.der)) else { return };
    if let (Some(reason), true) = (&answer.reason, has.window != answer.window) {
        log::info!("{} says when to renew the certificate of {}, and why: {reason}", entry.authority, entry.site);
    }
    has.window = answer.window;
}
