//! Where the running Weir is: what the user said, or the socket and then the address of its configuration.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::tls;
use super::tls::TlsArgs;
use crate::config::{ADMIN_SOCKET, AdminPlaces, AdminSocket, admin_places};

/// A place where Weir may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To be found.
    Any,
    /// The admin socket.
    Socket(PathBuf),
    /// The admin address.
    Address(SocketAddr),
    /// The admin address, on whichever loopback address.
    Localhost(u16),
    /// The admin address, which speaks TLS: a host name or an IP address, and its port.
    Secure(String, u16),
}

/// A connection to it.
pub(super) type Stream = Box<dyn Connection>;

/// What a connection can do.
pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// Reads `--admin`. An empty text, as of `WEIR_ADMIN=` in the service's environment, says nothing.
pub(super) fn place(text: &str) -> Result<Place, String> {
    if text.is_empty() {
        return Ok(Place::Any);
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Place::Socket(path.into()));
    }
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(Place::Localhost(port));
    }
    if let Some(authority) = text.strip_prefix("https://") {
        return secure(authority.trim_end_matches('/'));
    }
    match text.parse() {
        Ok(address) => Ok(Place::Address(address)),
        Err(_) if text.contains('/') && !text.contains("://") => Ok(Place::Socket(text.into())),
        Err(_) => {
            let what = format!("write the path of the admin socket, such as {ADMIN_SOCKET}, or the [admin] bind");
            Err(format!("{what}, such as 127.0.0.1:9180, localhost:9180 or https://lb1:9180 (--admin or WEIR_ADMIN)"))
        }
    }
}

fn secure(authority: &str) -> Result<Place, String> {
    let wrong = || format!("https://{authority} has no host and port: write them as in https://lb1.internal:9180");
    let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if ServerName::try_from(host).is_err() {
        return Err(wrong());
    }
    Ok(Place::Secure(host.to_owned(), port))
}

/// The places to try, in this order.
pub(super) fn places(said: Option<&Place>, config: &Path) -> Vec<Place> {
    match said {
        None | Some(Place::Any) => by_configuration(admin_places(config).unwrap_or_default()),
        Some(place) => vec![place.clone()],
    }
}

fn by_configuration(places: AdminPlaces) -> Vec<Place> {
    let socket = match places.socket {
        AdminSocket::Default => Some(Place::Socket(ADMIN_SOCKET.into())),
        AdminSocket::At(path, _) => Some(Place::Socket(path)),
        AdminSocket::Off => None,
    };
    // Bound to every address, it is asked on this machine's own.
    let mut bind = places.bind;
    match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => bind.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => bind.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    let address = if places.tls { Place::Secure(bind.ip().to_string(), bind.port()) } else { Place::Address(bind) };
    socket.into_iter().chain([address]).collect()
}

/// A connection to a place.
pub(super) struct Connected {
    pub(super) stream: Stream,
    pub(super) place: Place,
    /// The socket that was tried before, and why it did not connect.
    pub(super) missed: Option<String>,
}

/// Connects to the first place where somebody answers. An order without a token and a certificate (`needs_socket`) does
/// not go on where the socket is closed to this user: an address would only refuse it.
pub(super) async fn connect(places: &[Place], tls: &TlsArgs, needs_socket: bool) -> Result<Connected, String> {
    let mut failed: Vec<(&Place, io::Error)> = Vec::new();
    for place in places {
        let connector = if matches!(place, Place::Secure(..)) { Some(tls.connector()?) } else { None };
        match place.connect(connector.as_ref()).await {
            Ok(stream) => {
                let missed = failed.first().map(|(place, error)| format!("{place} ({})", plain(error)));
                return Ok(Connected { stream, place: place.clone(), missed });
            }
            Err(error) => {
                let denied = error.kind() == io::ErrorKind::PermissionDenied;
                failed.push((place, error));
                if denied && needs_socket {
                    break;
                }
            }
        }
    }
    Err(nobody(&failed))
}

/// Says where nobody answered, and what to do.
fn nobody(failed: &[(&Place, io::Error)]) -> String {
    let tried: Vec<String> = failed.iter().map(|(place, error)| format!("{place} ({})", plain(error))).collect();
    let denied = failed.iter().any(|(_, error)| error.kind() == io::ErrorKind::PermissionDenied);
    let advice = if denied {
        "use sudo, or let root add you to the group of the socket (usermod -aG weir USER) and log in anew"
    } else if failed.iter().any(|(_, error)| tls::trouble(error).is_some()) {
        "--ca names the CA that signed its certificate, and the host of --admin must be in it"
    } else {
        "is it running (systemctl status weir)? --admin and --config say where else it is"
    };
    format!("cannot reach Weir at {}; {advice}", tried.join(", "))
}

