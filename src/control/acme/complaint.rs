//! Why an order failed: all that the CA said, in one line.

use std::io;
use std::time::Duration;

use instant_acme::{Error, Problem};

use super::transport::{Transport, in_one_line};

/// How many characters are kept. Of a hundred names that a CA does not believe it says as much.
const LONGEST: usize = 8000;

/// Why an order failed.
#[derive(Debug)]
pub(super) struct Complaint {
    /// On one line.
    pub(super) what: String,
    /// How long the CA does not want to be asked again.
    pub(super) retry_after: Option<Duration>,
}

impl Complaint {
    /// The CA's, or of the way to it.
    pub(super) fn of(error: &Error, transport: &Transport) -> Self {
        let what = match error {
            Error::Api(problem) => in_words(problem),
            Error::Json(error) => format!("what the CA answered cannot be read: {error}"),
            Error::Timeout(_) => "the CA did not decide in time".to_owned(),
            other => in_one_line(&other.to_string()),
        };
        // What is no problem document may be the answer of something before the CA, which says when to come again all the same.
        let retry_after = if matches!(error, Error::Api(_) | Error::Other(_)) { transport.retry_after() } else { None };
        Self { retry_after, ..Self::own(what) }
    }

    /// The disk's.
    pub(super) fn of_disk(error: io::Error) -> Self {
        Self::own(error.to_string())
    }

    /// One of our own making, or in words that were put together.
    pub(super) fn own(what: String) -> Self {
        let what = match what.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", what.get(..end).unwrap_or_default()),
            None => what,
        };
        Self { what, retry_after: None }
    }

    /// The same, after these words.
    pub(super) fn before(self, words: &str) -> Self {
        Self { what: format!("{words}: {}", self.what), ..self }
    }
}

/// A problem document (RFC 8555 6.7) with all that is in it: `unauthorized (403): …`.
pub(super) fn in_words(problem: &Problem) -> String {
    let kind = problem.r#type.as_deref().unwrap_or("about:blank");
    let kind = kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind);
    let status = problem.status.map(|status| format!(" ({status})")).unwrap_or_default();
    let detail = problem.detail.as_deref().unwrap_or("no words");
    let parts: Vec<String> = problem.subproblems.iter().map(ToString::to_string).collect();
    let parts = if parts.is_empty() { String::new() } else { format!("; {}", parts.join("; ")) };
    in_one_line(&format!("{kind}{status}: {detail}{parts}"))
}

/// Whether the CA complains of this, a word of RFC 8555 6.7.
pub(super) fn is_about(error: &Error, word: &str) -> bool {
    let Error::Api(problem) = error else { return false };
    problem.r#type.as_deref().is_some_and(|kind| kind.rsplit(':').next() == Some(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_complaint_is_told_on_one_line() {
        let problem = serde_json::json!({
            "type": "urn:ietf:params:acme:error:rejectedIdentifier",
            "detail": "Error creating new order ::\n 2 names",
            "status": 400,
            "subproblems": [
                { "type": "urn:ietf:params:acme:error:caa", "detail": "CAA forbids",
                  "identifier": { "type": "dns", "value": "a.test" } },
                { "detail": "no A record", "identifier": { "type": "dns", "value": "b.test" } },
            ],
        });
        let problem: Problem = serde_json::from_value(problem).unwrap();
        assert_eq!(
            in_words(&problem),
            "rejectedIdentifier (400): Error creating new order :: 2 names; for \"a.test\": CAA forbids \
             (urn:ietf:params:acme:error:caa); for \"b.test\": no A record"
        );
        let error = Error::Api(problem);
        assert!(is_about(&error, "rejectedIdentifier") && !is_about(&error, "rateLimited"));
    }
}
