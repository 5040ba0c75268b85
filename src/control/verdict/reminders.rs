//! What is not wrong, because somebody wanted it, and may be forgotten.

use crate::control::state::Control;
use crate::proxy::generation::Generation;

/// What is to be remembered.
pub(super) fn of(_: &Control, generation: &Generation) -> Vec<String> {
    let sites = generation.snapshot.config.sites.iter();
    sites.filter_map(|site| site.closed().sentence(&site.name)).collect()
}
