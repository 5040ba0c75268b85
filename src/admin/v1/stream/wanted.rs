//! What a viewer asks for.

use axum::http::HeaderMap;

use crate::admin::query;
use crate::control::notice::Notice;
use crate::observe::events::Events;

/// What a viewer wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) snapshots: bool,
    /// The event that it had last.
    pub(super) since: Option<u64>,
}

impl Wanted {
    pub(super) fn of(query: &str, headers: &HeaderMap, events: &Events) -> Result<Self, Notice> {
        let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
        let mut wanted = Self { snapshots: true, since: last.and_then(|id| events.number_of(id)) };
        for (name, value) in query::pairs(query)? {
            match (&*name, &*value) {
                ("only", "events") => wanted.snapshots = false,
                ("only", _) => return Err(Notice::new(format!("only={value:?} is not known"), "write only=events")),
                // A browser asks again with the same query, and says then which event it had last.
                ("since", _) if wanted.since.is_some() => {}
                ("since", id) if id.contains('-') => wanted.since = events.number_of(id),
                ("since", number) => {
                    let wrong = |_| Notice::new(format!("since={value:?} is no number"), "");
                    wanted.since = Some(number.parse().map_err(wrong)?);
                }
                _ => {
                    let what = format!("{name:?} is no parameter of this path");
                    return Err(Notice::new(what, "there are only and since"));
                }
            }
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_viewer_says_what_it_wants_and_what_it_had() {
        let events = Events::new(10, UNIX_EPOCH);
        let asked = |query: &str, last: Option<&str>| {
            let mut headers = HeaderMap::new();
            last.into_iter().for_each(|id| _ = headers.insert("last-event-id", id.parse().unwrap()));
            Wanted::of(query, &headers, &events).map_err(|notice| notice.what)
        };
        let wanted = |snapshots, since| Ok(Wanted { snapshots, since });
        let id = events.id(7);
        assert_eq!(asked("", None), wanted(true, None));
        assert_eq!(asked("only=events&since=3", None), wanted(false, Some(3)));
        assert_eq!(asked(&format!("since={id}"), None), wanted(true, Some(7)));
        assert_eq!(asked("", Some(&id)), wanted(true, Some(7)));
        // A browser that was cut off goes on where it was, not where its first question began.
        assert_eq!(asked("since=3", Some(&id)), wanted(true, Some(7)));
        for other in ["1-7", "7", "", "x-y", "-"] {
            assert_eq!(asked("", Some(other)), wanted(true, None), "{other}");
        }
        assert_eq!(asked("since=1-7", None), wanted(true, None));
        for (query, part) in [("only=x", "only"), ("since=x", "no number"), ("form=x", "no parameter"), ("%", "%")] {
            assert!(asked(query, None).is_err_and(|what| what.contains(part)), "{query}");
        }
    }
}
