//! Part of the checked configuration: how heads are changed, by sites and routes.

use std::sync::Arc;

use crate::config::text::choices::RequestValue;

/// Fields set or removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Name as written, and value. Replaces all lines of that name.
    pub set: Vec<(Arc<str>, FieldValue)>,
    /// Name as written, and value. Added to the lines of that name.
    pub add: Vec<(Arc<str>, FieldValue)>,
    /// Lower-case names.
    pub remove: Vec<Arc<str>>,
}

/// The value of a field: its parts, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldValue(pub Vec<ValuePart>);

/// A part of a field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValuePart {
    /// This text.
    Text(Arc<str>),
    /// What the request says.
    Request(RequestValue),
}

impl FieldValue {
    /// Whether the request's own value is a part of it.
    pub fn takes(&self, value: RequestValue) -> bool {
        self.0.contains(&ValuePart::Request(value))
    }
}

/// A value that is the same for every request.
impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self(vec![ValuePart::Text(text.into())])
    }
}
