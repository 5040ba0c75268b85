//! One order, from the account to the file (RFC 8555 7.4).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, Error, Identifier, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::account;
use super::complaint::{Complaint, in_words, is_about};
use super::disk::on_disk;
use super::proof;
use super::proof::Proof;
use super::transport::Transport;
use crate::config::certificate::{Leaf, new_key};
use crate::config::{Acme, HostPattern, KeyType, certificate, first_line_of_ordered};
use crate::control::store::state_dir::StateDir;
use crate::proxy::client::challenges::Challenges;

/// How long a CA may take to look at names, and to sign.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// How much room must be on the disk. A certificate that cannot be kept was ordered in vain, and CAs count orders.
const ROOM: usize = 64 << 10;

/// What is ordered.
pub(super) struct Wanted {
    pub(super) acme: Acme,
    pub(super) hosts: Vec<HostPattern>,
    pub(super) key_type: KeyType,
    pub(super) file: PathBuf,
    pub(super) state_dir: PathBuf,
    /// The certificate that it replaces.
    pub(super) replaces: Option<CertificateDer<'static>>,
}

/// What came of it.
pub(super) struct Ended {
    /// What the file holds now, or should hold; or why there is none.
    pub(super) outcome: Result<Issued, Complaint>,
    /// The DNS records that the CA looks for, where the operator makes them.
    pub(super) records: Vec<String>,
}

/// A certificate that a CA has given.
pub(super) struct Issued {
    /// All of the file: the first line, the key, the chain.
    text: String,
}

impl Issued {
    /// The site's own certificate.
    pub(super) fn certificate(&self) -> Option<CertificateDer<'static>> {
        CertificateDer::from_pem_slice(self.text.as_bytes()).ok()
    }
}

/// Orders it. It is not written yet.
pub(super) async fn place(wanted: &Wanted, challenges: &Arc<Challenges>) -> Ended {
    let mut records = Vec::new();
    let outcome = try_place(wanted, challenges, &mut records).await;
    Ended { outcome, records }
}

/// Why a certificate that was given is not in its file.
pub(super) enum NotKept {
    /// It may be written later.
    Disk(String),
    Unusable(String),
}

/// Writes what was given, and looks at what then lies on the disk. The file is replaced as a whole, or stays.
pub(super) fn keep(file: &Path, issued: &Issued, hosts: &[HostPattern]) -> Result<Leaf, NotKept> {
    let (folder, name) = places(file).map_err(NotKept::Disk)?;
    let on_disk = |error: io::Error| NotKept::Disk(error.to_string());
    let dir = StateDir::open(folder).map_err(on_disk)?;
    let (next, new) = (format!("{name}.new"), folder.join(format!("{name}.new")));
    dir.replace(&next, |out| out.write_all(issued.text.as_bytes())).map_err(on_disk)?;
    let inspection = certificate::inspect(&new, &new, hosts, SystemTime::now(), None);
    let Some(pair) = inspection.pair else {
        let why = inspection.findings.into_iter().next().map_or_else(String::new, |finding| finding.what);
        // Whoever wants to see it finds it there.
        return Err(NotKept::Unusable(format!(
            "the CA gave a certificate that cannot be used, {}: {why}",
            new.display()
        )));
    };
    dir.rename(&next, name).map_err(on_disk)?;
    Ok(pair.leaf)
}

fn places(file: &Path) -> Result<(&Path, &str), String> {
    let name = file.file_name().and_then(|name| name.to_str());
    file.parent().zip(name).ok_or_else(|| format!("{} cannot be written", file.display()))
}

async fn try_place(
    wanted: &Wanted,
    challenges: &Arc<Challenges>,
    records: &mut Vec<String>,
) -> Result<Issued, Complaint> {
    let acme = &wanted.acme;
    let folder = places(&wanted.file).map_err(Complaint::own)?.0.to_owned();
    let has_room = on_disk(move || StateDir::open(&folder)?.has_room_for(ROOM)).await;
    has_room.map_err(|error| Complaint::of_disk(error).before("a certificate could not be kept"))?;
    let transport = Transport::to(acme).await.map_err(Complaint::own)?;
    let (account, mut order) = begin(wanted, &transport).await?;
    let (proofs, proven) = prove(wanted, (&account, &mut order), (challenges, &transport), records).await;
    proof::without_doubles(records);
    // What the CA has seen is not needed any more, whatever it said.
    for proof in proofs {
        if let Proof::Record(record) = proof {
            record.remove(acme).await;
        }
    }
    proven?;
    finish(wanted, &mut order, &transport).await
}

