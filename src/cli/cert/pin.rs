//! `weir cert pin`: shows the certificate of a node and prints the line that pins it. It does a TLS handshake and sends
//! nothing else.

use std::io::{self, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::inspect::{describe, leaf_json};
use super::outcome::{Outcome, quoted};
use crate::config::Verify;
use crate::config::certificate::{Leaf, key_pin_of, pin_of, pin_text, shipped_with};
use crate::proxy::node::verify::{NodeVerifier, explain, small_key, small_key_of};

/// `weir cert pin`
#[derive(Args, Clone, Debug)]
pub(crate) struct Pin {
    /// The node's address and TLS port, such as 10.0.0.3:8243
    #[arg(value_name = "HOST:PORT", value_parser = target)]
    pub(super) target: (String, u16),
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Pin {
    pub(super) fn run(&self, now: SystemTime) -> Result<Outcome, String> {
        let (host, port) = &self.target;
        let shown = ShownCertificate::by(host, *port, PATIENCE).map_err(|why| format!("{host}:{port}: {why}"))?;
        let text = if self.json { shown.json(host, *port) } else { shown.words(host, *port, now) };
        Ok(Outcome { text, good: shown.failure.is_none() })
    }
}

/// The certificate that a node showed.
struct ShownCertificate {
    der: CertificateDer<'static>,
    /// Why the handshake failed after that.
    failure: Option<String>,
}

impl ShownCertificate {
    fn by(host: &str, port: u16, patience: Duration) -> Result<Self, String> {
        let deadline = Instant::now() + patience;
        let stream = connect(host, port, deadline)?;
        let verifier = Arc::new(RecordingVerifier::new()?);
        let done = shake_hands(host, stream, verifier.clone(), deadline);
        let seen = verifier.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (seen, done) {
            (Some(der), done) => Ok(Self { der, failure: done.err() }),
            (None, Err(why)) => Err(why),
            (None, Ok(())) => Err("showed no certificate".into()),
        }
    }

    fn words(&self, host: &str, port: u16, now: SystemTime) -> String {
        let mut text = format!("{host}:{port} shows\n");
        match Leaf::read(&self.der) {
            Some(leaf) => {
                text += &describe(&leaf);
                let today = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
                if i64::try_from(today).is_ok_and(|today| today > leaf.not_after) {
                    text += "\nit is expired: a pin accepts it all the same\n";
                }
            }
            None => text += "  a certificate that cannot be parsed: Weir refuses it whatever the pin\n",
        }
        if let Some(bits) = small_key_of(&self.der).filter(|_| self.failure.is_none()) {
            text += &format!("\nwarning: it has {}\n", small_key(bits));
        }
        if let Some(release) = shipped_with(pin_of(&self.der)) {
            text += &format!(
                "\nwarning: this is the certificate that WSO2 ships with {release}\n  \
                 Its private key is public: whoever can reach the network path can pretend to be this node.\n  \
                 Give the node a key of its own (keytool -genkeypair into its keystore), then pin that.\n"
            );
        }
        text += &self.advice();
        text
    }

    fn advice(&self) -> String {
        let mut text = format!("\nits pin is {}\n", pin_text(pin_of(&self.der)));
        if let Some(why) = &self.failure {
            // No lines to paste: the service could not speak to this node either.
            return text + &format!("\nerror: Weir cannot speak to this node: {why}\n");
        }
        text += "compare it with what the node itself says (keytool -list -v -keystore wso2carbon.jks), then in the pool:\n";
        text += &format!("tls = {{ verify = \"pin\", {} }}\n", pins(pin_of(&self.der)));
        if let Some(key) = key_pin_of(&self.der) {
            text += "\nor pin its key, which outlives a renewal with the same key:\n";
            text += &format!("tls = {{ verify = \"pin\", {} }}\n", pins(key));
        }
        text
    }

    fn json(&self, host: &str, port: u16) -> String {
        let value = serde_json::json!({
            "address": format!("{host}:{port}"),
            "pin": pin_text(pin_of(&self.der)),
            "key_pin": key_pin_of(&self.der).map(pin_text),
            "leaf": Leaf::read(&self.der).as_ref().map(leaf_json),
            "published_key": shipped_with(pin_of(&self.der)),
            "handshake_failure": self.failure,
        });
        format!("{value:#}\n")
    }
}

/// Records the node's certificate and accepts it, if the node has its private key.
#[derive(Debug)]
struct RecordingVerifier {
    seen: Mutex<Option<CertificateDer<'static>>>,
    inner: Arc<NodeVerifier>,
}

impl RecordingVerifier {
    fn new() -> Result<Self, String> {
        let inner = NodeVerifier::new(&Verify::None, &aws_lc_rs::default_provider())?;
        Ok(Self { seen: Mutex::new(None), inner })
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.clone().into_owned());
        self.inner.verify_server_cert(end_entity, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The pin that a node has shown.
pub(crate) struct ShownPin {
    pub(crate) pin: String,
    /// The release with which WSO2 ships this certificate.
    pub(crate) stock: Option<&'static str>,
    /// Why Weir could not speak to the node.
    pub(crate) failure: Option<String>,
}

/// Asks a node for its certificate.
pub(crate) fn pin_shown_by(host: &str, port: u16, patience: Duration) -> Result<ShownPin, String> {
    let shown = ShownCertificate::by(host, port, patience)?;
    let pin = pin_of(&shown.der);
    Ok(ShownPin { pin: pin_text(pin), stock: shipped_with(pin), failure: shown.failure })
}

fn connect(host: &str, port: u16, deadline: Instant) -> Result<TcpStream, String> {
    let addresses = (host, port).to_socket_addrs().map_err(|error| format!("the name cannot be resolved: {error}"))?;
    let mut why = "the name has no address".to_string();
    for address in addresses {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => why = connect_words(&error),
        }
    }
    Err(why)
}

fn shake_hands(
    host: &str,
    mut stream: TcpStream,
    verifier: Arc<RecordingVerifier>,
    deadline: Instant,
) -> Result<(), String> {
    let name = ServerName::try_from(host.to_string()).map_err(|_| "not a host name".to_string())?;
    let provider: Arc<CryptoProvider> = aws_lc_rs::default_provider().into();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let mut tls = ClientConnection::new(config.into(), name).map_err(|error| error.to_string())?;
    while tls.is_handshaking() {
        let patience = Some(left(deadline)?);
        stream.set_read_timeout(patience).and(stream.set_write_timeout(patience)).map_err(|error| error.to_string())?;
        if tls.wants_write() {
            tls.write_tls(&mut stream).map_err(|error| stream_words(&error))?;
            continue;
        }
        if tls.read_tls(&mut stream).map_err(|error| stream_words(&error))? == 0 {
            return Err("closed the connection during the handshake: is this a TLS port?".into());
        }
        if let Err(error) = tls.process_new_packets() {
            // Sends the alert that tells the node the reason. The node may have closed the connection already.
            let _ = tls.write_tls(&mut stream);
            return Err(explain(&error));
        }
    }
    Ok(())
}

fn left(deadline: Instant) -> Result<Duration, String> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(TOO_SLOW.into()) } else { Ok(left) }
}

fn connect_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused: nothing listens there".into(),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => TOO_SLOW.into(),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "no route to that address".into(),
        _ => format!("cannot connect: {error}"),
    }
}

