//! The rooms whose threads meet, built from their own sources. What they share is shuttle's here: it decides at each step which
//! thread goes on.

#![allow(missing_docs, unreachable_pub, dead_code, unused_imports)]

/// What these rooms know of `config`.
pub mod config {
    use std::ops::RangeInclusive;
    use std::time::Duration;

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Eject {
        pub failures: u32,
        pub within: Duration,
        pub first: Duration,
        pub most: Duration,
        pub statuses: Vec<RangeInclusive<u16>>,
        pub max_ejected: u16,
    }

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Failback {
        #[default]
        Stay,
        WhenIdle(Duration),
        Return,
    }
}

#[path = "../../src/traffic"]
pub mod traffic {
    pub mod affinity {
        pub mod sessions;
    }
    pub mod balance {
        pub mod latency;
        pub mod slow_start;
    }
    pub mod limits {
        mod client_key;
        pub mod connections;
    }
    pub mod moment;
    pub mod pool {
        pub mod member;
        pub mod queue;
        pub mod state;
    }
    #[path = "../../tests/interleavings/sync.rs"]
    pub mod sync;
    pub mod tick;
}
