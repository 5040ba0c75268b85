//! Finds the server name in a TLS ClientHello (RFC 8446 4.1.2, RFC 6066 3), for a connection whose TLS is passed through.
//! The hello may come in any pieces and fill several TLS records, as those with post-quantum keys do. What is found only
//! chooses a site; nothing else of TLS is checked here.

/// The most bytes that are read in search of a server name: those of the largest hello, in records of any size.
pub const MOST_READ: usize = 32 * 1024;
/// The largest hello. Usual ones have 300 to 2000 bytes.
const LARGEST: usize = 16 * 1024;
/// The longest name of a host, without a dot at its end.
const LONGEST_NAME: usize = 253;
/// The largest fragment of a TLS record.
const LARGEST_FRAGMENT: usize = 1 << 14;

/// The type of a handshake record.
const HANDSHAKE: u8 = 22;
/// The type of a ClientHello among handshake messages.
const CLIENT_HELLO: u8 = 1;
/// The number of the extension, and the type of a DNS name in it.
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// More must come before that is known.
    Partial,
    /// A hello that asks for this name, in lower case and without a dot at its end.
    Name(Box<str>),
    /// A hello without a name.
    NoName,
    /// No hello that can be read, or one with a name that no host can have.
    Other,
}

/// Reads a hello as it comes. Each byte is looked at once.
#[derive(Debug, Default)]
pub struct HelloReader {
    /// Where the next record begins.
    next: usize,
    /// The fragments of the records before it.
    message: Vec<u8>,
}

impl HelloReader {
    /// Looks at all bytes that have come so far: those of the last call, and more.
    pub fn read(&mut self, came: &[u8]) -> Greeting {
        loop {
            let rest = came.get(self.next..).unwrap_or_default();
            let Some(fragment) = fragment(rest) else { return Greeting::Other };
            let Some(fragment) = fragment.whole else {
                return if came.len() < MOST_READ { Greeting::Partial } else { Greeting::Other };
            };
            self.message.extend_from_slice(fragment);
            self.next += RECORD_HEAD + fragment.len();
            match hello(&self.message) {
                Greeting::Partial => {}
                known => return known,
            }
        }
    }
}

/// Type, version and length.
const RECORD_HEAD: usize = 5;

/// The fragment of a record that begins like one of a handshake.
struct Fragment<'a> {
    /// Not there yet: it, or its head, has not come whole.
    whole: Option<&'a [u8]>,
}

/// None for what is no handshake record, which the first byte mostly tells.
fn fragment(record: &[u8]) -> Option<Fragment<'_>> {
    let begins = |at: usize, wanted: u8| record.get(at).is_none_or(|byte| *byte == wanted);
    if !begins(0, HANDSHAKE) || !begins(1, 3) {
        return None;
    }
    let Some((head, rest)) = record.split_at_checked(RECORD_HEAD) else { return Some(Fragment { whole: None }) };
    let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
    (1..=LARGEST_FRAGMENT).contains(&length).then(|| Fragment { whole: rest.get(..length) })
}

fn hello(message: &[u8]) -> Greeting {
    if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
        return Greeting::Other;
    }
    let Some((head, rest)) = message.split_at_checked(4) else { return Greeting::Partial };
    let length = head.iter().skip(1).fold(0, |length, byte| length << 8 | usize::from(*byte));
    if length > LARGEST {
        return Greeting::Other;
    }
    let Some(body) = rest.get(..length) else { return Greeting::Partial };
    match server_name(body) {
        None => Greeting::Other,
        Some(name) => name.map_or(Greeting::NoName, as_name),
    }
}

/// The bytes of the name; none where the hello is malformed.
fn server_name(body: &[u8]) -> Option<Option<&[u8]>> {
    let mut hello = Reader(body);
    let _version_and_random = hello.bytes(2 + 32)?;
    let _session = hello.short()?;
    let _cipher_suites = hello.long()?;
    let _compression = hello.short()?;
    if hello.0.is_empty() {
        // TLS 1.0 had no extensions.
        return Some(None);
    }
    let mut extensions = Reader(hello.long()?);
    while !extensions.0.is_empty() {
        let (kind, data) = (extensions.number()?, extensions.long()?);
        if kind != SERVER_NAME {
            continue;
        }
        let mut names = Reader(Reader(data).long()?);
        let (kind, name) = (names.bytes(1)?, names.long()?);
        return Some((kind == [HOST_NAME]).then_some(name));
    }
    Some(None)
}

/// As the hosts of sites are written. An address is no server name: a client that sends one is one without a name. What can
/// be no name of a host is left to rustls, which refuses it.
fn as_name(name: &[u8]) -> Greeting {
    let name = std::str::from_utf8(name).unwrap_or_default();
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.parse::<std::net::IpAddr>().is_ok() {
        return Greeting::NoName;
    }
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_known) {
        Greeting::Name(name.to_ascii_lowercase().into())
    } else {
        Greeting::Other
    }
}

