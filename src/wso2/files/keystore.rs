//! The certificates of the private keys in a Java keystore (JKS). They are readable without a password; the keys are not read.

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Keystore {
    /// Java's own kind.
    Java {
        /// The first certificate of each private key, by the key's alias.
        keys: Vec<(String, Vec<u8>)>,
        /// Whether it is there to its end.
        is_whole: bool,
    },
    /// Another kind, which is not read: PKCS12, or JCEKS.
    Other,
    /// None that Java reads.
    None,
}

pub(crate) fn read(bytes: &[u8]) -> Keystore {
    if !bytes.starts_with(MAGIC) {
        // PKCS12 is a sequence of ASN.1.
        let is_other = bytes.starts_with(&[0xce, 0xce, 0xce, 0xce]) || bytes.first() == Some(&0x30);
        return if is_other { Keystore::Other } else { Keystore::None };
    }
    let mut keys = Vec::new();
    // What is cut off or damaged has no further entries.
    let is_whole = entries(bytes, &mut keys).is_some();
    Keystore::Java { keys, is_whole }
}

const MAGIC: &[u8] = &[0xfe, 0xed, 0xfe, 0xed];
const PRIVATE_KEY: u32 = 1;
const CERTIFICATE: u32 = 2;

fn entries(bytes: &[u8], found: &mut Vec<(String, Vec<u8>)>) -> Option<()> {
    let mut rest = Bytes(bytes.strip_prefix(MAGIC)?);
    let (version, count) = (rest.number()?, rest.number()?);
    for _ in 0..count {
        let kind = rest.number()?;
        let alias = String::from_utf8_lossy(rest.short()?).into_owned();
        let _made = rest.take(8)?;
        match kind {
            PRIVATE_KEY => {
                let _key = rest.long()?;
                let chain = rest.number()?;
                for place in 0..chain {
                    let certificate = rest.certificate(version)?;
                    if place == 0 {
                        found.push((alias.clone(), certificate.to_vec()));
                    }
                }
            }
            CERTIFICATE => {
                let _trusted = rest.certificate(version)?;
            }
            _ => return None,
        }
    }
    Some(())
}

/// What is not read yet.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.take(2)?.try_into().ok().map(u16::from_be_bytes)?;
        self.take(length.into())
    }

    fn long(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    /// Version 2 says of each certificate what kind it is.
    fn certificate(&mut self, version: u32) -> Option<&'a [u8]> {
        if version == 2 {
            let _kind = self.short()?;
        }
        self.long()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keystore() -> Vec<u8> {
        let text = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
        let long = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
        let certificate = |bytes: &[u8]| [text("X.509"), long(bytes)].concat();
        [
            MAGIC.to_vec(),
            vec![0, 0, 0, 2, 0, 0, 0, 2],
            [vec![0, 0, 0, 2], text("ca"), vec![0; 8], certificate(b"trusted")].concat(),
            [vec![0, 0, 0, 1], text("mine"), vec![0; 8], long(b"key"), vec![0, 0, 0, 2]].concat(),
            [certificate(b"leaf"), certificate(b"above")].concat(),
        ]
        .concat()
    }

    #[test]
    fn the_leaf_of_each_private_key_is_found() {
        let keys = vec![("mine".to_owned(), b"leaf".to_vec())];
        assert_eq!(read(&keystore()), Keystore::Java { keys, is_whole: true });
        assert_eq!(read(&keystore()[..40]), Keystore::Java { keys: Vec::new(), is_whole: false });
        assert_eq!((read(b"PK\x03\x04"), read(b"")), (Keystore::None, Keystore::None));
        assert_eq!(read(&[0x30, 0x82, 5, 0]), Keystore::Other);
    }

    #[test]
    fn no_cut_and_no_count_makes_it_panic() {
        let whole = keystore();
        for end in 0..whole.len() {
            read(&whole[..end]);
            let mut broken = whole.clone();
            broken[end] = 0xff;
            read(&broken);
        }
    }
}
