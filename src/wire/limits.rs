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

impl HeadLimits {
    /// For heads of at most so many bytes and fields. The target may fill them, as nginx has one limit for both.
    pub const fn new(bytes: usize, fields: usize, secure: bool) -> Self {
        Self { bytes, fields, target: bytes, secure }
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self::new(64 * 1024, 100, false)
    }
}