/// What is still to be read of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        self.bytes(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A vector whose length has one byte.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.bytes(1)?[0];
        self.bytes(length.into())
    }

    /// A vector whose length has two bytes.
    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.bytes(length.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(data: &[u8]) -> Vec<u8> {
        [&u16::try_from(data.len()).unwrap().to_be_bytes()[..], data].concat()
    }

    fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &long(data)].concat()
    }

    fn name_extension(name: &[u8]) -> Vec<u8> {
        extension(SERVER_NAME, &long(&[&[HOST_NAME][..], &long(name)].concat()))
    }

    /// The handshake message with these extensions; without any it ends before them.
    fn message(extensions: &[u8]) -> Vec<u8> {
        let mut body = [&[3, 3][..], &[7; 32], &[0], &long(&[0x13, 1]), &[1, 0]].concat();
        if !extensions.is_empty() {
            body.extend(long(extensions));
        }
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[CLIENT_HELLO][..], &length[1..], &body].concat()
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        message.chunks(size).flat_map(|part| [&[HANDSHAKE, 3, 1][..], &long(part)].concat()).collect()
    }

    fn read(bytes: &[u8]) -> Greeting {
        HelloReader::default().read(bytes)
    }

    fn name(text: &str) -> Greeting {
        Greeting::Name(text.into())
    }

    #[test]
    fn the_name_is_found_among_other_extensions_and_in_one_spelling() {
        for (written, expected) in [
            ("esb.wso2.com", name("esb.wso2.com")),
            ("ESB.Wso2.com.", name("esb.wso2.com")),
            ("my_host", name("my_host")),
            ("10.0.0.1", Greeting::NoName),
            ("::1", Greeting::NoName),
            ("", Greeting::Other),
            (".", Greeting::Other),
            ("esb.test\n", Greeting::Other),
            ("a\" 200 \"", Greeting::Other),
            ("\u{fc}.test", Greeting::Other),
            (&*"a".repeat(253), name(&"a".repeat(253))),
            (&*"a".repeat(254), Greeting::Other),
            (&*"a".repeat(15_000), Greeting::Other),
        ] {
            let extensions =
                [extension(10, &[0, 2, 0, 29]), name_extension(written.as_bytes()), extension(43, &[2, 3, 4])];
            assert_eq!(read(&records(&message(&extensions.concat()), 16_384)), expected, "{written:?}");
        }
        assert_eq!(read(&records(&message(&name_extension(b"\xff\xfe")), 16_384)), Greeting::Other);
        assert_eq!(read(&records(&message(&[]), 100)), Greeting::NoName, "TLS 1.0 without extensions");
        assert_eq!(read(&records(&message(&extension(43, &[2, 3, 4])), 100)), Greeting::NoName);
    }

    #[test]
    fn it_is_found_however_the_hello_is_cut() {
        let large = message(&[extension(51, &[9; 1800]), name_extension(b"esb.test")].concat());
        for size in [1, 2, 3, 4, 5, 37, 512, 16_384] {
            let bytes = [records(&large, size), b"more".to_vec()].concat();
            let end = bytes.len() - 4;
            for step in [1, 2, 7, 1000] {
                let mut reader = HelloReader::default();
                let mut came = 0;
                let found = loop {
                    came = (came + step).min(bytes.len());
                    match reader.read(&bytes[..came]) {
                        Greeting::Partial => assert!(came < end, "records of {size}, steps of {step}"),
                        found => break found,
                    }
                };
                assert_eq!(found, name("esb.test"), "records of {size}, steps of {step}");
                assert!(came >= end, "no sooner than it is whole");
            }
        }
    }

    #[test]
    fn what_is_no_hello_is_known_by_its_first_bytes_and_what_is_malformed_is_none() {
        let good = records(&message(&name_extension(b"esb.test")), 16_384);
        for other in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\x80\x2e\x01\x03\x01",
            &[HANDSHAKE, 2],
            &[HANDSHAKE, 3, 1, 0, 0],
            &[HANDSHAKE, 3, 1, 0x40, 1],
            &[HANDSHAKE, 3, 1, 0, 4, 2, 0, 0, 0],
            &[HANDSHAKE, 3, 1, 0, 4, CLIENT_HELLO, 0, 0x40, 1],
            &[HANDSHAKE, 3, 1, 0, 4, CLIENT_HELLO, 0, 0, 0],
            &[23, 3, 1],
        ] {
            assert_eq!(read(other), Greeting::Other, "{other:?}");
        }
        for cut in 0..good.len() {
            assert_eq!(read(&good[..cut]), Greeting::Partial, "{cut}");
        }
        // A length within it is one too large: of the session, the compression methods, the extensions, one of them, the list
        // of names, the name.
        let body = message(&name_extension(b"esb.test"));
        for at in [38, 43, 46, 50, 52, 55] {
            let mut bad = body.clone();
            bad[at] += 1;
            assert_eq!(read(&records(&bad, 16_384)), Greeting::Other, "{at}");
        }
    }

    #[test]
    fn nobody_is_listened_to_for_ever() {
        let endless = records(&[&[CLIENT_HELLO, 0, 0x40, 0][..], &[0; LARGEST - 1]].concat(), 1);
        let (mut reader, mut came) = (HelloReader::default(), 0);
        while reader.read(&endless[..came]) == Greeting::Partial {
            came += 1;
        }
        assert!(came <= MOST_READ, "{came}");
    }
}