fn stream_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => format!("{TOO_SLOW}: is this a TLS port?"),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            "reset the connection during the handshake: is this a TLS port?".into()
        }
        _ => format!("the connection failed: {error}"),
    }
}

fn pins(pin: [u8; 32]) -> String {
    format!("pins = [{}]", quoted(&pin_text(pin)))
}

fn target(text: &str) -> Result<(String, u16), String> {
    if text.contains('/') {
        return Err("write the address and the port alone, such as 10.0.0.3:8243".into());
    }
    let (host, port) = text.rsplit_once(':').ok_or("give the port too, such as 10.0.0.3:8243")?;
    let port = port.parse().map_err(|_| "the port is a number from 1 to 65535")?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if bare.is_none() && host.contains(':') {
        return Err("write an IPv6 address in brackets: [::1]:8243".into());
    }
    let host = bare.unwrap_or(host);
    if host.is_empty() || port == 0 {
        Err("give a host and a port, such as 10.0.0.3:8243".into())
    } else {
        Ok((host.into(), port))
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
const TOO_SLOW: &str = "no answer within 5s";

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    use rustls::{ServerConfig, ServerConnection};
    use rustls_pki_types::PrivateKeyDer;
    use rustls_pki_types::pem::PemObject;

    use super::*;
    use crate::config::certificate::made::simple;

    #[test]
    fn a_node_s_pin_is_printed_ready_to_paste() {
        let (chain, key) = simple(&["esb.wso2.com"]);
        let der = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![der.clone()], key)
            .unwrap();
        let port = answering(move |mut stream| {
            let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
            let _ = tls.complete_io(&mut stream);
        });
        let pin = Pin { target: ("127.0.0.1".into(), port), json: false };
        let said = pin.run(SystemTime::now()).unwrap();
        let line = format!("\ntls = {{ verify = \"pin\", pins = [\"{}\"] }}\n", pin_text(pin_of(&der)));
        assert!(said.good && said.text.contains(&line), "{}", said.text);
        assert!(said.text.contains(&pin_text(key_pin_of(&der).unwrap())), "{}", said.text);
        assert!(!said.text.contains("expired"), "{}", said.text);
        let later = ShownCertificate { der, failure: None }.words(
            "h",
            1,
            SystemTime::now() + Duration::from_secs(100 * 86_400),
        );
        assert!(later.contains("it is expired"), "{later}");
    }

    #[test]
    fn what_is_no_tls_node_is_said_in_words() {
        let http = answering(|mut stream| drop(stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n")));
        let closing = answering(drop);
        // Held until the end: it accepts (the kernel does) and never speaks.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let alert = answering(|mut stream| drop(stream.write_all(&[21, 3, 3, 0, 2, 2, 40])));
        let cases = [
            (http, "does not speak TLS"),
            (closing, "the connection during the handshake"),
            (silent.local_addr().unwrap().port(), "no answer within"),
            (nobody, "connection refused"),
            (alert, "no TLS version and cipher that Weir speaks"),
        ];
        for (port, expected) in cases {
            let patience = if expected == "no answer within" { Duration::from_millis(50) } else { PATIENCE };
            let why = ShownCertificate::by("127.0.0.1", port, patience).err().unwrap();
            assert!(why.contains(expected), "{why}");
        }
    }

    #[test]
    fn no_line_to_paste_is_given_for_a_node_that_cannot_be_used() {
        let (chain, _) = simple(&["localhost"]);
        let der = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
        let shown = ShownCertificate { der, failure: Some("its key is weak".into()) };
        let words = shown.words("h", 1, SystemTime::now());
        assert!(words.contains("its key is weak") && !words.contains("pins ="), "{words}");
    }

    #[test]
    fn targets_are_a_host_and_a_port() {
        let good = [("10.0.0.3:8243", "10.0.0.3", 8243), ("[::1]:9443", "::1", 9443), ("worker1:1", "worker1", 1)];
        for (text, host, port) in good {
            assert_eq!(target(text), Ok((host.into(), port)), "{text}");
        }
        for bad in ["10.0.0.3", "::1:8243", ":8243", "h:", "h:0", "h:65536", "h:x", "[]:1", ""] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }

    /// A port of loopback where one connection is answered so.
    fn answering(answer: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || answer(listener.accept().unwrap().0));
        port
    }
}
