//! Pools and rules of sites as a configuration makes them.

use std::time::Duration;

use weir::config::orders_file::Weights;
use weir::traffic::pool::Pool;
use weir::traffic::resolved::Resolved;
use weir::traffic::routing::rules::SiteRules;
use weir::traffic::snapshot::{BuildInput, Secrets, Snapshot};
use weir::traffic::tick::Tick;

/// A pool of so many nodes, all active, idle and equally quick, with a bound on requests; `settings` are lines of its own.
pub(crate) fn pool(name: &str, count: usize, settings: &str) -> Pool {
    let pool = snapshot(name, count, settings, "").pools.remove(0);
    for member in &pool.members {
        member.load.latency.record(Tick::from_millis(1_000), Duration::from_millis(5));
    }
    pool
}

/// What a site does with its requests; `settings` are lines of its own.
pub(crate) fn rules(name: &str, settings: &str) -> SiteRules {
    snapshot(name, 1, "", settings).sites.remove(0)
}

fn snapshot(name: &str, count: usize, of_pool: &str, of_site: &str) -> Snapshot {
    let nodes = |line: fn(usize) -> String| (0..count).map(line).collect::<String>();
    let text = format!(
        "state-dir = \"state\"\n[[listener]]\nname = \"http\"\nbind = \"127.0.0.1:8080\"\n{}\
         [[pool]]\nname = \"app\"\nport = 8280\nmax-requests = 1000\nnodes = [{}]\n{of_pool}\n\
         [[site]]\nname = \"s\"\nlistener = \"http\"\nhosts = [\"a.test\"]\npool = \"app\"\n{of_site}\n",
        nodes(|node| format!("[[node]]\nname = \"w{node}\"\naddress = \"10.0.{}.{}\"\n", node / 250, node % 250 + 1)),
        nodes(|node| format!("\"w{node}\",")),
    );
    let dir = std::env::temp_dir().join(format!("weir-rooms-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory of its own");
    std::fs::write(dir.join("weir.toml"), text).expect("written");
    let config = weir::config::load(&dir.join("weir.toml")).unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    std::fs::remove_dir_all(&dir).expect("removed");
    let (resolved, secrets) = (Resolved::default(), Secrets::of([7; 32]));
    Snapshot::build(
        config.into(),
        &BuildInput { generation: 1, previous: None, resolved: &resolved, secrets, weights: &Weights::default() },
    )
}
