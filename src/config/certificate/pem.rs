//! Reads certificates or one private key from a file. If the file has something else, the error says what.
//!
//! Only regular files of a limited size are read, so that a FIFO or a device cannot block a reload.

use std::io::{self, ErrorKind};
use std::path::Path;

use rustls_pki_types::pem::{Error, PemObject};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::parse_x509_certificate;

use super::finding::Finding;
use crate::config::regular;

/// Every certificate of the file, in order, at least one. `wanted` names them in error texts.
pub(super) fn certificates(file: &Path, wanted: &str) -> Result<Vec<CertificateDer<'static>>, Finding> {
    let text = read(file, wanted, LARGEST_FILE)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| damaged(file, &error))?;
    if found.is_empty() { Err(no_certificate(file, wanted, &text)) } else { Ok(found) }
}

/// Every list of revoked certificates of the file, at least one. What is in them is not looked at.
///
/// # Errors
/// The finding names the file.
pub fn revocation_lists(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, Finding> {
    let text = read(file, "list of revoked certificates", LARGEST_LIST)?;
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| damaged(file, &error))?;
    if found.is_empty() {
        let advice = "a list in DER becomes one with `openssl crl -inform DER -in FILE -out FILE.pem`";
        return Err(Finding::fatal(file, "the file holds no list of revoked certificates in PEM", advice));
    }
    Ok(found)
}

/// The private key of the file. A file with several keys is refused, because it is not clear which one to use.
pub(super) fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Finding> {
    let text = read(file, "private key", LARGEST_FILE)?;
    let labels: Vec<_> = labels(&text).into_iter().filter(|label| label.ends_with("PRIVATE KEY")).collect();
    match labels.as_slice() {
        [] => Err(no_key(file, &text)),
        [label] => one_key(file, &text, label),
        several => Err(Finding::fatal(
            file,
            format!("the file holds {} private keys", several.len()),
            "keep the one that belongs to the certificate, each key in a file of its own",
        )),
    }
}

/// Whether the file has a private key in addition to its certificates.
pub(super) fn holds_key(file: &Path) -> bool {
    read(file, "certificate", LARGEST_FILE)
        .is_ok_and(|text| labels(&text).iter().any(|label| label.ends_with("PRIVATE KEY")))
}

fn one_key(file: &Path, text: &[u8], label: &str) -> Result<PrivateKeyDer<'static>, Finding> {
    // RFC 1421 section 4.6.1.1: this is what `openssl genrsa -des3` wrote before OpenSSL 3. OpenSSL 3 writes PKCS#8.
    let old_style = text.split(|&byte| byte == b'\n').any(|line| line.starts_with(b"Proc-Type: 4,ENCRYPTED"));
    if label == "ENCRYPTED PRIVATE KEY" || old_style {
        return Err(encrypted(file));
    }
    if !["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"].contains(&label) {
        return Err(Finding::fatal(
            file,
            format!("a key of the kind \"{label}\" is not supported"),
            "use ECDSA (P-256, P-384), Ed25519 or RSA of 2048 bits or more, in PEM",
        ));
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| damaged(file, &error))
}

fn read(file: &Path, wanted: &str, most: u64) -> Result<Vec<u8>, Finding> {
    let text = regular::read(file, most).map_err(|error| unreadable(file, wanted, &error))?;
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(Finding::fatal(file, "the file is empty", format!("it must hold a {wanted} in PEM")));
    }
    // Windows editors write a byte order mark before the first line.
    Ok(text.strip_prefix(b"\xef\xbb\xbf").map_or_else(|| text.clone(), <[u8]>::to_vec))
}

fn unreadable(file: &Path, wanted: &str, error: &io::Error) -> Finding {
    let name = file.display();
    let orphan = || file.parent().is_some_and(|dir| !dir.as_os_str().is_empty() && !dir.exists());
    let relative = "a relative path in a configuration starts at the file that names it";
    let (what, advice) = match error.kind() {
        ErrorKind::NotFound if orphan() => ("no such file: its directory does not exist".into(), relative.into()),
        ErrorKind::NotFound => ("no such file".into(), relative.into()),
        ErrorKind::PermissionDenied => (
            "this user may not read the file".into(),
            format!(
                "run this as the user that the service runs as (sudo runuser -u weir -- …), or let that one read it: chown weir: {name}"
            ),
        ),
        _ => (format!("cannot be read: {error}"), format!("name a file that holds a {wanted} in PEM")),
    };
    Finding::fatal(file, what, advice)
}

fn damaged(file: &Path, error: &Error) -> Finding {
    let what = match error {
        Error::MissingSectionEnd { .. } => "a PEM section has no END line: the file is cut off".into(),
        Error::IllegalSectionStart { .. } => "a BEGIN line is damaged".into(),
        Error::Base64Decode(_) => "a PEM section holds something other than base64".into(),
        Error::NoItemsFound => "nothing usable stands between its BEGIN and END lines".into(),
        other => format!("not readable as PEM: {other}"),
    };
    Finding::fatal(file, what, "copy the file again, whole, as text")
}

