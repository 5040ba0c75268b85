//! What a user of the appliance notices: the real binary, real sockets, scripted origins. Folders are named like the rooms
//! of src that they are about.

mod accept;
mod admin;
mod affinity;
mod balance;
mod client;
mod control;
mod cookies;
mod exchange;
mod gated_world;
mod harness;
mod ids;
mod init;
mod limits;
mod message;
mod numbers;
mod observe;
mod passthrough;
mod pool;
mod request_values;
mod routing;
mod session_world;
mod spans;
mod wso2;
