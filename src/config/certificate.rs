//! A site's certificate chain and private key: read, judged in words that an operator can act on, and stored.
//!
//! [`inspect`] reports everything that is wrong at once. It returns a [`Pair`] only if TLS can use it. No file content
//! makes it panic. It never writes files, and no message contains bytes of a key.

mod finding;
mod identity;
mod judge;
mod key;
mod leaf;
#[cfg(test)]
pub(crate) mod made;
mod new_key;
mod pem;
mod pin;
mod roots;
mod shipped;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use self::judge::Case;
use super::HostPattern;

pub use self::finding::Finding;
pub use self::identity::{Identity, ends};
pub use self::leaf::{Leaf, day, subject_of};
pub use self::new_key::new_key;
pub(crate) use self::pem::LARGEST_FILE;
pub use self::pem::revocation_lists;
pub use self::pin::{key_pin, key_pin_of, pin_of, pin_text};
pub use self::roots::{roots, system_roots};
pub use self::shipped::shipped_with;

/// A chain and its key, which TLS can use.
#[derive(Clone)]
pub struct Pair {
    /// The chain, with the site's certificate first, and its signing key.
    pub certified: Arc<CertifiedKey>,
    /// The private key, to recognize that it has not changed.
    pub key: Arc<PrivateKeyDer<'static>>,
    /// The content of the site's certificate.
    pub leaf: Leaf,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("certificates", &self.certified.cert.len())
            .field("leaf", &self.leaf)
            .finish_non_exhaustive()
    }
}

/// The result of [`inspect`].
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Present exactly when no finding is fatal.
    pub pair: Option<Pair>,
    /// The content of the certificate if it could be read, even if it cannot be used.
    pub leaf: Option<Leaf>,
    /// Everything that is wrong or worth a warning. Fatal findings come first.
    pub findings: Vec<Finding>,
}

/// Reads a chain and a key and reports everything that is wrong with each of them, with both together, and for these
/// hosts. `before` is what the files had the last time; parts that did not change are reused.
pub fn inspect(chain: &Path, key: &Path, hosts: &[HostPattern], now: SystemTime, before: Option<&Pair>) -> Inspection {
    let mut seen = Inspection { pair: None, leaf: None, findings: Vec::new() };
    let certificates = seen.keep(pem::certificates(chain, "certificate"));
    let private = seen.keep(pem::private_key(key));
    if private.is_some() {
        seen.findings.extend(judge::permissions(key));
    }
    if chain != key && pem::holds_key(chain) && certificates.is_some() {
        seen.findings.push(judge::key_beside(chain));
    }
    if let Some(certificates) = certificates {
        let private = private.map(|private| Private::of(key, private, before));
        seen.judge(chain, &certificates, private.as_ref(), hosts, now);
        seen.pair = seen.usable(chain, certificates, private, before);
    }
    seen.sorted()
}

/// A private key and its signing key.
struct Private<'a> {
    file: &'a Path,
    der: PrivateKeyDer<'static>,
    signer: Result<Arc<dyn SigningKey>, Error>,
}

impl<'a> Private<'a> {
    fn of(file: &'a Path, der: PrivateKeyDer<'static>, before: Option<&Pair>) -> Self {
        let same = before.filter(|before| before.key.secret_der() == der.secret_der());
        let signer = same.map_or_else(|| key::signer(&der), |same| Ok(Arc::clone(&same.certified.key)));
        Self { file, der, signer }
    }
}

/// The same for a chain without its key. The result never has a pair.
pub fn inspect_chain(chain: &Path, hosts: &[HostPattern], now: SystemTime) -> Inspection {
    let mut seen = Inspection { pair: None, leaf: None, findings: Vec::new() };
    if let Some(certificates) = seen.keep(pem::certificates(chain, "certificate")) {
        seen.judge(chain, &certificates, None, hosts, now);
    }
    seen.sorted()
}

