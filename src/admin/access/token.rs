//! The token of a request: `Authorization: Bearer …`.

use axum::http::{HeaderMap, header};

use crate::admin::v1::problem::ApiProblem;
use crate::config::{Admin, AdminToken};

/// The configured token that the request has. `None` if it has no such field.
pub(super) fn of_request<'a>(headers: &HeaderMap, admin: &'a Admin) -> Result<Option<&'a AdminToken>, ApiProblem> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        let advice = "send one field Authorization: Bearer TOKEN";
        return Err(ApiProblem::refused(400, "The request cannot be understood", "it has two tokens", advice));
    }
    let found = bearer(field.as_bytes()).and_then(|token| admin.token(token));
    found.map(Some).ok_or_else(|| ApiProblem::unauthorized("no [[admin.token]] is the token of this request"))
}

/// What follows `Bearer `. RFC 9110 section 11.1: the scheme is written in any case.
fn bearer(field: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = field.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_read_in_any_case_and_no_other_is() {
        for (field, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Bearer ", Some("")),
            ("Bearer", None),
            ("", None),
            ("Basic abc", None),
            ("Bearerabc", None),
        ] {
            assert_eq!(bearer(field.as_bytes()), expected.map(str::as_bytes), "{field:?}");
        }
    }
}
