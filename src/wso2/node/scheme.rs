//! By which scheme a node finds the other members, and what that scheme needs.

use crate::config::suggestion;
use crate::wso2::checks::SCHEME;
use crate::wso2::context::Context;
use crate::wso2::model::axis2::Clustering;

pub(crate) fn check(context: Context<'_>, clustering: &Clustering) {
    const KNOWN: [&str; 3] = ["wka", "multicast", "aws"];
    let Some(scheme) = clustering.parameter("membershipScheme") else {
        let what = "membershipScheme is not there, so members are looked for by multicast";
        let advice = "write <parameter name=\"membershipScheme\">wka</parameter>";
        context.findings.error(SCHEME, &clustering.at, what, advice);
        return;
    };
    let own_class = clustering.parameter("membershipSchemeClassName").is_some();
    if !KNOWN.contains(&scheme.text.as_str()) && !own_class {
        let what = format!("membershipScheme {:?} is not known", scheme.text);
        context.findings.error(SCHEME, &scheme.at, what, suggestion(&scheme.text, "schemes", &KNOWN));
        return;
    }
    let wanted = context.view.cluster().map(|cluster| <&str>::from(cluster.membership));
    if let Some(wanted) = wanted.filter(|wanted| *wanted != scheme.text) {
        let what = format!("membershipScheme is {:?}, and [cluster] of weir.toml says {wanted:?}", scheme.text);
        context.findings.error(SCHEME, &scheme.at, what, format!("write {wanted}"));
    }
    if scheme.text == "aws" {
        aws(context, clustering);
    }
    let numbers: &[&str] = match scheme.text.as_str() {
        "multicast" => &["mcastPort", "mcastTTL", "mcastTimeout"],
        "aws" => &["connTimeout"],
        _ => &[],
    };
    for (name, said) in numbers.iter().filter_map(|name| Some((name, clustering.parameter(name)?))) {
        if said.number().is_none() && said.filled_in().is_none() {
            let what = format!("{name} {:?} is no number, so the node does not join", said.text);
            context.findings.error(SCHEME, &said.at, what, "write a number");
        }
    }
}

/// Hazelcast 3.5 asks Amazon with keys, and knows no role of the machine.
fn aws(context: Context<'_>, clustering: &Clustering) {
    let at = clustering.parameter("membershipScheme").map_or(&clustering.at, |scheme| &scheme.at);
    for name in ["accessKey", "secretKey"].iter().filter(|name| clustering.parameter(name).is_none()) {
        let what = format!("{name} is not there, and the scheme aws needs it");
        let advice = format!("write <parameter name=\"{name}\">…</parameter>");
        context.findings.error(SCHEME, at, what, advice);
    }
    for (one, other) in [("tagKey", "tagValue"), ("tagValue", "tagKey")] {
        if let Some(said) = clustering.parameter(one).filter(|_| clustering.parameter(other).is_none()) {
            let what = format!("{one} is there without {other}, so it chooses no machines");
            context.findings.warning(SCHEME, &said.at, what, format!("write {other} too, or leave {one} out"));
        }
    }
}
