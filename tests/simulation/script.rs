//! What happens: nodes turn bad and well, operators order, the configuration changes.

use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::judge::Seen;
use super::nodes::Mood;
use super::{Dice, World};
use crate::control::actor::{Actor, OrderedBy};
use crate::control::operators;
use crate::control::state::{Control, ReloadRequest, Unrecorded};
use crate::control::store::moments::now;
use crate::traffic::pool::operators::Command;

/// The nodes that there are; the configuration may leave the last one out.
pub(super) const NODES: usize = 4;
pub(super) const PORT: u16 = 8280;

/// What the configuration says.
pub(super) struct Settings {
    last_node: bool,
    balance: &'static str,
    most: Option<usize>,
    slow_start: bool,
    weight: usize,
}

impl Settings {
    pub(super) fn drawn(dice: &mut Dice) -> Self {
        Self {
            last_node: dice.chance(50),
            balance: ["round-robin", "least-requests", "least-time", "random-two"][dice.below(4)],
            most: dice.chance(50).then(|| 3 + dice.below(4)),
            slow_start: dice.chance(30),
            weight: 1 + dice.below(3),
        }
    }

    /// What is so from the beginning.
    pub(super) fn tell(&self, world: &World) {
        world.saw(Seen::Balanced(self.balance));
        world.saw(Seen::There(NODES - 1, self.last_node));
    }

    pub(super) fn write(&self, world: &World, path: &Path) {
        let nodes = if self.last_node { NODES } else { NODES - 1 };
        let node = |node| format!("[[node]]\nname = \"n{node}\"\naddress = \"{}\"\n", world.of_node(node).ip());
        let others: Vec<_> = (1..nodes).map(|node| format!("\"n{node}\"")).collect();
        let most = self.most.map(|most| format!("max-requests = {most}\nqueue = {{ size = 100, wait = \"20s\" }}"));
        let text = format!(
            r#"
state-dir = "state"
access-log = "off"
error-log = "off"
threads = 2
[admin]
bind = "{admin}"
socket = "off"
[[listener]]
name = "http"
bind = "{listener}"
{nodes}
[[pool]]
name = "esb"
port = {PORT}
nodes = [{{ node = "n0", weight = {weight} }}, {others}]
tries = {NODES}
balance = "{balance}"
slow-start = "{slow_start}"
sticky = {{ mode = "learn", cookie = "JSESSIONID" }}
eject = {{ failures = 3, within = "30s", for = "5s", max-for = "20s" }}
timeouts = {{ connect = "1s", read = "3s" }}
{most}
[pool.health]
interval = "1s"
timeout = "500ms"
patience = "4s"
rise = 2
fall = 3
probes = [{{ kind = "http", path = "/probe" }}]
[[site]]
name = "esb"
listener = "http"
hosts = ["esb"]
pool = "esb"
"#,
            admin = world.admin(),
            listener = world.listener(),
            nodes = (0..nodes).map(node).collect::<String>(),
            weight = self.weight,
            others = others.join(", "),
            balance = self.balance,
            slow_start = if self.slow_start { "10s" } else { "0s" },
            most = most.unwrap_or_default(),
        );
        fs::write(path, text).expect("a configuration");
    }
}

/// One thing of all that can happen.
pub(super) async fn something(
    dice: &mut Dice,
    world: &Rc<World>,
    (settings, path): (&mut Settings, &Path),
    control: &Arc<Control>,
) {
    match dice.below(10) {
        // The first node is always well: whatever happens to the others, somebody can answer.
        0..=3 => {
            let node = &world.nodes[1 + dice.below(NODES - 1)];
            let mood = if node.mood() == Mood::Well { Mood::BAD[dice.below(6)] } else { Mood::Well };
            node.turns(mood);
        }
        4..=6 => {
            let command = [Command::Drain { within: None }, Command::Maintain, Command::Activate, Command::Activate];
            order(world, control, dice.below(NODES), command[dice.below(4)]).await;
        }
        7 => {
            for node in &world.nodes {
                node.turns(Mood::Well);
            }
        }
        _ => {
            *settings = Settings::drawn(dice);
            reload(world, settings, path, control).await;
        }
    }
}

/// Everything is as it should be again.
pub(super) async fn all_well(world: &Rc<World>, (settings, path): (&mut Settings, &Path), control: &Arc<Control>) {
    // What was ended just now is gone then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for node in &world.nodes {
        node.turns(Mood::Well);
    }
    settings.last_node = true;
    reload(world, settings, path, control).await;
    for node in 0..NODES {
        order(world, control, node, Command::Activate).await;
    }
}

async fn order(world: &Rc<World>, control: &Arc<Control>, node: usize, command: Command) {
    if command == Command::Activate {
        // As the command does it, without the wait for a probe: while something waits outside this thread, no time goes by.
        world.saw(Seen::Ordered(node, command));
        control.orders.lock().apply(&format!("n{node}"), command, now());
        operators::apply(control, &control.current.load_full());
        return;
    }
    let control = Arc::clone(control);
    let by = OrderedBy::without_reason(Actor::signal("script"));
    let name = format!("n{node}");
    let ordered =
        tokio::task::spawn_blocking(move || operators::carry_out(&control, &name, command, false, &by).is_ok());
    // Refused, it would have left nobody who serves, or there is no such node.
    if ordered.await.expect("an order") {
        world.saw(Seen::Ordered(node, command));
    }
}

async fn reload(world: &Rc<World>, settings: &Settings, path: &Path, control: &Arc<Control>) {
    settings.write(world, path);
    let (answer, reloaded) = oneshot::channel();
    let by = OrderedBy::without_reason(Actor::signal("script"));
    let request = ReloadRequest { by, unrecorded: Unrecorded::Refused, answer };
    if settings.last_node {
        world.saw(Seen::There(NODES - 1, true));
    }
    assert!(control.reload_requests.send(request).await.is_ok(), "it runs");
    world.saw(Seen::Balanced(settings.balance));
    match reloaded.await {
        Ok(Ok(_)) if !settings.last_node => world.saw(Seen::There(NODES - 1, false)),
        Ok(Ok(_)) => {}
        _ => world.saw(Seen::Wrong("a reload was refused".to_owned())),
    }
}
