//! carbon.xml of one node: names, ports, the deployment synchronizer.

use crate::config::{Deployment, HostPattern, suggestion};
use crate::wso2::checks::{
    ADMIN_SERVICES, AUTO_CHECKOUT, CERTIFICATE, Check, HOST_NAME, MGT_HOST_NAME, OFFSET, PRODUCT, SVN, SYNCHRONIZER,
    WORKER_PORTS,
};
use crate::wso2::context::Context;
use crate::wso2::files::Written;
use crate::wso2::model::carbon::{Carbon, Synchronizer};
use crate::wso2::view::{Public, hosts_of};

pub(crate) fn check(context: Context<'_>) {
    let Some(carbon) = &context.node.carbon else { return };
    product(context, carbon);
    for (name, at) in &carbon.twice {
        let check = if *name == "DeploymentSynchronizer" { SYNCHRONIZER } else { HOST_NAME };
        context.findings.warning(
            check,
            at,
            format!("{name} is written twice, and the first one counts"),
            "keep one of them",
        );
    }
    host_name(context, carbon);
    mgt_host_name(context, carbon);
    offset(context, carbon);
    worker_ports(context, carbon);
    if let Some(open) = &carbon.admin_services {
        let what = format!("HttpAdminServices is {:?}: these admin services take passwords without TLS", open.text);
        context.findings.warning(ADMIN_SERVICES, &open.at, what, "leave it out");
    }
    if let Some(synchronizer) = carbon.synchronizer.as_ref().filter(|one| one.is_enabled()) {
        synchronized(context, synchronizer);
    }
}

/// What other products have in the same files is not known here.
fn product(context: Context<'_>, carbon: &Carbon) {
    const KNOWN: [&str; 2] = ["Enterprise Integrator", "Enterprise Service Bus"];
    let Some(name) = &carbon.product else { return };
    if !KNOWN.iter().any(|known| name.text.contains(known)) {
        let what = format!(
            "this is {:?}, and only Enterprise Integrator and Enterprise Service Bus are known here",
            name.text
        );
        context.findings.warning(PRODUCT, &name.at, what, "is it the directory of another server?");
    }
}

fn host_name(context: Context<'_>, carbon: &Carbon) {
    let public = context.view.services();
    let Some(said) = &carbon.host_name else {
        if let Some(wanted) = first_host(&public) {
            let what = "HostName is not there, so addresses in WSDLs and mails have the name of this machine";
            context.findings.error(HOST_NAME, &carbon.at, what, format!("write <HostName>{wanted}</HostName>"));
        }
        return;
    };
    if is_public(context, said, &public, "HostName", HOST_NAME) {
        covered(context, said, false);
    }
}

fn mgt_host_name(context: Context<'_>, carbon: &Carbon) {
    let public = context.view.console();
    if let Some(said) = &carbon.mgt_host_name {
        if is_public(context, said, &public, "MgtHostName", MGT_HOST_NAME) {
            covered(context, said, true);
        }
    } else if let Some(wanted) = first_host(&public).filter(|_| context.node.role.console) {
        let what = "MgtHostName is not there, so the console leads to HostName, which is not its site";
        let advice = format!("write <MgtHostName>{wanted}</MgtHostName>");
        context.findings.error(MGT_HOST_NAME, &carbon.at, what, advice);
    }
}

fn first_host(public: &[Public]) -> Option<String> {
    hosts_of(public).into_iter().next()
}

/// Whether the host is one of these sites', or cannot be compared. Otherwise it is reported.
fn is_public(context: Context<'_>, said: &Written, public: &[Public], name: &str, check: Check) -> bool {
    if !context.findings.is_known(check, said, name) {
        return false;
    }
    let takes_all = public.iter().any(|one| one.hosts.is_empty());
    if public.is_empty() || takes_all || public.iter().any(|one| one.has_host(&said.text)) {
        return true;
    }
    let hosts = hosts_of(public);
    let what =
        format!("{name} is {:?}, and the sites of weir.toml that lead there have {}", said.text, hosts.join(", "));
    let advice = hosts.first().map(|host| format!("write {host}")).unwrap_or_default();
    context.findings.error(check, &said.at, what, advice);
    false
}

/// Whether a certificate of the sites that lead there covers the name.
fn covered(context: Context<'_>, said: &Written, carbon: bool) {
    let host = HostPattern::Exact(said.text.as_str().into());
    let certificates: Vec<_> = context
        .view
        .sites_of(carbon)
        .flat_map(|site| site.certificates.iter().map(move |certificate| (site, certificate)))
        .collect();
    let Some((site, certificate)) = certificates.first() else { return };
    if certificates.iter().any(|(_, one)| one.pair.leaf.covers(&host)) {
        return;
    }
    let what = format!(
        "the certificate of site {} in weir.toml is not for {:?}: {}",
        site.name,
        said.text,
        certificate.chain.display()
    );
    context.findings.error(CERTIFICATE, &said.at, what, "have it issued for this name too");
}

