//! A whole Weir on a clock that is moved on as soon as nothing is left to do: two minutes of probes, ejections, drains, reloads
//! and a stop take about a second, and each seed draws two other minutes. Nodes and clients run beside it, on the same thread and
//! over real sockets. What a seed shows can be run again: `SIMULATION_SEEDS=17 make simulation`.
//!
//! It is judged by what clients and nodes saw, and by the times at which nodes were bad or ordered out.

mod clients;
mod judge;
mod nodes;
mod script;

use std::cell::{Cell, RefCell};
use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::Instant;

use self::judge::{Judge, Seen};
use self::nodes::Node;
use self::script::Settings;
use super::admin_side::AdminSide;
use super::running::Running;
use super::signals::Signals;
use crate::config;
use crate::control::admin_sockets::{AdminGiven, bind_admin};
use crate::control::names::naming::Naming;
use crate::control::operators::remaining::all_members;
use crate::control::reload::first::{FirstGeneration, Handed};
use crate::control::state::Control;
use crate::observe::Observer;
use crate::proxy::accept::sockets::Inherited;
use crate::proxy::worker::Shared;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::state::State;

/// How many seeds are run.
const SEEDS: u64 = 40;

/// How long things happen.
const SCRIPT: Duration = Duration::from_secs(120);

/// How long all is well after that, before it is looked at.
const REST: Duration = Duration::from_secs(60);

const CLIENTS: usize = 8;

#[test]
fn nothing_is_lost_whatever_happens_to_nodes_and_orders() {
    let wanted = env::var("SIMULATION_SEEDS").ok();
    let (first, last) = wanted.as_deref().map_or((1, SEEDS), |wanted| {
        let (first, last) = wanted.split_once('-').unwrap_or((wanted, wanted));
        (first.parse().expect("a seed"), last.parse().expect("a seed"))
    });
    let (mut requests, mut failed, mut wrong) = (0, 0, Vec::new());
    for seed in first..=last {
        let judge = simulate(seed);
        let found = judge.wrong();
        requests += judge.requests().count();
        failed += judge.requests().filter(|request| !request.is_well()).count();
        if first == last {
            judge.tell();
        }
        wrong.extend(found.into_iter().map(|wrong| format!("seed {seed}: {wrong}")));
    }
    println!("{requests} requests; {failed} failed, each for a reason that its client can have");
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn simulate(seed: u64) -> Judge {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let (judge, shared) = LocalSet::new().block_on(&runtime, two_minutes(seed));
    drop(runtime);
    assert!(shared.upgrade().is_none(), "seed {seed}: something of Weir is still there after its end");
    judge
}

/// What a seed draws.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// From 0 to one less than `sides`.
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % sides
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn within(&mut self, least: usize, most: usize) -> Duration {
        Duration::from_millis((least + self.below(most - least)) as u64)
    }
}

/// All that is there beside Weir.
struct World {
    began: Instant,
    /// The machine of each seed has addresses of its own, so that a seed does not meet the sockets of the one before.
    network: u8,
    nodes: Vec<Rc<Node>>,
    judge: RefCell<Judge>,
    /// Clients ask nothing.
    pause: Cell<bool>,
    over: Cell<bool>,
}

impl World {
    fn new(seed: u64) -> Rc<Self> {
        let network = u8::try_from(1 + seed % 250).unwrap_or(1);
        Rc::new_cyclic(|world| Self {
            began: Instant::now(),
            network,
            nodes: (0..script::NODES).map(|number| Node::new(number, world.clone())).collect(),
            judge: RefCell::default(),
            pause: Cell::new(false),
            over: Cell::new(false),
        })
    }

    /// Milliseconds since it began.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn saw(&self, seen: Seen) {
        self.judge.borrow_mut().saw(self.now(), seen);
    }

    fn address(&self, last: u8, port: u16) -> SocketAddr {
        let host = u8::try_from(getpid().as_raw_nonzero().get() % 250).unwrap_or_default();
        SocketAddr::from((Ipv4Addr::new(127, 1 + host, self.network, last), port))
    }

    /// Where Weir listens for clients.
    fn listener(&self) -> SocketAddr {
        self.address(1, 8080)
    }

    fn admin(&self) -> SocketAddr {
        self.address(1, 9180)
    }

    fn of_node(&self, number: usize) -> SocketAddr {
        self.address(10 + u8::try_from(number).unwrap_or_default(), script::PORT)
    }
}

