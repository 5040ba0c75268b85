//! For tests that draw what happens: a generator (xorshift) that draws the same numbers in every run.

/// The next number. `state` must not be zero.
pub(crate) fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