fn encrypted(file: &Path) -> Finding {
    let name = file.display();
    Finding::fatal(
        file,
        "the private key is encrypted, and nobody is there at night to type its password",
        format!("remove the password: openssl pkey -in {name} -out {name}.plain (then use that file, mode 0600)"),
    )
}

fn no_certificate(file: &Path, wanted: &str, text: &[u8]) -> Finding {
    let name = file.display();
    let labels = labels(text);
    let has = |word: &str| labels.iter().any(|label| label.contains(word));
    let (what, advice) = if has("CERTIFICATE REQUEST") {
        ("a certificate request, not yet a certificate".into(), "use what the CA sent back for it".into())
    } else if has("TRUSTED CERTIFICATE") {
        ("a certificate in OpenSSL's own trusted form".into(), format!("openssl x509 -in {name} -out {name}.pem"))
    } else if has("PKCS7") {
        ("a PKCS#7 bundle".into(), format!("openssl pkcs7 -print_certs -in {name} -out {name}.pem"))
    } else if has("PRIVATE KEY") {
        (format!("a private key, and no {wanted}"), "are the two files swapped?".into())
    } else if labels.is_empty() {
        not_pem(file, text)
    } else {
        (format!("no {wanted}, but {}", labels.join(", ")), format!("name a file that holds a {wanted} in PEM"))
    };
    Finding::fatal(file, format!("the file holds {what}"), advice)
}

fn no_key(file: &Path, text: &[u8]) -> Finding {
    let labels = labels(text);
    let (what, advice) = if labels.iter().any(|label| label.contains("CERTIFICATE")) {
        ("a certificate, and no private key".into(), "are the two files swapped?".into())
    } else if labels.is_empty() {
        not_pem(file, text)
    } else {
        (format!("no private key, but {}", labels.join(", ")), "name a file that holds a private key in PEM".into())
    };
    Finding::fatal(file, format!("the file holds {what}"), advice)
}

/// What the file is instead of PEM, judged by its first bytes, and the command that converts it to PEM.
fn not_pem(file: &Path, text: &[u8]) -> (String, String) {
    let name = file.display();
    let to_pkcs12 = format!(
        "keytool -importkeystore -srckeystore {name} -destkeystore {name}.p12 -deststoretype pkcs12, then \
         openssl pkcs12 -in {name}.p12 -nodes -out {name}.pem"
    );
    match text {
        [0xfe, 0xed, 0xfe, 0xed, ..] => ("a Java keystore (JKS), not PEM".into(), to_pkcs12),
        [0xce, 0xce, 0xce, 0xce, ..] => ("a Java keystore (JCEKS), not PEM".into(), to_pkcs12),
        _ if is_pkcs12(text) => {
            ("a PKCS#12 keystore, not PEM".into(), format!("openssl pkcs12 -in {name} -nodes -out {name}.pem"))
        }
        _ if parse_x509_certificate(text).is_ok() => {
            ("a certificate in DER, not PEM".into(), format!("openssl x509 -inform der -in {name} -out {name}.pem"))
        }
        _ if PrivateKeyDer::try_from(text).is_ok() => {
            ("a private key in DER, not PEM".into(), format!("openssl pkey -inform der -in {name} -out {name}.pem"))
        }
        [0x30, ..] => ("DER of some kind, not PEM".into(), "convert it to PEM with openssl".into()),
        _ => ("no PEM: there is no line that begins with -----BEGIN".into(), String::new()),
    }
}

/// RFC 7292 section 4: a PFX is a SEQUENCE that begins with version 3.
fn is_pkcs12(bytes: &[u8]) -> bool {
    let Some((0x30, rest)) = bytes.split_first().map(|(tag, rest)| (*tag, rest)) else { return false };
    let Some((&length, rest)) = rest.split_first() else { return false };
    let long_form = if length > 0x80 { usize::from(length & 0x7f) } else { 0 };
    rest.get(long_form..).is_some_and(|content| content.starts_with(&[0x02, 0x01, 0x03]))
}

/// The labels after BEGIN of all PEM sections.
fn labels(text: &[u8]) -> Vec<String> {
    text.split(|&byte| byte == b'\n' || byte == b'\r')
        .filter_map(|line| line.strip_prefix(b"-----BEGIN "))
        .map(|rest| rest.split(|&byte| byte == b'-').next().unwrap_or_default())
        .map(|label| String::from_utf8_lossy(label).chars().filter(|c| !c.is_control()).take(40).collect())
        .collect()
}

/// Four times the size of a bundle with all public CAs.
pub(crate) const LARGEST_FILE: u64 = 4 << 20;

/// A million revoked certificates and more.
const LARGEST_LIST: u64 = 64 << 20;