/// The account, and a new order of it.
async fn begin(wanted: &Wanted, transport: &Transport) -> Result<(Account, Order), Complaint> {
    let acme = &wanted.acme;
    let account = account::open(acme, transport, &wanted.state_dir).await?;
    let offered: Vec<String> = account.profiles().map(|profile| profile.name.to_owned()).collect();
    if let Some(profile) = acme.profile.as_ref().filter(|profile| !offered.contains(profile)) {
        let offers = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
        return Err(Complaint::own(format!("the CA has no profile {profile:?}; it offers: {offers}")));
    }
    match ask(wanted, &account).await {
        Ok(order) => Ok((account, order)),
        Err(error) if account::is_unknown(&error) => {
            let account = account::make_again(acme, transport, &wanted.state_dir).await?;
            let order = ask(wanted, &account).await.map_err(|error| Complaint::of(&error, transport))?;
            Ok((account, order))
        }
        Err(error) => Err(Complaint::of(&error, transport)),
    }
}

async fn ask(wanted: &Wanted, account: &Account) -> Result<Order, Error> {
    let identifiers: Vec<Identifier> = wanted.hosts.iter().map(identifier).collect();
    let new = || match &wanted.acme.profile {
        Some(profile) => NewOrder::new(&identifiers).profile(profile),
        None => NewOrder::new(&identifiers),
    };
    // A CA that is told which certificate goes (RFC 9773 5) counts the order less. Not each CA takes that, nor of each certificate.
    if let Some(id) = wanted.replaces.as_ref().and_then(|der| CertificateIdentifier::try_from(der).ok()) {
        match account.new_order(&new().replaces(id)).await {
            Err(error) if !is_about(&error, "rateLimited") && !account::is_unknown(&error) => {}
            ended => return ended,
        }
    }
    account.new_order(&new()).await
}

fn identifier(host: &HostPattern) -> Identifier {
    match host.address() {
        Some(address) => Identifier::Ip(address),
        None => Identifier::Dns(host.to_string()),
    }
}

/// Shows the CA that each name is ours, and waits until it has looked. What was made for it stands first.
async fn prove(
    wanted: &Wanted,
    (account, order): (&Account, &mut Order),
    (challenges, transport): (&Arc<Challenges>, &Transport),
    records: &mut Vec<String>,
) -> (Vec<Proof>, Result<(), Complaint>) {
    let mut proofs = Vec::new();
    let shown = show(wanted, (account, order), (challenges, transport), (&mut proofs, records)).await;
    let proven = match shown {
        Ok(()) => wait_until_ready(order, transport).await,
        Err(complaint) => Err(complaint),
    };
    (proofs, proven)
}

