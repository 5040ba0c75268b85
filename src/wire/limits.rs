//! The limits of a request's head. Only numbers: the readers of heads apply them.

/// What a listener allows for the head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// The size of the whole head in bytes.
    pub bytes: usize,
    /// The number of fields.
    pub fields: usize,
    /// The size of the target in bytes.
    pub target: usize,
    /// Whether the listener uses TLS. The scheme of an absolute target must fit.
    pub secure: bool,
}

impl HeadLimits {
    /// For heads with at most this many bytes and fields. The target may be as long as the head, because nginx also has
    /// one limit for both.
    pub const fn new(bytes: usize, fields: usize, secure: bool) -> Self {
        Self { bytes, fields, target: bytes, secure }
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self::new(64 * 1024, 100, false)
    }
}
