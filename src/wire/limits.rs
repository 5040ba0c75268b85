//! What a request's head may be at most. Only numbers: who reads a head holds it to them.

/// What a listener allows a request's head to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head.
    pub bytes: usize,
    /// Fields.
    pub fields: usize,
    /// Bytes of the target.
    pub target: usize,
    /// Whether the listener speaks TLS: the scheme of an absolute target must fit.
    pub secure: bool,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes: 64 * 1024, fields: 100, target: 16 * 1024, secure: false }
    }
}
