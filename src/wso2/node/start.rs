//! The options for Java with which one node starts.

use crate::wso2::checks::{OPTIONS, WORKER_NODE};
use crate::wso2::context::Context;

pub(crate) fn check(context: Context<'_>) {
    let (node, findings) = (context.node, context.findings);
    let start = &node.start;
    if let Some(worker) = start.worker_node.as_ref().filter(|worker| worker.is_true()) {
        if node.is_ei() {
            let what = "-DworkerNode=true: EI 6 has no profile for workers, and does not start with it";
            findings.error(
                WORKER_NODE,
                &worker.at,
                what,
                "leave it out: Weir keeps the console from the workers' sites",
            );
        } else if node.role.is_manager {
            let what = "-DworkerNode=true on the manager: it starts without its console";
            findings.error(WORKER_NODE, &worker.at, what, "leave it out on the manager");
        }
    }
    if let Some(config) = &start.hazelcast {
        let what = format!("-Dhazelcast.config={}: with it the members in axis2.xml do not count", config.text);
        findings.warning(OPTIONS, &config.at, what, "leave it out, or take the members there");
    }
    if let Some(setup) = &start.setup {
        let what = "-Dsetup is in the script: it is for the first start alone, which makes the tables";
        findings.warning(OPTIONS, &setup.at, what, "leave it out");
    }
}
