//! Looks at the nodes: what answers on each port, and which certificate it shows. All at once, each bounded in time;
//! nothing but one small GET is sent.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::answers::{Answers, Server, USUAL_PORTS};
use crate::cli::cert;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// A line for each port that answers.
    pub(super) told: Vec<String>,
    /// A line for each that does not.
    pub(super) warnings: Vec<String>,
    /// The pins of the workers' HTTPS port, if each has shown one.
    pub(super) worker_pins: Option<Vec<String>>,
    pub(super) manager_pins: Option<Vec<String>>,
    /// Whether each worker has a console that can be probed.
    pub(super) consoles: bool,
}

/// What one look is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Http,
    Https,
    Console,
}

/// One look at one port.
struct Look {
    node: String,
    worker: bool,
    port: Port,
    number: u16,
    seen: Result<Answer, String>,
}

/// What answered.
struct Answer {
    words: String,
    pin: Option<String>,
    /// Why Weir could not speak to it.
    failure: Option<String>,
}

impl Looked {
    /// For who does not want to look: a worker is thought to be as the guide has it.
    pub(super) fn not_at_all() -> Self {
        Self { consoles: true, ..Self::default() }
    }

    /// Looks at all ports that Weir would use.
    pub(super) fn at(answers: &Answers) -> Self {
        let servers = answers.servers();
        let last = servers.len() - 1;
        let (send, seen) = mpsc::channel();
        let mut waiting = Vec::new();
        for (place, (node, server)) in servers.into_iter().enumerate() {
            let worker = place != last;
            let [http, https, console] = USUAL_PORTS.map(|usual| server.port(usual));
            let all = [(Port::Http, http), (Port::Https, https), (Port::Console, console)];
            for (port, number) in all.into_iter().filter(|(port, _)| worker || *port == Port::Console) {
                let (send, server) = (send.clone(), server.clone());
                let number_in_line = waiting.len();
                waiting.push(Look { node: node.clone(), worker, port, number, seen: Err(TOO_SLOW.to_owned()) });
                // The look-up of a name has no deadline of its own, so nobody waits for the thread itself.
                thread::spawn(move || send.send((number_in_line, look(&server, port, number))));
            }
        }
        drop(send);
        let deadline = Instant::now() + PATIENCE + Duration::from_millis(500);
        while let Ok((place, answer)) = seen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if let Some(look) = waiting.get_mut(place) {
                look.seen = answer;
            }
        }
        Self::of(&waiting)
    }

    fn of(looks: &[Look]) -> Self {
        let mut looked = Self::default();
        for look in looks {
            let place = format!("{} port {}", look.node, look.number);
            match &look.seen {
                Ok(Answer { words, failure: None, .. }) => looked.told.push(format!("  {place}: {words}")),
                Ok(Answer { failure: Some(why), .. }) | Err(why) => looked.warnings.push(format!("{place}: {why}")),
            }
        }
        let pins = |worker: bool, port: Port| {
            let mut pins: Vec<String> = Vec::new();
            for look in looks.iter().filter(|look| look.worker == worker && look.port == port) {
                let pin = look.seen.as_ref().ok()?.pin.clone()?;
                if !pins.contains(&pin) {
                    pins.push(pin);
                }
            }
            Some(pins)
        };
        looked.worker_pins = pins(true, Port::Https);
        looked.manager_pins = pins(false, Port::Console);
        looked.consoles = pins(true, Port::Console).is_some();
        looked
    }
}

fn look(server: &Server, port: Port, number: u16) -> Result<Answer, String> {
    if port == Port::Http {
        return http(&server.address, number).map(|words| Answer { words, pin: None, failure: None });
    }
    let shown = cert::pin_shown_by(&server.address, number, PATIENCE)?;
    let stock = match shown.stock {
        Some(release) => format!(", which WSO2 ships with {release}: its key is public"),
        None => String::new(),
    };
    let words = format!("TLS, certificate {}{stock}", shown.pin);
    Ok(Answer { words, pin: Some(shown.pin), failure: shown.failure })
}