/// The same for a chain that a server has shown. `file` is where it should be from.
pub fn inspect_shown(file: &Path, shown: &[CertificateDer<'_>], hosts: &[HostPattern], now: SystemTime) -> Inspection {
    let mut seen = Inspection { pair: None, leaf: None, findings: Vec::new() };
    seen.judge(file, shown, None, hosts, now);
    seen.sorted()
}

/// The certificate (first in its chain) and the key of a CA that can sign other certificates, and until when (seconds
/// since 1970).
///
/// # Errors
/// The first thing that stands against it.
pub fn authority(
    chain: &Path,
    key: &Path,
    now: SystemTime,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, i64), Finding> {
    let certificates = pem::certificates(chain, "CA certificate")?;
    let private = pem::private_key(key)?;
    let case = Case::open(chain, &[], unix(now), &certificates).map_err(|findings| {
        findings.into_iter().next().unwrap_or_else(|| Finding::fatal(chain, "cannot be parsed", ""))
    })?;
    let not_after = case.authority(key, &private)?;
    drop(case);
    Ok((certificates, private, not_after))
}

impl Inspection {
    fn judge(
        &mut self,
        chain: &Path,
        certificates: &[CertificateDer<'_>],
        key: Option<&Private<'_>>,
        hosts: &[HostPattern],
        now: SystemTime,
    ) {
        let case = match Case::open(chain, hosts, unix(now), certificates) {
            Ok(case) => case,
            Err(findings) => return self.findings.extend(findings),
        };
        self.leaf = case.leaf();
        let mut found = case.chain_findings();
        if let Some(key) = key {
            found.extend(case.key_findings(key.file, &key.der, key.signer.as_deref().ok()));
        }
        // Both the issuers and the key show a wrong order. It is reported once.
        found.into_iter().for_each(|finding| {
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        });
    }

    /// The pair, if TLS accepts it.
    fn usable(
        &mut self,
        file: &Path,
        chain: Vec<CertificateDer<'static>>,
        key: Option<Private<'_>>,
        before: Option<&Pair>,
    ) -> Option<Pair> {
        let (key, leaf) = (key?, self.leaf.clone()?);
        if self.findings.iter().any(|finding| finding.fatal) {
            return None;
        }
        match key.signer.and_then(|signer| certified(chain, signer, before)) {
            Ok(certified) => Some(Pair { certified, key: Arc::new(key.der), leaf }),
            Err(error) => {
                let what = format!("the pair cannot be used for TLS: {error}");
                self.findings.push(Finding::fatal(
                    file,
                    what,
                    "make a new pair: weir cert create --host NAME --out DIR",
                ));
                None
            }
        }
    }

    fn keep<T>(&mut self, read: Result<T, Finding>) -> Option<T> {
        read.map_err(|finding| self.findings.push(finding)).ok()
    }

    fn sorted(mut self) -> Self {
        self.findings.sort_by_key(|finding| !finding.fatal);
        self
    }
}

/// The chain and its key as TLS needs them. They are taken from `before` if they have not changed.
fn certified(
    chain: Vec<CertificateDer<'static>>,
    signer: Arc<dyn SigningKey>,
    before: Option<&Pair>,
) -> Result<Arc<CertifiedKey>, Error> {
    let same = before.filter(|before| Arc::ptr_eq(&before.certified.key, &signer) && before.certified.cert == chain);
    if let Some(same) = same {
        return Ok(Arc::clone(&same.certified));
    }
    let certified = CertifiedKey::new(chain, signer);
    match certified.keys_match() {
        // Some keys do not tell their public half. They were compared before this, or cannot be compared.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Arc::new(certified)),
        Err(error) => Err(error),
    }
}

fn unix(now: SystemTime) -> i64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::time::Duration;

    use rustls_pki_types::pem::PemObject;

    use super::made::{Room, signed_by, simple, with_dates};
    use super::*;

    const HOST: &str = "esb.wso2.com";

    #[test]
    fn a_sound_pair_is_taken_whatever_its_key() {
        let room = Room::new();
        let keys = [
            ("ECDSA P-256", vec!["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
            ("ECDSA P-384", vec!["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
            ("ECDSA P-521", vec!["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
            ("RSA 2048", vec!["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
            ("RSA 3072", vec!["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"]),
            ("Ed25519", vec!["-algorithm", "ED25519"]),
        ];
        for (kind, options) in keys {
            if !room.openssl(&[&["genpkey", "-out", "a.key"], options.as_slice()].concat()) || !sign(&room) {
                return;
            }
            let seen = room.inspect("a.crt", "a.key", &[HOST]);
            assert_eq!(seen.pair.map(|pair| pair.leaf.key).as_deref(), Some(kind), "{:?}", seen.findings);
        }
    }

    #[test]
    fn what_did_not_change_is_not_made_again() {
        let room = Room::new();
        let ((good, key), (_, other_key)) = (simple(&[HOST]), simple(&[HOST]));
        let hosts = [HostPattern::Exact(HOST.into())];
        let inspect = |before: Option<&Pair>| {
            inspect(&room.path("a.crt"), &room.path("a.key"), &hosts, SystemTime::now(), before)
        };
        room.write("a.crt", good.as_bytes());
        room.write("a.key", key.as_bytes());
        let first = inspect(None).pair.unwrap();
        assert!(!Arc::ptr_eq(&first.certified, &inspect(None).pair.unwrap().certified), "nothing was known");
        assert!(Arc::ptr_eq(&first.certified, &inspect(Some(&first)).pair.unwrap().certified));

        // Another chain with the same key: the signing key is reused.
        room.write("a.crt", format!("{good}{good}").as_bytes());
        let longer = inspect(Some(&first)).pair.unwrap().certified;
        assert_eq!(longer.cert.len(), 2);
        assert!(Arc::ptr_eq(&first.certified.key, &longer.key));

        // Another key is read anew, and does not belong to the certificate.
        room.write("a.key", other_key.as_bytes());
        assert!(inspect(Some(&first)).says(true, "the key does not belong"));
    }

    #[test]
    fn older_key_formats_are_taken_too() {
        let room = Room::new();
        for recipe in [
            vec!["genrsa", "-traditional", "-out", "a.key", "2048"],
            // This command writes EC PARAMETERS before the key.
            vec!["ecparam", "-name", "prime256v1", "-genkey", "-out", "a.key"],
        ] {
            if !room.openssl(&recipe) || !sign(&room) {
                return;
            }
            let seen = room.inspect("a.crt", "a.key", &[HOST]);
            assert!(seen.pair.is_some(), "{recipe:?}: {:?}", seen.findings);
        }
    }

    #[test]
    fn what_the_guide_s_recipe_makes_is_refused_with_the_explanation() {
        let room = Room::new();
        let password = ["-passout", "pass:wso2carbon"];
        if !room.openssl(&[&["genrsa", "-des3"], &password[..], &["-out", "server.key", "1024"]].concat()) {
            return;
        }
        let from = ["-passin", "pass:wso2carbon"];
        room.openssl(
            &[&["req", "-new", "-key", "server.key", "-out", "server.csr", "-subj", "/CN=esb.wso2.com"], &from[..]]
                .concat(),
        );
        room.openssl(&[&["rsa", "-in", "server.key", "-out", "plain.key"], &from[..]].concat());
        room.openssl(
            &[&["rsa", "-traditional", "-des3", "-in", "plain.key", "-out", "old.key"], &password[..]].concat(),
        );
        room.openssl(&[
            "x509",
            "-req",
            "-days",
            "365",
            "-in",
            "server.csr",
            "-signkey",
            "plain.key",
            "-out",
            "server.crt",
        ]);

        for encrypted in ["server.key", "old.key"] {
            let seen = room.inspect("server.crt", encrypted, &[HOST]);
            assert!(seen.says(true, "the private key is encrypted"), "{encrypted}: {:?}", seen.findings);
            assert!(seen.findings.iter().any(|finding| finding.advice.contains("openssl pkey -in")), "{encrypted}");
        }
        let seen = room.inspect("server.crt", "plain.key", &[HOST]);
        assert!(seen.pair.is_none());
        assert!(seen.says(true, "an X.509 v1 certificate"), "{:?}", seen.findings);
        assert!(seen.says(true, "the certificate's key is RSA of 1024 bits"), "{:?}", seen.findings);
        assert!(seen.says(true, "the key is RSA of 1024 bits"), "{:?}", seen.findings);
        assert!(!seen.says(true, "does not belong"), "{:?}", seen.findings);
        let advice = format!("weir cert create --host esb.wso2.com --out {}", room.path("").display());
        assert!(
            seen.findings.iter().any(|finding| finding.advice.contains(advice.trim_end_matches('/'))),
            "{:?}",
            seen.findings
        );
    }

    #[test]
    fn each_thing_that_makes_a_pair_useless_is_named() {
        let room = Room::new();
        let (good, key) = simple(&[HOST]);
        let (other, other_key) = simple(&["mgt.esb.wso2.com"]);
        let (no_san, no_san_key) = simple(&[]);
        let (ca, leaf, leaf_key) = signed_by(&[HOST]);
        let der = Vec::from(CertificateDer::from_pem_slice(good.as_bytes()).unwrap().as_ref());
        let key_der = Vec::from(PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap().secret_der());
        let cases: Vec<(&str, Vec<u8>, Vec<u8>)> = vec![
            ("the file is empty", b" \n".into(), key.clone().into()),
            ("no PEM", b"hello".into(), key.clone().into()),
            ("a certificate in DER, not PEM", der, key.clone().into()),
            ("a private key in DER, not PEM", good.clone().into(), key_der),
            ("a Java keystore (JKS)", b"\xfe\xed\xfe\xed\0\0\0\x02".into(), key.clone().into()),
            ("a Java keystore (JKS)", good.clone().into(), b"\xfe\xed\xfe\xed\0\0\0\x02".into()),
            ("a private key, and no certificate", key.clone().into(), good.clone().into()),
            ("a certificate, and no private key", key.clone().into(), good.clone().into()),
            ("the file is cut off", good.clone().into_bytes()[..200].into(), key.clone().into()),
            ("something other than base64", good.replace('M', "*").into(), key.clone().into()),
            ("the file holds 2 private keys", good.clone().into(), format!("{key}{other_key}").into()),
            ("the key does not belong", good.clone().into(), other_key.clone().into()),
            ("does not cover esb.wso2.com; it is for mgt.esb.wso2.com", other.into(), other_key.into()),
            ("no subject alternative name", no_san.into(), no_san_key.into()),
            ("the site's certificate is number 2", format!("{ca}{leaf}").into(), leaf_key.into()),
            ("the site's certificate is number 2", format!("{ca}{good}").into(), key.clone().into()),
            ("certificate 1 of the file cannot be parsed", pem_of("CERTIFICATE", "AAAA").into(), key.clone().into()),
            ("a certificate request", pem_of("CERTIFICATE REQUEST", "AAAA").into(), key.clone().into()),
            ("a PKCS#7 bundle", pem_of("PKCS7", "AAAA").into(), key.clone().into()),
            ("OPENSSH PRIVATE KEY", good.clone().into(), pem_of("OPENSSH PRIVATE KEY", "AAAA").into()),
            ("the private key cannot be used", good.clone().into(), pem_of("PRIVATE KEY", "AAAA").into()),
        ];
        for (what, chain, key) in cases {
            room.write("a.crt", &chain);
            room.write("a.key", &key);
            let seen = room.inspect("a.crt", "a.key", &[HOST]);
            assert!(seen.says(true, what), "{what}: {:?}", seen.findings);
            assert!(seen.pair.is_none(), "{what}");
        }
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let room = Room::new();
        let (good, key) = simple(&[HOST]);
        room.write("a.crt", good.as_bytes());
        room.write("a.key", key.as_bytes());
        room.write("large.crt", &vec![b'-'; 5 << 20]);
        fs::create_dir(room.path("dir")).unwrap();
        let fifo =
            std::process::Command::new("mkfifo").arg(room.path("fifo")).status().is_ok_and(|status| status.success());
        assert!(fifo, "mkfifo is part of every Debian");
        let cases = [
            ("no.crt", "a.key", "no such file"),
            ("no/where.crt", "a.key", "its directory does not exist"),
            ("a.crt", "no.key", "no such file"),
            ("dir", "a.key", "this is a directory, not a file"),
            ("a.crt", "fifo", "this is a pipe, not a file"),
            ("large.crt", "a.key", "larger than 4 MiB"),
        ];
        for (chain, key, what) in cases {
            let seen = room.inspect(chain, key, &[HOST]);
            assert!(seen.says(true, what), "{what}: {:?}", seen.findings);
        }
        let seen = room.inspect("no.crt", "no.key", &[HOST]);
        assert_eq!(seen.findings.len(), 2, "both files are reported: {:?}", seen.findings);
    }

    #[test]
    fn a_list_of_revoked_certificates_may_be_larger_than_any_certificate() {
        let room = Room::new();
        // A list of one entry, and so much before it that people may read.
        let list = b"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
        room.write("large.crl", &[vec![b'#'; 20 << 20], b"\n".to_vec(), list.to_vec()].concat());
        assert_eq!(revocation_lists(&room.path("large.crl")).unwrap().len(), 1);
        fs::File::create(room.path("endless.crl")).unwrap().set_len((64 << 20) + 1).unwrap();
        let refused = revocation_lists(&room.path("endless.crl")).unwrap_err();
        assert!(refused.what.contains("larger than 64 MiB"), "{refused:?}");
    }

    #[test]
    fn what_works_but_should_be_known_is_a_warning() {
        let room = Room::new();
        let now = SystemTime::now();
        let day = Duration::from_secs(86_400);
        let (ca, leaf, leaf_key) = signed_by(&[HOST]);
        let (other_ca, ..) = signed_by(&[HOST]);
        let dated = |from, to| with_dates(&[HOST], from, to);
        let (good, good_key) = simple(&[HOST]);
        let cases = [
            ("EXPIRED since", dated(now - 100 * day, now - day)),
            ("NOT YET VALID", dated(now + day, now + 100 * day)),
            ("in 20 days", dated(now - 100 * day, now + 20 * day + day / 24)),
            ("in 10 days", dated(now - 37 * day, now + 10 * day + day / 24)),
            ("in 36 hours", dated(now - 6 * day, now + day + day * 25 / 48)),
            ("valid for 400 days", dated(now - day, now + 399 * day)),
            ("self-signed", (good.clone(), good_key.clone())),
            ("a private key lies in the same file", (format!("{good}{good_key}"), good_key)),
            ("the chain is incomplete", (leaf.clone(), leaf_key.clone())),
            ("the chain is broken", (format!("{leaf}{other_ca}"), leaf_key.clone())),
        ];
        for (what, (chain, key)) in cases {
            room.write("a.crt", chain.as_bytes());
            room.write("a.key", key.as_bytes());
            let seen = room.inspect("a.crt", "a.key", &[HOST]);
            assert!(seen.says(false, what), "{what}: {:?}", seen.findings);
            assert!(seen.pair.is_some(), "{what}: {:?}", seen.findings);
        }
        room.write("a.crt", format!("{leaf}{ca}").as_bytes());
        room.write("a.key", leaf_key.as_bytes());
        let seen = room.inspect("a.crt", "a.key", &[HOST]);
        assert!(seen.findings.is_empty(), "a whole chain deserves no word: {:?}", seen.findings);
    }

    #[test]
    fn a_ca_s_own_certificate_and_old_signatures_are_warned_of() {
        let room = Room::new();
        let (subject, san) = (format!("/CN={HOST}"), format!("subjectAltName=DNS:{HOST}"));
        let common = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "a.key", "-out", "a.crt", "-sha1"];
        if !room.openssl(&[&common[..], &["-subj", &subject, "-addext", &san]].concat()) {
            return;
        }
        room.mode("a.key", 0o600);
        let seen = room.inspect("a.crt", "a.key", &[HOST]);
        assert!(seen.pair.is_some(), "{:?}", seen.findings);
        assert!(seen.says(false, "says that it is a CA"), "{:?}", seen.findings);
        assert!(seen.says(false, "signed with SHA-1"), "{:?}", seen.findings);
    }

    #[test]
    fn a_key_that_others_can_read_is_warned_of() {
        let room = Room::new();
        let (good, key) = simple(&[HOST]);
        room.write("a.crt", good.as_bytes());
        room.write("a.key", key.as_bytes());
        let by_root = fs::metadata(room.path("a.key")).unwrap().uid() == 0;
        for (mode, warned) in [(0o600, false), (0o400, false), (0o640, !by_root), (0o660, true), (0o644, true)] {
            room.mode("a.key", mode);
            let seen = room.inspect("a.crt", "a.key", &[HOST]);
            assert_eq!(seen.says(false, "by more than its owner"), warned, "{mode:o}: {:?}", seen.findings);
        }
    }

    #[test]
    fn unsupported_kinds_of_keys_are_named() {
        let room = Room::new();
        for (options, kind) in [
            (
                vec!["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
                "unsupported kind: ECDSA on the curve 1.3.132.0.10",
            ),
            (vec!["-algorithm", "ED448"], "unsupported kind: Ed448"),
        ] {
            if !room.openssl(&[&["genpkey", "-out", "a.key"], options.as_slice()].concat()) || !sign(&room) {
                return;
            }
            let seen = room.inspect("a.crt", "a.key", &[HOST]);
            assert!(seen.says(true, kind), "{kind}: {:?}", seen.findings);
            assert!(!seen.says(true, "does not belong"), "{kind}: {:?}", seen.findings);
        }
    }

    #[test]
    fn a_pkcs12_keystore_is_recognised() {
        let room = Room::new();
        let (good, key) = simple(&[HOST]);
        room.write("a.crt", good.as_bytes());
        room.write("a.key", key.as_bytes());
        if !room.openssl(&[
            "pkcs12",
            "-export",
            "-in",
            "a.crt",
            "-inkey",
            "a.key",
            "-out",
            "a.p12",
            "-passout",
            "pass:wso2carbon",
        ]) {
            return;
        }
        let seen = room.inspect("a.p12", "a.p12", &[HOST]);
        assert!(seen.findings.iter().all(|finding| finding.what.contains("a PKCS#12 keystore")), "{:?}", seen.findings);
    }

    #[test]
    fn no_damage_to_a_file_panics() {
        let room = Room::new();
        let (ca, leaf, key) = signed_by(&[HOST]);
        let files = [("a.crt", format!("{leaf}{ca}")), ("a.key", key)];
        files.iter().for_each(|(name, text)| room.write(name, text.as_bytes()));
        for (name, text) in &files {
            for damaged in made::damages(text.as_bytes(), 150) {
                room.write(name, &damaged);
                let seen = room.inspect("a.crt", "a.key", &[HOST]);
                assert_eq!(
                    seen.pair.is_none(),
                    seen.findings.iter().any(|finding| finding.fatal),
                    "{:?}",
                    seen.findings
                );
            }
            room.write(name, text.as_bytes());
        }
    }

    #[test]
    fn no_damage_to_a_certificate_panics() {
        let (_, leaf, key) = signed_by(&[HOST, "10.0.0.1"]);
        let der = CertificateDer::from_pem_slice(leaf.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let signer = key::signer(&key);
        let hosts = [HostPattern::Exact(HOST.into())];
        for damaged in made::damages(&der, 1500) {
            let chain = [CertificateDer::from(damaged)];
            let Ok(case) = Case::open(Path::new("a.crt"), &hosts, 0, &chain) else { continue };
            let said = (
                case.chain_findings(),
                case.key_findings(Path::new("a.key"), &key, signer.as_deref().ok()),
                Leaf::read(&chain[0]),
            );
            assert!(said.2.is_some());
        }
    }

    #[test]
    fn roots_are_a_bundle_of_cas_and_a_bad_one_is_named() {
        let room = Room::new();
        let (ca, ..) = signed_by(&[HOST]);
        let (other, ..) = signed_by(&[HOST]);
        room.write("two.pem", format!("{ca}{other}").as_bytes());
        room.write("bad.pem", format!("{ca}{}", pem_of("CERTIFICATE", "AAAA")).as_bytes());
        assert_eq!(roots(&room.path("two.pem")).map(|roots| roots.len()), Ok(2));
        let bad = roots(&room.path("bad.pem")).unwrap_err();
        assert!(
            bad.what.starts_with("certificate 2 of the file (unreadable) cannot be a trust anchor"),
            "{}",
            bad.what
        );
    }

    #[test]
    fn no_message_shows_a_key() {
        let room = Room::new();
        let (good, key) = simple(&[HOST]);
        room.write("a.crt", good.as_bytes());
        room.write("a.key", key.as_bytes());
        let seen = room.inspect("a.crt", "a.key", &[HOST]);
        let pair = seen.pair.as_ref().unwrap();
        let bytes = format!("{:?}", pair.key.secret_der());
        assert!(!format!("{seen:?}").contains(bytes.trim_matches(['[', ']'])));
    }

    /// Makes a.crt for a.key, with a SAN.
    fn sign(room: &Room) -> bool {
        room.mode("a.key", 0o600);
        room.openssl(&[
            "req",
            "-x509",
            "-key",
            "a.key",
            "-out",
            "a.crt",
            "-subj",
            "/CN=esb.wso2.com",
            "-days",
            "90",
            "-addext",
            "subjectAltName=DNS:esb.wso2.com",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
    }

    fn pem_of(label: &str, base64: &str) -> String {
        format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
    }

    impl Inspection {
        fn says(&self, fatal: bool, what: &str) -> bool {
            self.findings.iter().any(|finding| finding.fatal == fatal && finding.what.contains(what))
        }
    }

    impl Room {
        fn inspect(&self, chain: &str, key: &str, hosts: &[&str]) -> Inspection {
            let hosts: Vec<_> = hosts.iter().map(|host| HostPattern::Exact((*host).into())).collect();
            inspect(&self.path(chain), &self.path(key), &hosts, SystemTime::now(), None)
        }

        fn mode(&self, name: &str, mode: u32) {
            fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        }
    }
}
