//! What the head of an answer takes from the request that it answers.

use super::location::PublicName;
use super::request_values::RequestValues;

/// A request, for who writes its answer. It is asked where something is needed, and few answers need anything.
pub trait RequestSource {
    /// The URL that the client asked for.
    fn public_name(&self) -> PublicName<'_>;

    /// What fields that an operator sets take.
    fn values(&self) -> Option<RequestValues<'_>>;
}

impl RequestSource for PublicName<'_> {
    fn public_name(&self) -> PublicName<'_> {
        *self
    }

    fn values(&self) -> Option<RequestValues<'_>> {
        None
    }
}
