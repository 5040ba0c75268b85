//! Members that find each other by multicast: all listen to one address and port.

use super::compared::{Across, most_common};
use crate::wso2::checks::SCHEME;

/// What Hazelcast takes where nothing is written.
const DEFAULTS: [(&str, &str); 2] = [("mcastAddress", "224.2.2.3"), ("mcastPort", "54327")];

pub(crate) fn check(across: Across<'_>) {
    let nodes: Vec<_> = across.clustering().filter(|(_, clustering)| clustering.is_multicast()).collect();
    for (name, default) in DEFAULTS {
        let all: Vec<_> = nodes.iter().filter_map(|(node, one)| Some((*node, one.parameter(name)?))).collect();
        let Some((first, wanted)) = most_common(&all) else { continue };
        for (node, clustering) in &nodes {
            let said = clustering.parameter(name);
            let (text, at) = said.map_or((default, &clustering.at), |said| (said.text.as_str(), &said.at));
            if text != wanted.text && said.is_none_or(|said| said.filled_in().is_none()) {
                let what = format!(
                    "{name} is {text:?}, and on {} it is {:?}: {} finds nobody there",
                    first.name, wanted.text, node.name
                );
                let advice = format!("write <parameter name=\"{name}\">{}</parameter>", wanted.text);
                across.findings.error(SCHEME, at, what, advice);
            }
        }
    }
}