async fn show(
    wanted: &Wanted,
    (account, order): (&Account, &mut Order),
    (challenges, transport): (&Arc<Challenges>, &Transport),
    (proofs, records): (&mut Vec<Proof>, &mut Vec<String>),
) -> Result<(), Complaint> {
    let acme = &wanted.acme;
    let of_ca = |error: &Error| Complaint::of(error, transport);
    let mut authorizations = order.authorizations();
    while let Some(next) = authorizations.next().await {
        let mut authorization = next.map_err(|error| of_ca(&error))?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            other => {
                let name = authorization.identifier();
                return Err(Complaint::own(format!("the CA calls the proof for {name} {other:?}").to_lowercase()));
            }
        }
        let name = authorization.identifier().to_string();
        // What proves it goes to programs and into DNS.
        if !wanted.hosts.iter().any(|host| proof::is_for(authorization.identifier().identifier, host)) {
            return Err(Complaint::own(format!("the CA wants a proof for {name}, which was not ordered")));
        }
        let offered: Vec<String> = authorization.challenges.iter().map(|challenge| word(&challenge.r#type)).collect();
        let Some(mut challenge) = authorization.challenge(proof::kind(acme.challenge)) else {
            let wanted: &'static str = acme.challenge.into();
            let offered = offered.join(", ");
            return Err(Complaint::own(format!("the CA takes no {wanted} for {name}; it takes: {offered}")));
        };
        let proof = proof::make(acme, &challenge, challenges).await?;
        if matches!(proof, Proof::Persistent) {
            records.push(proof::persistent_record(challenge.identifier(), &transport.issuers(), account.id()));
        }
        proofs.push(proof);
        challenge.set_ready().await.map_err(|error| of_ca(&error).before(&name))?;
    }
    Ok(())
}

fn word(kind: &instant_acme::ChallengeType) -> String {
    use instant_acme::ChallengeType as Kind;
    match kind {
        Kind::Http01 => "http-01".to_owned(),
        Kind::Dns01 => "dns-01".to_owned(),
        Kind::TlsAlpn01 => "tls-alpn-01".to_owned(),
        Kind::Unknown(word) => word.clone(),
        _ => "others".to_owned(),
    }
}

async fn wait_until_ready(order: &mut Order, transport: &Transport) -> Result<(), Complaint> {
    let ended = tokio::time::timeout(PATIENCE, order.poll_ready(&polling())).await;
    let status = match ended {
        Err(_) => return Err(Complaint::of(&Error::Timeout(None), transport)),
        Ok(Ok(status)) => status,
        Ok(Err(error)) => {
            let why = refused(order).await;
            return Err(why.map_or_else(|| Complaint::of(&error, transport), Complaint::own));
        }
    };
    if status == OrderStatus::Ready {
        return Ok(());
    }
    let why = refused(order).await;
    Err(Complaint::own(why.unwrap_or_else(|| "the CA refuses the order, and does not say why".to_owned())))
}

/// What the CA says of each name that it did not believe.
async fn refused(order: &mut Order) -> Option<String> {
    let mut said = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(next) = authorizations.next().await {
        let Ok(mut authorization) = next else { continue };
        if authorization.refresh().await.is_err() {
            continue;
        }
        let name = authorization.identifier().to_string();
        let problems = authorization.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        said.extend(problems.map(|problem| format!("{name}: {}", in_words(problem))));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

fn polling() -> RetryPolicy {
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(PATIENCE)
}

/// Has the certificate signed.
async fn finish(wanted: &Wanted, order: &mut Order, transport: &Transport) -> Result<Issued, Complaint> {
    let of_ca = |error: &Error| Complaint::of(error, transport);
    let (request, key) = make_request(wanted).await.map_err(Complaint::own)?;
    order.finalize_csr(&request).await.map_err(|error| of_ca(&error).before("it does not sign"))?;
    let signed = tokio::time::timeout(PATIENCE, order.poll_certificate(&polling())).await;
    let chain = signed
        .unwrap_or(Err(Error::Timeout(None)))
        .map_err(|error| of_ca(&error).before("it has not given the certificate"))?;
    let text = format!("{}\n{key}{chain}", first_line_of_ordered(&wanted.acme.directory));
    Ok(Issued { text })
}

/// The request in DER, and the new key in PEM. A large key takes a while.
async fn make_request(wanted: &Wanted) -> Result<(Vec<u8>, String), String> {
    let (key_type, names) = (wanted.key_type, wanted.hosts.iter().map(plain).collect::<Vec<_>>());
    let made = tokio::task::spawn_blocking(move || {
        let key = new_key(key_type)?;
        let cannot = |error: rcgen::Error| format!("the request cannot be made: {error}");
        let mut params = CertificateParams::new(names).map_err(cannot)?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key).map_err(cannot)?;
        Ok((request.der().to_vec(), key.serialize_pem()))
    });
    made.await.map_err(|error| error.to_string())?
}

/// An address without its brackets.
fn plain(host: &HostPattern) -> String {
    host.address().map_or_else(|| host.to_string(), |address| address.to_string())
}
