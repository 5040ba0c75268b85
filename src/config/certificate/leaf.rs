//! The content of a certificate as plain values. Control characters are removed from its texts.

use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::x509::X509Name;

use super::key::PublicKind;
use crate::config::HostPattern;

/// The content of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its subject alternative names: DNS names in lower case, and IP addresses.
    pub names: Vec<String>,
    /// The CN of its subject. Empty when there is none.
    pub common_name: String,
    /// Valid from, in seconds since 1970.
    pub not_before: i64,
    /// Valid until, in seconds since 1970.
    pub not_after: i64,
    /// The kind of its key: "ECDSA P-256", "RSA 2048".
    pub key: String,
    /// The X.509 version. All current certificates have version 3.
    pub version: u8,
    /// Its issuer's name.
    pub issuer: String,
    /// Issuer and subject are the same.
    pub self_signed: bool,
    /// It says that it may sign others (RFC 5280 4.2.1.9).
    pub is_authority: bool,
}

impl Leaf {
    /// The content of a certificate. `None` when the bytes are no certificate.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = parse_x509_certificate(der).ok()?;
        Some(Self::of(&certificate))
    }

    /// Whether a client that asks for this host accepts the certificate's names (RFC 6125: a wildcard stands for one
    /// label).
    pub fn covers(&self, host: &HostPattern) -> bool {
        match host {
            HostPattern::Exact(name) => match host.address() {
                Some(address) => self.names.iter().any(|name| name.parse() == Ok(address)),
                None => self.names.iter().any(|own| covers_name(own, &name.to_ascii_lowercase())),
            },
            HostPattern::Wildcard(parent) => {
                let parent = parent.to_ascii_lowercase();
                self.names.iter().any(|name| name.strip_prefix("*.") == Some(&parent))
            }
        }
    }

    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        Self {
            names: alternative_names(certificate),
            common_name: common_name(certificate.subject()),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            key: PublicKind::of(certificate.public_key()).words(),
            version: u8::try_from(certificate.version().0.saturating_add(1)).unwrap_or(u8::MAX),
            issuer: name_text(certificate.issuer()),
            self_signed: certificate.issuer().as_raw() == certificate.subject().as_raw(),
            is_authority: certificate.is_ca(),
        }
    }
}

/// The date of a time, as `2017-06-19` (UTC).
pub fn day(unix: i64) -> String {
    // Converts days to a civil date. The year is counted from March, so that the leap day is its last day.
    let days = unix.div_euclid(86_400).saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The certificate's subject as text.
pub fn subject_of(der: &[u8]) -> Option<String> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    Some(name_text(certificate.subject()))
}

/// A distinguished name as text that is safe to print.
pub(super) fn name_text(name: &X509Name<'_>) -> String {
    clean(&name.to_string())
}

fn covers_name(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => name == host,
    }
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    extension.value.general_names.iter().filter_map(alternative_name).collect()
}

fn alternative_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(clean(name).to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

fn common_name(subject: &X509Name<'_>) -> String {
    subject.iter_common_name().next().and_then(|name| name.as_str().ok()).map(clean).unwrap_or_default()
}

fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (1_497_830_400, "2017-06-19"),
            (4_102_444_799, "2099-12-31"),
            (253_402_300_799, "9999-12-31"),
        ];
        for (unix, expected) in cases {
            assert_eq!(day(unix), expected, "{unix}");
        }
    }

    #[test]
    fn names_cover_hosts_as_clients_see_it() {
        let exact = |host: &str| HostPattern::Exact(host.into());
        let wildcard = |parent: &str| HostPattern::Wildcard(parent.into());
        let cases = [
            ("esb.wso2.com", exact("esb.wso2.com"), true),
            ("esb.wso2.com", exact("ESB.wso2.com"), true),
            ("esb.wso2.com", exact("mgt.esb.wso2.com"), false),
            ("*.wso2.com", exact("esb.wso2.com"), true),
            ("*.wso2.com", exact("mgt.esb.wso2.com"), false),
            ("*.wso2.com", exact("wso2.com"), false),
            ("*.wso2.com", wildcard("wso2.com"), true),
            ("esb.wso2.com", wildcard("wso2.com"), false),
            ("10.0.0.1", exact("10.0.0.1"), true),
            ("2001:db8::1", exact("[2001:db8:0::1]"), true),
            ("10.0.0.1", exact("10.0.0.2"), false),
        ];
        for (name, host, expected) in cases {
            let leaf = Leaf { names: vec![name.into()], ..empty() };
            assert_eq!(leaf.covers(&host), expected, "{name} for {host:?}");
        }
        assert!(!empty().covers(&exact("esb.wso2.com")));
    }

    fn empty() -> Leaf {
        Leaf {
            names: Vec::new(),
            common_name: "esb.wso2.com".into(),
            not_before: 0,
            not_after: 0,
            key: String::new(),
            version: 3,
            issuer: String::new(),
            self_signed: false,
            is_authority: false,
        }
    }
}
