//! Throw-away certificates for listeners and origins. Never used outside a test's directory.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

/// A self-signed pair.
#[derive(Clone)]
pub(crate) struct Pair {
    /// What goes into `chain`.
    pub(crate) chain: String,
    /// What goes into `key`.
    pub(crate) key: String,
    der: Vec<u8>,
    key_der: Vec<u8>,
}

impl Pair {
    /// For these names, valid from years ago to years ahead.
    pub(crate) fn of(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Self::from(CertificateParams::new(names).expect("names of a test are names"))
    }

    /// For these names, and valid until a week from now, about.
    pub(crate) fn for_a_week(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names of a test are names");
        let now = SystemTime::now();
        params.not_before = now.into();
        params.not_after = (now + Duration::from_secs(7 * 86_400)).into();
        Self::from(params)
    }

    /// For these names, and expired for years.
    pub(crate) fn expired(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names of a test are names");
        params.not_before = rcgen::date_time_ymd(2010, 1, 1);
        params.not_after = rcgen::date_time_ymd(2016, 1, 1);
        Self::from(params)
    }

    /// What a stock WSO2 node shows: expired, self-signed, CN=localhost, no SAN.
    pub(crate) fn of_a_stock_node() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no name is a fine list");
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.not_before = rcgen::date_time_ymd(2010, 1, 1);
        params.not_after = rcgen::date_time_ymd(2016, 1, 1);
        Self::from(params)
    }

    /// [`Self::of`] with an RSA key.
    pub(crate) fn rsa(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048);
        Self::with_key(
            CertificateParams::new(names).expect("names of a test are names"),
            &key.expect("the system has randomness"),
        )
    }

    fn from(params: CertificateParams) -> Self {
        Self::with_key(params, &KeyPair::generate().expect("the system has randomness"))
    }

    fn with_key(params: CertificateParams, key: &KeyPair) -> Self {
        let certificate = params.self_signed(key).expect("a fresh key can sign");
        Self {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
            key_der: key.serialize_der(),
        }
    }

    /// Writes `NAME.crt` and `NAME.key`.
    pub(crate) fn write(&self, dir: &Path, name: &str) {
        std::fs::write(dir.join(format!("{name}.crt")), &self.chain).expect("the test's directory is there");
        std::fs::write(dir.join(format!("{name}.key")), &self.key).expect("the test's directory is there");
        restrict(&dir.join(format!("{name}.key")));
    }

    /// The certificate as the peer sees it.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// The `sha256:…` pin of the certificate.
    pub(crate) fn pin(&self) -> String {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let sha256 = provider.cipher_suites.iter().find_map(|suite| match suite.suite() {
            rustls::CipherSuite::TLS13_AES_128_GCM_SHA256 => suite.tls13().map(|tls13| tls13.common.hash_provider),
            _ => None,
        });
        let digest = sha256.expect("TLS_AES_128_GCM_SHA256 is everywhere").hash(&self.der);
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }

    /// A TLS server that shows this certificate.
    pub(crate) fn server(&self) -> Arc<rustls::ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        self.shown_to(WebPkiClientVerifier::no_client_auth(), provider)
    }

    /// A TLS server that shows this certificate to clients that show the other one.
    pub(crate) fn server_for(&self, client: &Self) -> Arc<rustls::ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from(client.der.clone())).expect("a certificate can be a root");
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        self.shown_to(builder.build().expect("there is a root"), provider)
    }

    fn shown_to(
        &self,
        clients: Arc<dyn ClientCertVerifier>,
        provider: Arc<CryptoProvider>,
    ) -> Arc<rustls::ServerConfig> {
        let (chain, key) = self.chain_and_key();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS")
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key);
        Arc::new(config.expect("the key fits the certificate"))
    }

    /// As rustls takes them.
    pub(crate) fn chain_and_key(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key_der.clone()));
        (vec![CertificateDer::from(self.der.clone())], key)
    }
}

/// A CA that signs certificates of clients.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// A CA of this name.
    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no name is a fine list");
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("the system has randomness");
        let pem = params.self_signed(&key).expect("a fresh key can sign").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A client of this name.
    pub(crate) fn client(&self, name: &str) -> Pair {
        self.signed(name, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])
    }

    /// A client whose certificate expired years ago.
    pub(crate) fn expired_client(&self, name: &str) -> Pair {
        self.signed(name, |params| {
            params.not_before = rcgen::date_time_ymd(2010, 1, 1);
            params.not_after = rcgen::date_time_ymd(2016, 1, 1);
        })
    }

    /// A client whose certificate ends after this time.
    pub(crate) fn client_for(&self, name: &str, life: Duration) -> Pair {
        self.signed(name, |params| params.not_after = (SystemTime::now() + life).into())
    }

    /// A certificate that is only for servers.
    pub(crate) fn server(&self, name: &str) -> Pair {
        self.signed(name, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth])
    }

    /// The list of what it has taken back.
    pub(crate) fn revoking(&self, gone: &[&Pair]) -> String {
        let one = |pair: &&Pair| RevokedCertParams {
            serial_number: serial(&pair.key),
            revocation_time: rcgen::date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2020, 1, 1),
            next_update: rcgen::date_time_ymd(2021, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: gone.iter().map(one).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a fresh key can sign").pem().expect("a list is text in PEM")
    }

    fn signed(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let key = KeyPair::generate().expect("the system has randomness");
        let mut params = CertificateParams::new(Vec::new()).expect("no name is a fine list");
        params.distinguished_name = named(name);
        params.serial_number = Some(serial(&key.serialize_pem()));
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("the CA's key can sign");
        Pair {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
            key_der: key.serialize_der(),
        }
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut all = DistinguishedName::new();
    all.push(DnType::CommonName, name);
    all
}

/// A number that belongs to this key alone.
fn serial(key: &str) -> SerialNumber {
    let number = key.bytes().fold(1_u64, |number, byte| number.wrapping_mul(31).wrapping_add(byte.into()));
    SerialNumber::from(number >> 1)
}

/// The pair that most tests share: making one costs time.
pub(crate) fn shared() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| Pair::of(&["esb.test", "mgt.esb.test"]))
}

fn restrict(key: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).expect("we own what we wrote");
}
