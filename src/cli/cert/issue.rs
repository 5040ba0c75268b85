//! Makes keys and certificates in memory: X.509 v3, with names in the SAN and a random serial number. Touches no file.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::KeyType;
use crate::config::certificate::new_key;

/// What a new certificate is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CertificateRequest {
    /// Host names (a leading `*.` is allowed) and IP addresses. The first one is also the common name.
    pub(super) hosts: Vec<String>,
    /// The kind of its key.
    pub(super) key: KeyType,
    /// How long it is valid.
    pub(super) days: u32,
}

/// A new certificate and its key.
#[derive(Clone)]
pub(super) struct Made {
    /// The certificate in PEM, followed by its issuer's if there is one.
    pub(super) chain: String,
    /// The private key in PEM (PKCS#8).
    pub(super) key: String,
    /// Valid until, in seconds since 1970.
    pub(super) not_after: i64,
}

/// A CA that signs.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    chain: String,
    not_after: Option<SystemTime>,
}

impl CertificateRequest {
    /// Makes the key and signs the certificate with it, or with the authority.
    ///
    /// # Errors
    /// A text for the user: a name is no host name, or the authority's certificate is expired.
    pub(super) fn make(&self, authority: Option<&Authority>, now: SystemTime) -> Result<Made, String> {
        let key = new_key(self.key)?;
        let end = self.end(authority, now)?;
        let mut params = blank(self.hosts.first().map_or("", String::as_str), now, end)?;
        params.subject_alt_names = self.hosts.iter().map(|host| name(host)).collect::<Result<_, _>>()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if self.key != KeyType::EcdsaP256 {
            // TLS 1.2 without forward secrecy encrypts with the key itself; old Java clients ask for it.
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = authority.is_some();
        let (certificate, above) = match authority {
            Some(authority) => (params.signed_by(&key, &authority.issuer), authority.chain.as_str()),
            None => (params.self_signed(&key), ""),
        };
        let certificate = certificate.map_err(|error| format!("the certificate cannot be made: {error}"))?;
        let not_after = unix(end);
        Ok(Made { chain: certificate.pem() + above, key: key.serialize_pem(), not_after })
    }

    /// A certificate is valid no longer than its authority, because clients check both.
    fn end(&self, authority: Option<&Authority>, now: SystemTime) -> Result<SystemTime, String> {
        let end = now.checked_add(days(self.days) - SLACK - Duration::from_secs(1)).ok_or("too many days")?;
        let end = authority.and_then(|authority| authority.not_after).map_or(end, |last| end.min(last));
        if end <= now { Err("the CA's certificate is expired".into()) } else { Ok(end) }
    }
}

impl Authority {
    /// Makes a small CA that signs servers but no further CAs. Also returns what is to be written to its files.
    ///
    /// # Errors
    /// A text for the user, if the machine gives no random numbers.
    pub(super) fn make(key: KeyType, now: SystemTime) -> Result<(Self, Made), String> {
        let pair = new_key(key)?;
        let end = now.checked_add(days(CA_DAYS)).ok_or("too many days")?;
        let mut params = blank("", now, end)?;
        // Two CAs of one name would confuse clients that trust both.
        let mut tag = [0; 4];
        rand::fill(&mut tag).map_err(|_| NO_RANDOMNESS)?;
        params.distinguished_name.push(DnType::CommonName, format!("Weir CA {:08x}", u32::from_be_bytes(tag)));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&pair).map_err(|error| format!("the CA cannot be made: {error}"))?;
        let made = Made { chain: certificate.pem(), key: pair.serialize_pem(), not_after: unix(end) };
        let authority = Self { issuer: Issuer::new(params, pair), chain: made.chain.clone(), not_after: Some(end) };
        Ok((authority, made))
    }

    /// A CA that exists, from the text of its chain in PEM, its own certificate, its key, and the end of its validity.
    ///
    /// # Errors
    /// A text for the user, if the key cannot sign.
    pub(super) fn of(
        chain: &str,
        certificate: &CertificateDer<'_>,
        key: &PrivateKeyDer<'_>,
        not_after: Option<SystemTime>,
    ) -> Result<Self, String> {
        let key = KeyPair::try_from(key).map_err(|error| format!("the CA's key cannot be used: {error}"))?;
        let issuer = Issuer::from_ca_cert_der(certificate, key);
        let issuer = issuer.map_err(|error| format!("the CA's certificate cannot be used: {error}"))?;
        Ok(Self { issuer, chain: certificates_only(chain), not_after })
    }
}

/// Keeps only the certificates. A CA's file may also hold its key, which servers must never show.
fn certificates_only(text: &str) -> String {
    let mut inside = false;
    let kept = text.lines().map(str::trim_end).filter(|line| {
        let begins = *line == "-----BEGIN CERTIFICATE-----";
        let ends = *line == "-----END CERTIFICATE-----";
        let keep = inside || begins;
        inside = keep && !ends;
        keep
    });
    kept.flat_map(|line| [line, "\n"]).collect()
}

fn blank(common_name: &str, now: SystemTime, end: SystemTime) -> Result<CertificateParams, String> {
    let mut params = CertificateParams::default();
    let mut serial = [0; 16];
    rand::fill(&mut serial).map_err(|_| NO_RANDOMNESS)?;
    // RFC 5280 section 4.1.2.2: positive, and not zero.
    serial[0] = (serial[0] & 0x7f) | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = now.checked_sub(SLACK).unwrap_or(now).into();
    params.not_after = end.into();
    params.distinguished_name = DistinguishedName::new();
    // RFC 5280 appendix A.1: a common name has at most 64 characters. Clients use the SAN.
    if (1..=64).contains(&common_name.len()) {
        params.distinguished_name.push(DnType::CommonName, common_name);
    }
    Ok(params)
}

fn name(host: &str) -> Result<SanType, String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let name = host.try_into().map_err(|_| format!("{host} is not a host name"))?;
    Ok(SanType::DnsName(name))
}

fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}

fn unix(at: SystemTime) -> i64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

const NO_RANDOMNESS: &str = "this machine gives no random numbers";
/// Certificates begin this much earlier, because clients' clocks may be late.
const SLACK: Duration = Duration::from_secs(3600);
/// Ten years, because it is hard to replace a root that clients trust.
const CA_DAYS: u32 = 3650;