/// Asks for `/`, and tells which server answers.
fn http(address: &str, port: u16) -> Result<String, String> {
    let deadline = Instant::now() + PATIENCE;
    let mut stream = connect(address, port)?;
    let failed = |error: std::io::Error| format!("it breaks off: {error}");
    stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nUser-Agent: weir\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut head = Vec::new();
    while head.len() < MOST_READ && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(TOO_SLOW.to_owned());
        }
        stream.set_read_timeout(Some(left)).map_err(failed)?;
        let mut piece = [0; 1024];
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => head.extend_from_slice(piece.get(..count).unwrap_or_default()),
            Err(_) => return Err("it takes connections, but does not answer HTTP".to_owned()),
        }
    }
    told(&String::from_utf8_lossy(&head))
}

fn told(head: &str) -> Result<String, String> {
    let status = head.lines().next().and_then(|line| line.strip_prefix("HTTP/1."));
    let Some(status) = status.and_then(|rest| rest.get(2..5)) else {
        return Err("what answers does not speak HTTP".to_owned());
    };
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let server =
        fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("server")).map(|(_, value)| value.trim());
    let printable = |name: &str| name.chars().filter(|c| !c.is_control()).take(60).collect::<String>();
    Ok(match server {
        Some(name) if name.to_ascii_uppercase().contains("WSO2") => format!("HTTP, {}", printable(name)),
        Some(name) => format!("HTTP {status}, by {}: is that the WSO2 server?", printable(name)),
        None => format!("HTTP {status}, by a server that does not tell its name"),
    })
}

fn connect(address: &str, port: u16) -> Result<TcpStream, String> {
    let addresses =
        (address, port).to_socket_addrs().map_err(|error| format!("the name cannot be resolved: {error}"))?;
    let mut why = "the name has no address".to_owned();
    for address in addresses.take(4) {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => why = format!("nobody answers: {error}"),
        }
    }
    Err(why)
}

/// The address by which this machine reaches that node. Nothing is sent.
pub(super) fn own_address(node: &str) -> Option<IpAddr> {
    let node = (node, 9).to_socket_addrs().ok()?.next()?;
    let any: &str = if node.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(node).ok()?;
    socket.local_addr().ok().map(|own| own.ip())
}

const PATIENCE: Duration = Duration::from_secs(5);
const TOO_SLOW: &str = "no answer within 5 s";
const MOST_READ: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_is_told() {
        for (head, expected) in [
            ("HTTP/1.1 202 Accepted\r\nServer: WSO2-PassThrough-HTTP\r\n\r\n", Ok("HTTP, WSO2-PassThrough-HTTP")),
            ("HTTP/1.1 404 x\r\nserver: nginx\u{1b}[1m\r\n\r\n", Ok("HTTP 404, by nginx[1m: is that the WSO2 server?")),
            ("HTTP/1.0 200 OK\r\n\r\n", Ok("HTTP 200, by a server that does not tell its name")),
            ("SSH-2.0-OpenSSH\r\n", Err("what answers does not speak HTTP")),
            ("", Err("what answers does not speak HTTP")),
        ] {
            assert_eq!(told(head), expected.map(str::to_owned).map_err(str::to_owned));
        }
    }

    #[test]
    fn pins_count_only_when_every_worker_has_shown_one() {
        let seen = |pin: &str| Ok(Answer { words: "TLS".into(), pin: Some(pin.into()), failure: None });
        let look = |worker, port, seen| Look { node: "n".into(), worker, port, number: 1, seen };
        let both = [look(true, Port::Https, seen("a")), look(true, Port::Https, seen("b"))];
        assert_eq!(Looked::of(&both).worker_pins, Some(vec!["a".into(), "b".into()]));
        let one = [look(true, Port::Https, seen("a")), look(true, Port::Https, Err("nobody".into()))];
        let looked = Looked::of(&one);
        assert_eq!((looked.worker_pins, looked.warnings.as_slice()), (None, &["n port 1: nobody".to_owned()][..]));
    }
}