fn offset(context: Context<'_>, carbon: &Carbon) {
    let (node, wanted) = (context.node, context.view.offset(context.node.node));
    let said = node.start.port_offset.as_ref().or(carbon.offset.as_ref());
    let advice = format!("write {wanted}, or port-offset = OFFSET at node {} in weir.toml", node.name);
    match said {
        Some(said) if !context.findings.is_known(OFFSET, said, "Offset") => {}
        Some(said) if said.number().is_none_or(|number| number > 65535) => {
            let what = format!("the offset {:?} is no number from 0 to 65535", said.text);
            context.findings.error(OFFSET, &said.at, what, advice);
        }
        Some(said) if said.number() != Some(wanted.into()) => {
            let advice = advice.replace("OFFSET", &said.text);
            let what =
                format!("the offset is {}, and weir.toml reaches {} with port-offset {wanted}", said.text, node.name);
            context.findings.error(OFFSET, &said.at, what, advice);
        }
        None if wanted != 0 => {
            let what = format!("there is no Offset, and weir.toml reaches {} with port-offset {wanted}", node.name);
            context.findings.error(OFFSET, &carbon.at, what, format!("write <Ports><Offset>{wanted}</Offset></Ports>"));
        }
        _ => {}
    }
}

fn worker_ports(context: Context<'_>, carbon: &Carbon) {
    let public = context.view.services();
    for (said, tls, name) in
        [(&carbon.worker_http, false, "WorkerHttpProxyPort"), (&carbon.worker_https, true, "WorkerHttpsProxyPort")]
    {
        let mut ports: Vec<u16> = public.iter().filter(|one| one.tls == tls).map(|one| one.port).collect();
        ports.sort_unstable();
        ports.dedup();
        let Some(first) = ports.first() else { continue };
        let Some(said) = said else {
            // The manager alone shows addresses of services that others have.
            if context.node.role.is_manager {
                let what = format!("{name} is not there, so the console shows services on the node's own port");
                let advice = format!("write <{name}>{first}</{name}>");
                context.findings.warning(WORKER_PORTS, &carbon.ports, what, advice);
            }
            continue;
        };
        if context.findings.is_known(WORKER_PORTS, said, name) && said.port().is_none_or(|port| !ports.contains(&port))
        {
            let all: Vec<String> = ports.iter().map(ToString::to_string).collect();
            let what = format!("{name} is {:?}, and clients reach services on {}", said.text, all.join(", "));
            context.findings.error(WORKER_PORTS, &said.at, what, format!("write {first}"));
        }
    }
}

/// How artifacts come that do not come by Subversion.
fn kind(context: Context<'_>, one: &Synchronizer) {
    const KNOWN: [&str; 3] = ["svn", "git", "registry"];
    let Some(kind) = &one.kind else { return };
    if !KNOWN.contains(&kind.text.as_str()) {
        let what = format!("RepositoryType {:?} is not known", kind.text);
        context.findings.error(SYNCHRONIZER, &kind.at, what, suggestion(&kind.text, "types", &KNOWN));
    } else if context.view.cluster().and_then(|cluster| cluster.deployment) == Some(Deployment::Svn) {
        let what = format!("RepositoryType is {:?}, and [cluster] of weir.toml says \"svn\"", kind.text);
        context.findings.error(SYNCHRONIZER, &kind.at, what, "write svn");
    }
}

/// The addresses and users of examples.
const EXAMPLES: [&str; 3] = ["svnrepo.example.com", "svn.wso2.org", "svn.example.org"];
const EXAMPLE_USERS: [&str; 2] = ["svnuser", "username"];

fn synchronized(context: Context<'_>, one: &Synchronizer) {
    let findings = context.findings;
    if !one.checks_out.as_ref().is_some_and(Written::is_true) {
        let at = one.checks_out.as_ref().map_or(&one.at, |said| &said.at);
        findings.error(
            AUTO_CHECKOUT,
            at,
            "AutoCheckout is not true: this node never gets what the manager deploys",
            "write true",
        );
    }
    if !one.is_svn() {
        kind(context, one);
        return;
    }
    let Some(url) = &one.url else {
        findings.error(SVN, &one.at, "SvnUrl is not there", "write <SvnUrl>https://svn.example.com/repos/esb</SvnUrl>");
        return;
    };
    if !findings.is_known(SVN, url, "SvnUrl") {
        return;
    }
    let wanted = context.view.cluster().and_then(|cluster| cluster.svn_url.as_deref());
    if let Some(wanted) = wanted.filter(|wanted| *wanted != url.text) {
        let what = format!("SvnUrl is {:?}, and [cluster] of weir.toml says {wanted:?}", url.text);
        findings.error(SVN, &url.at, what, format!("write {wanted}"));
    } else if EXAMPLES.iter().any(|example| url.text.contains(example)) {
        let what = format!("SvnUrl is {:?}, the repository of an example", url.text);
        findings.error(SVN, &url.at, what, "write the URL of your own repository");
    }
    if let Some(user) = one.user.as_ref().filter(|user| EXAMPLE_USERS.contains(&user.text.as_str())) {
        let what = format!("SvnUser is {:?}, the user of an example", user.text);
        findings.warning(SVN, &user.at, what, "write your own user of the repository");
    }
    if let Some(at) = one.nobody.as_ref().filter(|_| !url.text.starts_with("file:")) {
        let what = "SvnUser is empty, so the repository is asked as nobody";
        findings.warning(SVN, at, what, "write the user of the repository, or leave SvnUser and SvnPassword out");
    }
    for (said, name) in [(&one.commits, "AutoCommit"), (&one.per_tenant, "SvnUrlAppendTenantId")] {
        let is_flag = |said: &&Written| said.is_true() || said.text.eq_ignore_ascii_case("false");
        if let Some(said) = said.as_ref().filter(|said| !is_flag(said) && said.filled_in().is_none()) {
            let what = format!("{name} is {:?}, which counts as false", said.text);
            findings.warning(SVN, &said.at, what, "write true or false");
        }
    }
}
