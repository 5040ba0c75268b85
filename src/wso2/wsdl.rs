//! The addresses in the description of a service.

use roxmltree::{Document, ParsingOptions};

/// The addresses at which a WSDL says that its service is: those of SOAP and HTTP bindings of WSDL 1.1, and the endpoints of
/// WSDL 2.0. An error says why it is no WSDL.
pub fn addresses(text: &[u8]) -> Result<Vec<String>, String> {
    let document = document(text)?;
    let root = document.root_element().tag_name().name();
    if !matches!(root, "definitions" | "description") {
        return Err(format!("its outermost element is {root}, not definitions or description"));
    }
    let address = |node: roxmltree::Node<'_, '_>| match node.tag_name().name() {
        "address" => node.attribute("location").map(str::to_owned),
        "endpoint" => node.attribute("address").map(str::to_owned),
        _ => None,
    };
    Ok(document.descendants().filter_map(address).collect())
}

/// What a node sent, as XML. An error says why it is none.
pub(super) fn document(text: &[u8]) -> Result<Document<'_>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text.trim_start_matches('\u{feff}').trim_start(), options)
        .map_err(|error| format!("it is no XML: {error}"))
}

const MOST_NODES: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_all_bindings_are_found_and_no_others() {
        let text = br#"<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
            xmlns:http="http://schemas.xmlsoap.org/wsdl/http/" xmlns:wsa="http://www.w3.org/2005/08/addressing">
            <!-- <soap:address location="http://in-a-comment/"/> -->
            <wsdl:service name="echo"><wsdl:port name="a"><soap:address location="http://esb/services/echo.a"/></wsdl:port>
            <wsdl:port name="b"><http:address location="https://esb/services/echo.b"/></wsdl:port></wsdl:service></wsdl:definitions>"#;
        assert_eq!(
            addresses(text),
            Ok(vec!["http://esb/services/echo.a".to_owned(), "https://esb/services/echo.b".to_owned()])
        );
        let second = br#"<description xmlns="http://www.w3.org/ns/wsdl"><service><endpoint address="http://esb/e"/></service></description>"#;
        assert_eq!(addresses(second), Ok(vec!["http://esb/e".to_owned()]));
        assert!(addresses(b"").is_err() && addresses(b"<html/>").unwrap_err().contains("html"));
        assert!(addresses(b"<!DOCTYPE a [<!ENTITY b \"c\">]><definitions/>").is_err());
    }
}
