//! Finds everything that is wrong with a chain and its key at once: names, dates, strength, order, and whether they
//! belong together.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustls::sign::SigningKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::asn1_rs::oid;
use x509_parser::certificate::X509Certificate;
use x509_parser::parse_x509_certificate;

use super::finding::Finding;
use super::key::{self, PublicKind};
use super::leaf::{Leaf, day, name_text};
use crate::config::HostPattern;

/// A parsed chain file, and the hosts it is for.
pub(super) struct Case<'a> {
    pub(super) file: &'a Path,
    pub(super) hosts: &'a [HostPattern],
    pub(super) now: i64,
    certificates: Vec<X509Certificate<'a>>,
}

impl<'a> Case<'a> {
    /// Parses every certificate. The findings name those that cannot be parsed.
    pub(super) fn open(
        file: &'a Path,
        hosts: &'a [HostPattern],
        now: i64,
        chain: &'a [CertificateDer<'_>],
    ) -> Result<Self, Vec<Finding>> {
        let (mut certificates, mut findings) = (Vec::new(), Vec::new());
        for (index, der) in chain.iter().enumerate() {
            match parse_x509_certificate(der) {
                Ok(([], certificate)) => certificates.push(certificate),
                _ => findings.push(Finding::fatal(
                    file,
                    format!("certificate {} of the file cannot be parsed", index + 1),
                    "copy the file again, whole, or ask the CA for it again",
                )),
            }
        }
        if findings.is_empty() { Ok(Self { file, hosts, now, certificates }) } else { Err(findings) }
    }

    pub(super) fn leaf(&self) -> Option<Leaf> {
        self.certificates.first().map(Leaf::of)
    }

    /// What is wrong with the chain alone.
    pub(super) fn chain_findings(&self) -> Vec<Finding> {
        let Some(first) = self.certificates.first() else { return Vec::new() };
        let leaf = Leaf::of(first);
        let mut findings: Vec<_> = self.strength(first).into_iter().collect();
        findings.extend(self.names(&leaf));
        findings.extend(self.dates(first, &leaf));
        findings.extend(self.order(first, &leaf));
        findings.extend(self.signatures());
        findings
    }

    /// What is wrong with the chain and its key together.
    pub(super) fn key_findings(
        &self,
        file: &Path,
        private: &PrivateKeyDer<'_>,
        signer: Option<&dyn SigningKey>,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(bits) = key::rsa_bits(private).filter(|bits| !RSA_BITS.contains(bits)) {
            findings.push(Finding::fatal(file, format!("the key is RSA of {bits} bits"), self.make_a_new_one()));
        }
        let fits: Vec<_> = self.certificates.iter().map(|c| key::belongs(private, signer, c.public_key())).collect();
        match fits.iter().position(|fit| *fit == Some(true)) {
            Some(0) => {}
            Some(at) => findings.push(self.not_first(at)),
            None if fits.contains(&None) => findings.push(Finding::fatal(
                file,
                "the private key cannot be used: it is damaged or of a kind that is not supported",
                "use ECDSA (P-256, P-384), Ed25519 or RSA of 2048 bits or more, in PEM",
            )),
            None => findings.push(Finding::fatal(
                file,
                format!("the key does not belong to the certificate {}", self.file.display()),
                "name the key that the certificate was requested with, or request the certificate anew with this key",
            )),
        }
        findings
    }

    /// Until when the first certificate can sign other certificates with this key.
    pub(super) fn authority(&self, file: &Path, private: &PrivateKeyDer<'_>) -> Result<i64, Finding> {
        if let Some(finding) = self.key_findings(file, private, key::signer(private).ok().as_deref()).into_iter().next()
        {
            return Err(finding);
        }
        match self.certificates.first() {
            Some(first) if !first.is_ca() => Err(Finding::fatal(
                self.file,
                "not a CA: its certificate must not sign others",
                "`weir cert create --ca` makes a small CA and signs with it",
            )),
            Some(first) if first.validity().not_after.timestamp() <= self.now => {
                let what = format!("the CA is expired since {}", day(first.validity().not_after.timestamp()));
                Err(Finding::fatal(self.file, what, "renew the CA first"))
            }
            Some(first) => Ok(first.validity().not_after.timestamp()),
            None => Err(Finding::fatal(self.file, "no certificate", "")),
        }
    }

    fn strength(&self, first: &X509Certificate<'_>) -> Option<Finding> {
        let what = match PublicKind::of(first.public_key()) {
            PublicKind::Rsa(bits) if bits < *RSA_BITS.start() => {
                format!("the certificate's key is RSA of {bits} bits: today's clients refuse less than 2048")
            }
            PublicKind::Rsa(bits) if bits > *RSA_BITS.end() => {
                format!("RSA of {bits} bits is not supported, 8192 is the most")
            }
            PublicKind::Unsupported(name) => format!("the certificate's key is of an unsupported kind: {name}"),
            _ => return None,
        };
        Some(Finding::fatal(self.file, what, self.make_a_new_one()))
    }

    fn names(&self, leaf: &Leaf) -> Vec<Finding> {
        if leaf.version < 3 {
            let what = format!(
                "an X.509 v{} certificate, which can name no hosts: `openssl x509 -req -signkey` without extensions makes these, \
                 and clients refuse them",
                leaf.version
            );
            return vec![Finding::fatal(self.file, what, self.make_a_new_one())];
        }
        if leaf.names.is_empty() {
            let what = format!(
                "the certificate has no subject alternative name: clients no longer look at its common name ({})",
                if leaf.common_name.is_empty() { "none" } else { &leaf.common_name }
            );
            return vec![Finding::fatal(self.file, what, self.make_a_new_one())];
        }
        let missing: Vec<_> = self.hosts.iter().filter(|host| !leaf.covers(host)).map(host_text).collect();
        if missing.is_empty() {
            return Vec::new();
        }
        let what = format!("the certificate does not cover {}; it is for {}", missing.join(", "), few(&leaf.names));
        vec![Finding::fatal(self.file, what, self.make_a_new_one())]
    }

    fn dates(&self, first: &X509Certificate<'_>, leaf: &Leaf) -> Vec<Finding> {
        let mut findings = Vec::new();
        // A warning and no error: when Weir starts at night with a certificate that expired yesterday, it still serves
        // clients that accept it.
        if self.now > leaf.not_after {
            let what = format!("EXPIRED since {}: clients refuse the certificate", day(leaf.not_after));
            findings.push(Finding::warning(self.file, what, "renew it now"));
        } else if leaf.not_after - self.now < soon(leaf) {
            let what =
                format!("the certificate expires on {}, in {}", day(leaf.not_after), left(leaf.not_after - self.now));
            findings.push(Finding::warning(self.file, what, "renew it"));
        }
        if self.now < leaf.not_before {
            let what = format!("NOT YET VALID before {}: clients refuse the certificate", day(leaf.not_before));
            findings.push(Finding::warning(self.file, what, "is this machine's clock right?"));
        }
        if leaf.not_after.saturating_sub(leaf.not_before) > 398 * DAY + 1 {
            let days = leaf.not_after.saturating_sub(leaf.not_before) / DAY;
            let what = format!("the certificate is valid for {days} days: some clients refuse more than 398");
            findings.push(Finding::warning(self.file, what, "`weir cert create` makes certificates of 398 days"));
        }
        if leaf.version >= 3 && first.is_ca() {
            let what = "the certificate says that it is a CA: strict clients refuse that in a server";
            findings.push(Finding::warning(self.file, what, self.make_a_new_one()));
        }
        findings.extend(self.later_dates());
        findings
    }

    fn later_dates(&self) -> impl Iterator<Item = Finding> {
        self.certificates.iter().enumerate().skip(1).filter(|(_, c)| self.now > c.validity().not_after.timestamp()).map(
            |(index, c)| {
                let since = day(c.validity().not_after.timestamp());
                let what = format!(
                    "certificate {} of the file ({}) is EXPIRED since {since}",
                    index + 1,
                    name_text(c.subject())
                );
                Finding::warning(self.file, what, "put the CA's present intermediate in its place")
            },
        )
    }

    fn order(&self, first: &X509Certificate<'_>, leaf: &Leaf) -> Option<Finding> {
        let issued_by_first = |c: &X509Certificate<'_>| {
            c.issuer().as_raw() == first.subject().as_raw() && c.subject().as_raw() != first.subject().as_raw()
        };
        if let Some(at) = self.certificates.iter().skip(1).position(issued_by_first) {
            return Some(self.not_first(at + 1));
        }
        if leaf.self_signed {
            let what = "the certificate is self-signed: clients refuse it unless they were told to trust it";
            return Some(Finding::warning(self.file, what, "have it signed by a CA that your clients know"));
        }
        let broken = self.certificates.windows(2).position(|pair| match pair {
            [one, next] => one.issuer().as_raw() != next.subject().as_raw(),
            _ => false,
        });
        if let Some(at) = broken {
            let what =
                format!("the chain is broken: certificate {} of the file did not issue certificate {}", at + 2, at + 1);
            return Some(Finding::warning(self.file, what, "put each certificate's issuer directly after it"));
        }
        if self.certificates.len() > 1 {
            return None;
        }
        let what = format!("the chain is incomplete: the issuer's certificate ({}) is not in the file", leaf.issuer);
        Some(Finding::warning(
            self.file,
            what,
            "append the CA's intermediate certificates, unless every client has this issuer as a root",
        ))
    }

    fn signatures(&self) -> Option<Finding> {
        let old = [
            (oid!(1.2.840.113549.1.1.5), "SHA-1"),
            (oid!(1.2.840.10045.4.1), "SHA-1"),
            (oid!(1.2.840.113549.1.1.4), "MD5"),
        ];
        // The signature of a root certificate is never checked.
        let signed = self
            .certificates
            .iter()
            .enumerate()
            .filter(|(at, c)| *at == 0 || c.issuer().as_raw() != c.subject().as_raw());
        signed.flat_map(|(at, c)| old.iter().map(move |(oid, name)| (at, c, oid, name))).find_map(
            |(at, c, oid, name)| {
                (c.signature_algorithm.algorithm == *oid).then(|| {
                    let what = format!(
                        "certificate {} of the file is signed with {name}: today's clients refuse that",
                        at + 1
                    );
                    Finding::warning(self.file, what, "have it issued again, with SHA-256")
                })
            },
        )
    }

    fn not_first(&self, at: usize) -> Finding {
        Finding::fatal(
            self.file,
            format!("the order is wrong: the site's certificate is number {} in the file", at + 1),
            "put the site's certificate first, then each one's issuer after it",
        )
    }

    /// The command that makes a new certificate and key. It replaces the steps in the guide.
    fn make_a_new_one(&self) -> String {
        let mut hosts: Vec<_> = self.hosts.iter().map(host_text).collect();
        if hosts.is_empty() {
            hosts.extend(
                self.leaf().map(|leaf| leaf.common_name).filter(|name| !name.is_empty() && !name.contains(' ')),
            );
        }
        let hosts = if hosts.is_empty() { "NAME".into() } else { hosts.join(" ") };
        let out = self.file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        format!("make a new pair: weir cert create --host {hosts} --out {}", out.display())
    }
}

