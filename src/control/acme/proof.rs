//! How a CA is shown that a name is ours (RFC 8555 8, RFC 8737, RFC 8738, draft-ietf-acme-dns-persist).

use std::net::IpAddr;
use std::sync::Arc;

use instant_acme::{AuthorizedIdentifier, ChallengeHandle, ChallengeType, Identifier, KeyAuthorization};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair, SanType};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;

use super::complaint::Complaint;
use super::program;
use super::transport::in_one_line;
use crate::config::{Acme, AcmeChallenge, HostPattern};
use crate::proxy::client::challenges::{Challenges, Shown};

/// What a CA looks at, for one name.
pub(super) enum Proof {
    /// Something that Weir shows as long as this is there.
    Shown { _shown: Shown },
    /// A DNS record that a program has made.
    Record(Record),
    /// A DNS record that the operator has made once.
    Persistent,
}

/// A DNS record of dns-01.
pub(super) struct Record {
    domain: String,
    name: String,
    content: String,
    /// What the program wrote that made it.
    output: String,
}

/// What the CA calls a kind of challenge.
pub(super) fn kind(challenge: AcmeChallenge) -> ChallengeType {
    match challenge {
        AcmeChallenge::Http01 => ChallengeType::Http01,
        AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        AcmeChallenge::Dns01 => ChallengeType::Dns01,
        AcmeChallenge::DnsPersist01 => {
            let word: &'static str = challenge.into();
            ChallengeType::Unknown(word.to_owned())
        }
    }
}

/// Whether a name of the CA's is that of a host; of a wildcard it asks for the name below which it stands.
pub(super) fn is_for(identifier: &Identifier, host: &HostPattern) -> bool {
    match (identifier, host) {
        (Identifier::Ip(address), host) => host.address() == Some(*address),
        (Identifier::Dns(name), HostPattern::Exact(own) | HostPattern::Wildcard(own)) => name.eq_ignore_ascii_case(own),
        _ => false,
    }
}

/// Makes what the CA is to look at.
pub(super) async fn make(
    acme: &Acme,
    handle: &ChallengeHandle<'_>,
    challenges: &Arc<Challenges>,
) -> Result<Proof, Complaint> {
    let authorization = handle.key_authorization();
    match acme.challenge {
        AcmeChallenge::Http01 => {
            Ok(Proof::Shown { _shown: challenges.show_file(&handle.token, authorization.as_str()) })
        }
        AcmeChallenge::TlsAlpn01 => {
            let identifier = handle.identifier().identifier;
            let certificate = certificate(identifier, &authorization)
                .map_err(|why| Complaint::own(format!("the certificate for tls-alpn-01 cannot be made: {why}")))?;
            let name = server_name(identifier);
            Ok(Proof::Shown { _shown: challenges.show_certificate(&name, Arc::new(certificate)) })
        }
        AcmeChallenge::Dns01 => make_record(acme, handle.identifier(), &authorization).await.map(Proof::Record),
        AcmeChallenge::DnsPersist01 => Ok(Proof::Persistent),
    }
}

const WILDCARD: &str = "; policy=wildcard";

/// The record that dns-persist-01 looks for, as it stands in a zone file. Without one of the CA's names it cannot be told whole.
pub(super) fn persistent_record(identifier: &AuthorizedIdentifier<'_>, issuers: &[String], account: &str) -> String {
    let domain = domain(identifier.identifier);
    let issuer = issuers.first().map_or("the CA's domain name", String::as_str);
    let policy = if identifier.wildcard { WILDCARD } else { "" };
    in_one_line(&format!("_validation-persist.{domain}. IN TXT \"{issuer}; accounturi={account}{policy}\""))
}

/// Leaves out records that another one of the same name makes needless: one with the policy for wildcards is also for the name itself.
pub(super) fn without_doubles(records: &mut Vec<String>) {
    let all = records.clone();
    records.retain(|record| {
        let with_policy = format!("{}{WILDCARD}\"", record.trim_end_matches('"'));
        !all.contains(&with_policy)
    });
}