fn plain(error: &io::Error) -> String {
    if let Some(trouble) = tls::trouble(error) {
        return trouble;
    }
    match error.kind() {
        io::ErrorKind::NotFound => "no such socket".to_owned(),
        io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// The places, for people.
pub(super) fn list(places: &[Place]) -> String {
    places.iter().map(Place::to_string).collect::<Vec<_>>().join(", ")
}

/// `localhost` is this machine, also where no file and no server says so (RFC 6761 6.3).
async fn this_machine(port: u16) -> io::Result<TcpStream> {
    let both: [SocketAddr; 2] = [(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()];
    TcpStream::connect(&both[..]).await
}

impl Place {
    async fn connect(&self, connector: Option<&TlsConnector>) -> io::Result<Stream> {
        match self {
            Self::Any => Err(io::ErrorKind::NotFound.into()),
            Self::Socket(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Self::Address(address) => Ok(Box::new(TcpStream::connect(address).await?)),
            Self::Localhost(port) => Ok(Box::new(this_machine(*port).await?)),
            Self::Secure(host, port) => {
                let connector = connector.ok_or(io::ErrorKind::Unsupported)?;
                let is_here = host.eq_ignore_ascii_case("localhost");
                let stream =
                    if is_here { this_machine(*port).await } else { TcpStream::connect((host.as_str(), *port)).await }?;
                Ok(Box::new(tls::shake_hands(connector, host, stream).await?))
            }
        }
    }

    /// What the request says as its Host.
    pub(super) fn host(&self) -> String {
        match self {
            Self::Any | Self::Socket(_) => "localhost".to_owned(),
            Self::Address(_) | Self::Localhost(_) => self.to_string(),
            Self::Secure(host, port) => authority(host, *port),
        }
    }
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any place"),
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Address(address) => write!(f, "{address}"),
            Self::Localhost(port) => write!(f, "localhost:{port}"),
            Self::Secure(host, port) => write!(f, "https://{}", authority(host, *port)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Place as InFile;

    #[test]
    fn an_address_and_the_path_of_a_socket_are_told_apart() {
        for (text, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]:9180", "[::1]:9180"),
            ("localhost:9180", "localhost:9180"),
            ("/run/weir/admin.sock", "/run/weir/admin.sock"),
            ("unix:/run/weir/admin.sock", "/run/weir/admin.sock"),
            ("unix:admin.sock", "admin.sock"),
            ("./admin.sock", "./admin.sock"),
            ("https://lb1.internal:9180/", "https://lb1.internal:9180"),
            ("https://[::1]:9180", "https://[::1]:9180"),
            ("", "any place"),
        ] {
            assert_eq!(place(text).map(|place| place.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for text in ["127.0.0.1", "9180", "http://127.0.0.1:9180", "weir1:9180", "localhost", "localhost:x"] {
            assert!(place(text).is_err_and(|why| why.contains("localhost:9180")), "{text}");
        }
        for text in
            ["https://", "https://lb1", "https://lb1:", "https://:9180", "https://lb1:9180/api", "https://a b:1"]
        {
            assert!(place(text).is_err_and(|why| why.contains("https://lb1.internal:9180")), "{text}");
        }
    }

    #[test]
    fn the_socket_comes_before_the_address_and_no_other_weir_is_asked() {
        let of = |socket, bind: &str, tls| AdminPlaces { socket, bind: bind.parse().unwrap(), tls };
        let tried = |socket, bind: &str| list(&by_configuration(of(socket, bind, false)));
        let own = AdminSocket::At("/run/a.sock".into(), InFile::default());
        assert_eq!(tried(AdminSocket::Default, "127.0.0.1:9180"), "/run/weir/admin.sock, 127.0.0.1:9180");
        assert_eq!(tried(own, "127.0.0.1:9181"), "/run/a.sock, 127.0.0.1:9181");
        assert_eq!(tried(AdminSocket::Off, "0.0.0.0:9181"), "127.0.0.1:9181");
        assert_eq!(tried(AdminSocket::Off, "[::]:9181"), "[::1]:9181");
        let secure = by_configuration(of(AdminSocket::Off, "[::]:9181", true));
        assert_eq!(list(&secure), "https://[::1]:9181");
        let none = Path::new("/nowhere/weir.toml");
        assert_eq!(list(&places(None, none)), "/run/weir/admin.sock, 127.0.0.1:9180");
        assert_eq!(list(&places(Some(&Place::Any), none)), "/run/weir/admin.sock, 127.0.0.1:9180");
        assert_eq!(list(&places(Some(&Place::Localhost(1)), none)), "localhost:1");
    }

    #[test]
    fn where_nobody_answers_it_is_said_what_was_tried_and_what_to_do() {
        let (socket, address) = (Place::Socket("/a.sock".into()), Place::Localhost(1));
        let gone = [(&socket, io::ErrorKind::NotFound.into()), (&address, io::ErrorKind::ConnectionRefused.into())];
        let said = nobody(&gone);
        assert!(
            said.starts_with("cannot reach Weir at /a.sock (no such socket), localhost:1 (nobody listens there); is")
        );
        let denied = [(&socket, io::Error::from(io::ErrorKind::PermissionDenied))];
        assert!(nobody(&denied).contains("(permission denied); use sudo"));
    }
}