/// Warns when others than the owner can read the key. Root may let the service's group read it (0640): a service with
/// its own user gets its key this way.
pub(super) fn permissions(file: &Path) -> Option<Finding> {
    let about = std::fs::metadata(file).ok()?;
    let mode = about.mode() & 0o777;
    let harmless = if about.uid() == 0 { 0o740 } else { 0o700 };
    (mode & !harmless != 0).then(|| {
        let what = format!("the key can be read or changed by more than its owner (mode {mode:04o})");
        Finding::warning(
            file,
            what,
            format!("chmod {} {}", if about.uid() == 0 { "640" } else { "600" }, file.display()),
        )
    })
}

/// A warning about a key in the file of the certificates, because that file can usually be read by everybody.
pub(super) fn key_beside(chain: &Path) -> Finding {
    Finding::warning(
        chain,
        "a private key lies in the same file as the certificates",
        "keep it in the key's file alone",
    )
}

fn host_text(host: &HostPattern) -> String {
    match host {
        HostPattern::Exact(name) => name.to_string(),
        HostPattern::Wildcard(parent) => format!("*.{parent}"),
    }
}

fn few(names: &[String]) -> String {
    let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 5 { format!("{shown} and {} more", names.len() - 5) } else { shown }
}

/// The sizes that current clients and the TLS library accept.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
const DAY: i64 = 86_400;
const EXPIRES_SOON: i64 = 21 * DAY;

/// How long before its end a certificate should have been renewed: a quarter of its life, and at most three weeks. What
/// renews certificates by itself does so after two thirds of their life.
fn soon(leaf: &Leaf) -> i64 {
    (leaf.not_after.saturating_sub(leaf.not_before) / 4).min(EXPIRES_SOON)
}

/// A time as a person says it.
fn left(seconds: i64) -> String {
    match seconds {
        ..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / DAY),
    }
}