async fn make_record(
    acme: &Acme,
    identifier: &AuthorizedIdentifier<'_>,
    authorization: &KeyAuthorization,
) -> Result<Record, Complaint> {
    let domain = domain(identifier.identifier);
    let (name, content) = (format!("_acme-challenge.{domain}"), authorization.dns_value());
    let variables = [("CERTBOT_DOMAIN", &*domain), ("CERTBOT_VALIDATION", &*content), ("WEIR_RECORD", &*name)];
    let output = program::run(&acme.dns_set, &variables, acme.dns_timeout).await.map_err(Complaint::own)?;
    Ok(Record { domain, name, content, output })
}

impl Record {
    /// Has it removed. One that stays harms nobody, so this only tells of it.
    pub(super) async fn remove(self, acme: &Acme) {
        if acme.dns_remove.is_empty() {
            return;
        }
        let variables = [
            ("CERTBOT_DOMAIN", &*self.domain),
            ("CERTBOT_VALIDATION", &*self.content),
            ("CERTBOT_AUTH_OUTPUT", &*self.output),
            ("WEIR_RECORD", &*self.name),
        ];
        if let Err(why) = program::run(&acme.dns_remove, &variables, acme.dns_timeout).await {
            log::warn!("the DNS record {} was not removed: {why}", self.name);
        }
    }
}

/// The name without what makes it a wildcard.
fn domain(identifier: &Identifier) -> String {
    identifier.authorized(false).to_string()
}

/// What a CA asks for in its handshake (RFC 8738 6: of an address the name of its reverse record).
fn server_name(identifier: &Identifier) -> String {
    match identifier {
        Identifier::Ip(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Identifier::Ip(IpAddr::V6(address)) => {
            let digits = address.octets().into_iter().rev().map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4));
            format!("{}ip6.arpa", digits.collect::<String>())
        }
        other => domain(other),
    }
}

/// The certificate of tls-alpn-01: it has the name, and the digest of what proves it (RFC 8737 3).
fn certificate(identifier: &Identifier, authorization: &KeyAuthorization) -> Result<CertifiedKey, String> {
    let text = |error: rcgen::Error| error.to_string();
    let key = KeyPair::generate().map_err(text)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = vec![match identifier {
        Identifier::Ip(address) => SanType::IpAddress(*address),
        other => SanType::DnsName(domain(other).try_into().map_err(text)?),
    }];
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(authorization.digest().as_ref())];
    let certificate = params.self_signed(&key).map_err(text)?;
    let private = PrivateKeyDer::try_from(key.serialize_der())?;
    let signing = any_supported_type(&private).map_err(|error| error.to_string())?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], signing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_asked_for_by_its_reverse_name() {
        for (address, name) in [
            ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
            ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
        ] {
            assert_eq!(server_name(&Identifier::Ip(address.parse().unwrap())), name);
        }
    }

    #[test]
    fn a_ca_may_ask_for_what_was_ordered_and_for_nothing_else() {
        let hosts = [HostPattern::Exact("esb.test".into()), HostPattern::Wildcard("all.test".into())];
        let is_ours = |identifier: &Identifier| hosts.iter().any(|host| is_for(identifier, host));
        for (name, ours) in
            [("esb.test", true), ("ESB.test", true), ("all.test", true), ("*.all.test", false), ("x; rm", false)]
        {
            assert_eq!(is_ours(&Identifier::Dns(name.to_owned())), ours, "{name}");
        }
        assert!(!is_ours(&Identifier::Ip("10.0.0.1".parse().unwrap())));
        let address = HostPattern::Exact("[2001:db8::1]".into());
        assert!(is_for(&Identifier::Ip("2001:db8::1".parse().unwrap()), &address));
    }

    #[test]
    fn the_record_to_make_once_is_told_whole() {
        let dns = Identifier::Dns("esb.test".to_owned());
        let issuers = ["ca.test".to_owned()];
        assert_eq!(
            persistent_record(&dns.authorized(true), &issuers, "https://ca.test/acct/7"),
            "_validation-persist.esb.test. IN TXT \"ca.test; accounturi=https://ca.test/acct/7; policy=wildcard\""
        );
        let record = |wildcard| persistent_record(&dns.authorized(wildcard), &issuers, "https://ca.test/acct/7");
        let mut records = vec![record(false), record(true)];
        without_doubles(&mut records);
        assert_eq!(records, [record(true)]);
    }
}
