//! Who gets the next request.

mod balancing;
mod methods;