/// A folder that goes with it.
struct Room(PathBuf);

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn two_minutes(seed: u64) -> (Judge, Weak<Shared>) {
    let (mut dice, world) = (Dice::new(seed), World::new(seed));
    let room = Room(env::temp_dir().join(format!("weir-simulation-{}-{seed}", getpid().as_raw_nonzero())));
    fs::create_dir_all(&room.0).expect("a folder");
    let path = room.0.join("weir.toml");
    let mut settings = Settings::drawn(&mut dice);
    settings.write(&world, &path);
    settings.tell(&world);
    world.nodes.iter().for_each(Node::listen);
    let (control, running) = start(&path).await;
    let shared = Arc::downgrade(&control.shared);
    while !control.accepts.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| spawn_local(clients::client(Rc::clone(&world), number, Dice::new(seed * 1000 + number as u64))))
        .collect();
    let end = Instant::now() + SCRIPT;
    while Instant::now() < end {
        tokio::time::sleep(dice.within(300, 6000)).await;
        script::something(&mut dice, &world, (&mut settings, &path), &control).await;
    }
    script::all_well(&world, (&mut settings, &path), &control).await;
    tokio::time::sleep(REST).await;
    rests(&world, &control).await;
    stop(&world, running, clients).await;
    drop(control);
    (world.judge.take(), shared)
}

/// A Weir on this thread, which runs until SIGTERM.
async fn start(path: &Path) -> (Arc<Control>, JoinHandle<()>) {
    let signals = Signals::new().expect("signals");
    let config = Arc::new(config::load(path).unwrap_or_else(|errors| panic!("{}", errors.render(false))));
    let observer = Observer::start("simulated").expect("a thread for logs");
    let admin = bind_admin(&config, AdminGiven::default()).unwrap_or_else(|problem| panic!("{problem}"));
    let (naming, address_changes) = Naming::new(&observer);
    let nothing = (Inherited::default(), Handed::default());
    let Ok(first) = FirstGeneration::prepare(Arc::clone(&config), naming, &observer, nothing).await else {
        panic!("the first generation cannot be prepared")
    };
    let admin = AdminSide::new(|_, _, _| (), admin);
    let (running, first_rounds) = Running::start(path, &config, first, (admin, &observer)).expect("a start");
    let control = Arc::clone(&running.control);
    let until = running.until_ended((first_rounds, None), address_changes, signals);
    let running = spawn_local(async { until.await.unwrap_or_else(|problems| panic!("{}", problems[0])) });
    (control, running)
}

/// All nodes serve; and while nobody asks, nothing is left: no request that runs or waits, no generation of before.
async fn rests(world: &Rc<World>, control: &Arc<Control>) {
    let generation = control.current.load_full();
    let told = |pool: &Pool, member: &Member| format!("{} in {}", member.node, pool.name());
    for (pool, member) in all_members(&generation).filter(|(_, member)| member.state.state() != State::Active) {
        let (told, state) = (told(pool, member), member.state.state());
        world.saw(Seen::Wrong(format!("{told} is {state:?} after all was well for {REST:?}")));
    }
    world.pause.set(true);
    tokio::time::sleep(Duration::from_secs(10)).await;
    for (pool, member) in all_members(&generation).filter(|(_, member)| member.load.in_flight() != 0) {
        let (told, running) = (told(pool, member), member.load.in_flight());
        world.saw(Seen::Wrong(format!("{told} has {running} requests, and nobody asks")));
    }
    drop(generation);
    let left = control.left.lock().len();
    if left != 0 {
        world.saw(Seen::Wrong(format!("{left} generations of before are kept, and nobody asks")));
    }
    world.pause.set(false);
    tokio::time::sleep(Duration::from_secs(2)).await;
}

async fn stop(world: &Rc<World>, running: JoinHandle<()>, clients: Vec<JoinHandle<()>>) {
    world.saw(Seen::Stop);
    kill_process(getpid(), Signal::TERM).expect("a signal");
    running.await.expect("it ends");
    world.over.set(true);
    for client in clients {
        client.await.expect("a client ends");
    }
    world.nodes.iter().for_each(|node| node.end());
}
