//! What operators change.

mod change;
mod log_level;
mod orders;
mod reload;
mod renew;
mod upgrade;
mod weight;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::control::state::Control;

/// The routes of this folder.
pub(super) fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new()
        .routes(routes!(orders::drain))
        .routes(routes!(orders::maintain))
        .routes(routes!(orders::activate))
        .routes(routes!(weight::weight))
        .routes(routes!(log_level::log_level, log_level::set_log_level))
        .routes(routes!(reload::reload))
        .routes(routes!(upgrade::upgrade))
        .routes(routes!(renew::renew))
}
