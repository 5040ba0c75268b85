//! A disk that hangs: what is to outlive a restart waits for it, and nothing else does.

use std::process::Command;

use rustix::process::Signal;

use crate::harness::{Appliance, eventually};
use crate::session_world::{LEARN, World};

/// From now on a write of this file never ends: Weir opens it as a pipe that nobody reads.
fn hang(weir: &Appliance, file: &str) {
    let pipe = weir.path(&format!(".unfinished.{}.{file}", weir.id()));
    let made = || Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success());
    // The same file may just be written.
    eventually("there is a pipe", made);
}

#[test]
fn a_drain_ends_and_reloads_go_on_while_the_orders_cannot_be_written() {
    let mut world = World::of(3, |plan| plan.pool(LEARN));
    world.login_on("n1", "S");
    assert_eq!(world.weir.command(&["drain", "n1", "--deadline", "3s"]).code, Some(0));
    hang(&world.weir, "operators.json");
    eventually("the drain is over", || world.weir.state("app", "n1") == "passive maintenance");
    for _ in 0..2 {
        world.weir.reload();
    }
    assert_eq!(world.weir.state("app", "n1"), "passive maintenance");
    assert_ne!(world.weir.get("/").text(), "n1");
    assert_eq!(world.weir.stop(), Some(0));
    let journal = world.weir.journal();
    assert!(journal.contains("the disk of state-dir did not answer within 8 s"), "{journal}");
}

#[test]
fn a_stop_does_not_wait_for_ever_until_the_sessions_are_written() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut world = World::of(2, |plan| plan.pool(LEARN));
        hang(&world.weir, "sessions");
        world.login_on("n1", "S");
        world.weir.signal(signal);
        assert_eq!(world.weir.exit_code(), Some(0), "{signal:?}");
    }
}
