//! What the tests stand on: the appliance, its origins, its clients, and waiting that is bounded. Ports, directories
//! and clean-up are hidden here; no test sees them.

mod appliance;
mod certificates;
mod client;
mod dns;
mod eventually;
pub(crate) mod frames;
mod gate;
mod h2_client;
mod moody;
mod origin;
mod plan;
mod ports;
mod process;
mod seen;
mod strict;
mod talk;
mod tls;
mod user;
mod words;

pub(crate) use appliance::{Appliance, fresh_dir, weir};
pub(crate) use certificates::Pair;
pub(crate) use client::{Answer, Client};
pub(crate) use dns::{Dns, Says};
pub(crate) use eventually::{eventually, within};
pub(crate) use gate::Gate;
pub(crate) use h2_client::H2Client;
pub(crate) use moody::{Mood, Moody};
pub(crate) use origin::{Origin, ok, ok_with};
pub(crate) use plan::Plan;
pub(crate) use ports::free_port;
pub(crate) use seen::Seen;
pub(crate) use talk::Talk;
pub(crate) use tls::{Agreed, Offer};
pub(crate) use user::User;
pub(crate) use words::Saying;
