//! The words of the keys that take one of a few. Each set of words stands here once: the reader, its errors and the
//! reference take them from here.
//!
//! A set is an enum, so the compiler asks the reader what each word means. Where a word needs nothing else, the enum is
//! the checked value itself.

use strum::{EnumString, IntoStaticStr, VariantNames};

/// What a token lets its bearer do. Each includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Right {
    /// See everything, change nothing.
    #[default]
    Read,
    /// Give orders, reload.
    Operate,
}

/// How a CA is shown that a name is ours (RFC 8555 8, RFC 8737).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum AcmeChallenge {
    /// It asks the name for a file, on port 80.
    #[default]
    #[strum(serialize = "http-01")]
    Http01,
    /// It does a TLS handshake with the name, on port 443.
    #[strum(serialize = "tls-alpn-01")]
    TlsAlpn01,
    /// It asks DNS for a record that a program of the operator's makes for each order.
    #[strum(serialize = "dns-01")]
    Dns01,
    /// It asks DNS for a record that the operator makes once.
    #[strum(serialize = "dns-persist-01")]
    DnsPersist01,
}

/// The kind of a private key that Weir makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum KeyType {
    /// ECDSA on the curve P-256: small and fast, and every client that speaks TLS 1.2 accepts it.
    #[default]
    #[strum(serialize = "ecdsa-p256")]
    EcdsaP256,
    /// ECDSA on the curve P-384.
    #[strum(serialize = "ecdsa-p384")]
    EcdsaP384,
    /// RSA of 2048 bits, for old clients such as Java 6.
    #[strum(serialize = "rsa-2048")]
    Rsa2048,
    /// RSA of 3072 bits.
    #[strum(serialize = "rsa-3072")]
    Rsa3072,
    /// RSA of 4096 bits.
    #[strum(serialize = "rsa-4096")]
    Rsa4096,
}

/// How a node is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Balance {
    #[default]
    RoundRobin,
    LeastRequests,
    LeastTime,
    RandomTwo,
    Hash,
}

/// How members of a WSO2 cluster find each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Membership {
    /// By well-known addresses, a list of members.
    #[default]
    Wka,
    /// By multicast in one network.
    Multicast,
    /// By what Amazon EC2 says of its machines.
    Aws,
}

/// How artifacts come to the workers of a WSO2 cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Deployment {
    /// By the deployment synchronizer and Subversion.
    Svn,
    /// By a directory that all nodes mount.
    Shared,
    /// In another way, such as rsync.
    None,
}

/// What a request is hashed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum HashOn {
    Client,
    Header,
    Cookie,
    Path,
}

/// How keys are given to nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Ring {
    /// Weir's own way, which needs no ring.
    #[default]
    Rendezvous,
    /// That of nginx.
    Ketama,
}

/// What happens while no node of the pool is active. A node that only an ejection keeps passive is tried first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum WhenNone {
    /// Then requests get 503.
    #[default]
    Fail,
    /// Then all nodes without an operator's order are used, as if there were no probes.
    All,
}

/// How a node's certificate is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Verify {
    Pin,
    Full,
    Chain,
    None,
}

/// What a probe does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum ProbeKind {
    /// Opens a connection.
    Tcp,
    /// Opens a connection and does the TLS handshake. The pool's `verify` applies only on the pool's own port.
    Tls,
    /// GET over a plain connection.
    Http,
    /// GET over TLS.
    Https,
}

impl ProbeKind {
    /// Whether the probe uses TLS.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Https)
    }
}

/// How the node of a request is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum StickyMode {
    #[default]
    Learn,
    Cookie,
    Route,
    Source,
}

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum SameSite {
    /// `Strict`
    Strict,
    /// `Lax`
    #[default]
    Lax,
    /// `None`; needs `Secure`
    None,
}

/// The `SameSite` of a node's cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum CookieSameSite {
    /// `Strict`
    Strict,
    /// `Lax`
    Lax,
    /// `None`; needs `Secure`
    None,
    /// The attribute is removed.
    Off,
}

/// What a field's value can take from the request, as the word behind a dollar sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum RequestValue {
    /// The client's address, as in X-Real-IP.
    Client,
    /// The host that was asked for, as in X-Forwarded-Host.
    Host,
    /// `http` or `https`, as in X-Forwarded-Proto.
    Scheme,
    /// The port that the client sees, as in X-Forwarded-Port.
    Port,
    /// The request's id, as in X-Request-Id.
    RequestId,
    /// The client's certificate in PEM, base64 again.
    ClientCertBase64,
    /// The client's certificate in DER, as base64.
    ClientCertDer,
    /// The same as a byte sequence between colons (RFC 9440 2.1).
    ClientCertSequence,
    /// The client's certificate in PEM, with what has a meaning in a URL escaped: nginx's `$ssl_client_escaped_cert`.
    ClientCert,
    /// Who signed that certificate (RFC 4514).
    ClientIssuer,
    /// Its serial number, in hexadecimal digits.
    ClientSerial,
    /// Its subject (RFC 4514).
    ClientSubject,
}

impl RequestValue {
    /// Whether only a client certificate has it.
    pub const fn is_of_certificate(self) -> bool {
        matches!(
            self,
            Self::ClientCert
                | Self::ClientCertBase64
                | Self::ClientCertDer
                | Self::ClientCertSequence
                | Self::ClientIssuer
                | Self::ClientSerial
                | Self::ClientSubject
        )
    }
}

/// Whether a site's clients must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum ClientAuthMode {
    /// Who shows none is refused.
    #[default]
    Required,
    /// Who shows none may come. One that is not believed is refused all the same.
    Optional,
}

/// How a client's certificate is written into a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum CertificateForm {
    /// PEM, escaped as in a URL.
    #[default]
    PemUrlencoded,
    /// PEM, base64 again.
    PemBase64,
    /// DER, as base64.
    DerBase64,
    /// A byte sequence.
    Rfc9440,
}

/// Whether a session that had to move returns to its first node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Failback {
    #[default]
    Stay,
    WhenIdle,
    Return,
}

/// What happens to a request whose session's node cannot serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum OnLost {
    /// The session belongs to another node from now on.
    #[default]
    Rebind,
    /// 503, until the node is back.
    Refuse,
}

/// What happens to requests of a burst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Excess {
    #[default]
    Refuse,
    Delay,
}

/// What counts as one client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum RateBy {
    #[default]
    Client,
    Header,
}

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// Where the X-Request-Id of a request comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum RequestIds {
    /// A trusted proxy's is taken; all others are made.
    #[default]
    TakeOrMake,
    /// All are made.
    Make,
    /// Weir has none, and X-Request-Id passes like any other field.
    Off,
}

/// What becomes of a request's traceparent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Traces {
    /// It passes like any other field.
    #[default]
    Pass,
    /// A valid one passes; where there is none, one is made.
    Make,
}

/// The form of access lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum LogFormat {
    /// nginx's combined form, then `key=value` pairs.
    Combined,
    /// One JSON object a line.
    Json,
}

/// A TLS protocol version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, EnumString, VariantNames)]
pub enum TlsVersion {
    /// TLS 1.2
    #[default]
    #[strum(serialize = "1.2")]
    V1_2,
    /// TLS 1.3
    #[strum(serialize = "1.3")]
    V1_3,
}

/// The version of a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}
