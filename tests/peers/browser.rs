//! A client like a browser: keep-alive, TLS, and a cookie jar that knows hosts and paths.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::{CertificateDer, ServerName};

/// One user's browser on one site.
pub struct Browser {
    host: String,
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    /// Cookies by name and path.
    jar: BTreeMap<(String, String), String>,
    connection: Option<Connection>,
    /// Requests that were sent again since their kept connection was closed.
    pub repeated: usize,
}

type Connection = BufReader<Box<dyn Stream + Send>>;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// An answer.
pub struct Page {
    pub status: u16,
    fields: Vec<(String, String)>,
    pub body: String,
}

impl Page {
    /// The first value of the field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// What follows `before` in the body, up to `after`.
    pub fn between(&self, before: &str, after: &str) -> Option<&str> {
        Some(self.body.split_once(before)?.1.split_once(after)?.0)
    }
}

impl Browser {
    /// A browser that comes by plain HTTP.
    pub fn plain(host: &str, address: SocketAddr) -> Self {
        Self { host: host.to_owned(), address, tls: None, jar: BTreeMap::new(), connection: None, repeated: 0 }
    }

    /// A browser that comes by TLS and trusts this authority alone.
    pub fn secure(host: &str, address: SocketAddr, authority: &CertificateDer<'static>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        Self { tls: Some(Arc::new(tls)), ..Self::plain(host, address) }
    }

    /// GET, with the cookies that belong to the path.
    pub fn get(&mut self, path: &str) -> Page {
        self.try_get(path).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// As [`Self::get`], where no answer is an answer too.
    pub fn try_get(&mut self, path: &str) -> std::io::Result<Page> {
        let request = self.request(path);
        let reused = self.connection.is_some();
        let page = match self.exchange(&request) {
            // A kept connection may have been closed meanwhile: as browsers do, once more on a fresh one.
            Err(_) if reused => {
                self.connection = None;
                self.repeated += 1;
                self.exchange(&request)
            }
            first => first,
        }?;
        self.keep_cookies(path, &page);
        Ok(page)
    }

    /// Closes the connection: the next request opens its own.
    pub fn hang_up(&mut self) {
        self.connection = None;
    }

    /// Empties the jar.
    pub fn forget(&mut self) {
        self.jar.clear();
    }

    /// Puts a cookie into the jar as if it had been set for this path.
    pub fn carry(&mut self, name: &str, value: &str, path: &str) {
        self.jar.insert((name.to_owned(), path.to_owned()), value.to_owned());
    }

    /// The value of the cookie that was set last under this name.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.iter().find(|((cookie, _), _)| cookie == name).map(|(_, value)| value.as_str())
    }

    fn request(&self, path: &str) -> String {
        let belongs = |((_, under), _): &(&(String, String), &String)| path.starts_with(under.as_str());
        let cookies: Vec<_> =
            self.jar.iter().filter(belongs).map(|((name, _), value)| format!("{name}={value}")).collect();
        let cookie = if cookies.is_empty() { String::new() } else { format!("Cookie: {}\r\n", cookies.join("; ")) };
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: browser\r\n{cookie}\r\n", self.host)
    }

    fn keep_cookies(&mut self, path: &str, page: &Page) {
        for (_, line) in page.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let mut parts = line.split(';').map(str::trim);
            let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).unwrap();
            let under = parts.find_map(|part| part.strip_prefix("Path=")).unwrap_or(path).to_owned();
            self.jar.insert((name.to_owned(), under), value.to_owned());
        }
    }

    fn exchange(&mut self, request: &str) -> std::io::Result<Page> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        connection.get_mut().write_all(request.as_bytes())?;
        connection.get_mut().flush()?;
        let page = read(&mut connection)?;
        if !page.field("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.connection = Some(connection);
        }
        Ok(page)
    }

    fn connect(&self) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(BufReader::new(Box::new(stream))) };
        let name = ServerName::try_from(self.host.split(':').next().unwrap().to_owned()).unwrap();
        let session = ClientConnection::new(tls.clone(), name).map_err(std::io::Error::other)?;
        Ok(BufReader::new(Box::new(StreamOwned::new(session, stream))))
    }
}

fn read(stream: &mut Connection) -> std::io::Result<Page> {
    let first = line(stream)?;
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("no status in {first:?}")))?;
    let mut fields = Vec::new();
    loop {
        let line = line(stream)?;
        let Some((name, value)) = line.split_once(':') else { break };
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut page = Page { status, fields, body: String::new() };
    let mut body = Vec::new();
    if page.field("Transfer-Encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        while let size @ 1.. = u64::from_str_radix(&line(stream)?, 16).map_err(std::io::Error::other)? {
            stream.take(size).read_to_end(&mut body)?;
            line(stream)?;
        }
        line(stream)?;
    } else {
        let length = page.field("Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0);
        stream.take(length).read_to_end(&mut body)?;
    }
    page.body = String::from_utf8_lossy(&body).into_owned();
    Ok(page)
}

fn line(stream: &mut Connection) -> std::io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}
