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
    /// For heads of at most so many bytes and fields. The target takes at most 16 KiB of them; where a listener allows
    /// more than the usual head, somebody needs long targets, and one may fill it.
    pub const fn new(bytes: usize, fields: usize, secure: bool) -> Self {
        let target = if bytes > USUAL_HEAD { bytes } else { LONGEST_TARGET };
        Self { bytes, fields, target, secure }
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self::new(USUAL_HEAD, 100, false)
    }
}

const USUAL_HEAD: usize = 64 * 1024;
const LONGEST_TARGET: usize = 16 * 1024;
