//! Directories and certificates for the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// An empty directory of the test's own.
pub(crate) fn directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("weir-docs-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// One for all hosts of the pages, and itself as its authority.
pub(crate) fn certificate(folder: &Path, name: &str) {
    write(folder, name, &rcgen::KeyPair::generate().unwrap());
}

/// The same with an RSA key.
pub(crate) fn rsa_certificate(folder: &Path, name: &str) {
    write(folder, name, &rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap());
}

fn write(folder: &Path, name: &str, key: &rcgen::KeyPair) {
    let hosts = HOSTS.map(str::to_owned);
    let certificate = rcgen::CertificateParams::new(hosts).unwrap().self_signed(key).unwrap().pem();
    fs::write(folder.join("ca.pem"), &certificate).unwrap();
    fs::write(folder.join(format!("{name}.crt")), &certificate).unwrap();
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    fs::write(folder.join(format!("{name}.pem")), certificate + &key.serialize_pem()).unwrap();
}

const HOSTS: [&str; 8] = [
    "esb.wso2.com",
    "*.wso2.com",
    "*.esb.wso2.com",
    "*.am.wso2.com",
    "*.example.com",
    "example.com",
    "shop.example.com",
    "sso.example.com",
];
