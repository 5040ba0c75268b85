//! What the tests stand on: the appliance, its origins, its clients, and waiting that is bounded. Ports, directories
//! and clean-up are hidden here; no test sees them.

mod appliance;
mod bytes;
mod certificates;
mod client;
mod commands;
mod dns;
mod eventually;
mod gate;
mod node;
mod plan;
mod ports;
mod process;
mod queues;
mod user;

pub(crate) use appliance::{Appliance, fresh_dir, weir};
pub(crate) use certificates::{Authority, Pair};
pub(crate) use client::frames;
pub(crate) use client::http1::{Answer, Client};
pub(crate) use client::http2::{H2Answer, H2Client};
pub(crate) use client::tls::{Agreed, Offer};
pub(crate) use commands::{CommandOutput, RunningCommand};
pub(crate) use dns::{Dns, Says};
pub(crate) use eventually::{eventually, within};
pub(crate) use gate::Gate;
pub(crate) use node::moody::{Mood, Moody};
pub(crate) use node::origin::{Origin, ok, ok_with};
pub(crate) use node::seen::{Seen, is_made_id};
pub(crate) use node::talk::Talk;
pub(crate) use node::websocket::echo_messages;
pub(crate) use plan::Plan;
pub(crate) use ports::free_port;
pub(crate) use user::User;
