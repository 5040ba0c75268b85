//! What runs, in detail: the configuration, what it made, and what it decides.

mod certificate_orders;
mod certificates;
mod configuration;
mod listeners;
mod reloads;
mod sessions;
mod why;

use std::sync::Arc;

use axum::Extension;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::control::state::Control;

pub(super) use self::certificate_orders::{OrderView, orders_of};

/// The routes of this folder.
pub(super) fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new()
        .routes(routes!(listeners::listeners))
        .routes(routes!(certificates::certificates))
        .routes(routes!(certificate_orders::orders))
        .routes(routes!(reloads::reloads))
        .routes(routes!(sessions::sessions))
        .routes(routes!(sessions::find))
        .routes(routes!(why::why))
        .routes(routes!(configuration::configuration))
        .routes(routes!(configuration::check))
        .layer(Extension(Arc::new(configuration::Checks::default())))
}
