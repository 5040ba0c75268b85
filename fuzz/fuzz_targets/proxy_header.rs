//! Whatever a proxy sends in place of a PROXY header: how it is cut into reads does not matter, what follows does not matter, and
//! the ends that were read are read again as they are written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir::wire::{LONGEST_PROXY_HEADER, ProxyHeader, ProxyVersion, read_proxy_header, write_proxy_header};

fuzz_target!(|bytes: &[u8]| {
    let whole = read_proxy_header(bytes);
    let known = (0..bytes.len()).map(|end| read_proxy_header(&bytes[..end])).find(|read| *read != ProxyHeader::Partial);
    match whole {
        ProxyHeader::Partial => assert_eq!(known, None, "more bytes make nothing unknown"),
        ProxyHeader::Wrong(_) => assert!(!matches!(known, Some(ProxyHeader::Whole(..)))),
        ProxyHeader::Whole(length, ends) => {
            assert!((15..=LONGEST_PROXY_HEADER).contains(&length) && length <= bytes.len());
            assert!(known.is_none_or(|known| known == whole), "what follows changes nothing");
            if length < bytes.len() {
                assert_eq!(read_proxy_header(&bytes[..length]), whole);
                assert_eq!(read_proxy_header(&bytes[..length - 1]), ProxyHeader::Partial);
            }
            for version in [ProxyVersion::V1, ProxyVersion::V2] {
                let mut out = Vec::new();
                write_proxy_header(version, ends, &mut out);
                let ProxyHeader::Whole(written, again) = read_proxy_header(&out) else { panic!("it is no header") };
                assert_eq!(written, out.len());
                let canonical = ends.filter(|ends| {
                    let addresses = [ends.source.ip(), ends.destination.ip()];
                    addresses.iter().all(|address| address.to_canonical() == *address)
                });
                assert!(canonical.is_none() || again == ends);
            }
        }
    }
});
