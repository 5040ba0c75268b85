//! SOAP: what a request is sent as, and what its answer says.

use roxmltree::{Document, Node};

use super::wsdl::document;

/// The namespace of SOAP 1.1 (W3C note of May 2000), and of SOAP 1.2.
const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// How much of a fault's text is shown, in characters.
const LONGEST: usize = 200;

/// The fields of a request with this envelope, each with its end of line. An error says why it is none.
pub fn fields(envelope: &[u8]) -> Result<&'static str, String> {
    let document = document(envelope)?;
    match root(&document)?.tag_name().namespace() {
        Some(SOAP_12) => Ok("Content-Type: application/soap+xml; charset=UTF-8\r\n"),
        _ => Ok("Content-Type: text/xml; charset=UTF-8\r\nSOAPAction: \"\"\r\n"),
    }
}

/// The text of the fault in an answer; `None` where it is an envelope without one. An error says why it is none.
pub fn fault(answer: &[u8]) -> Result<Option<String>, String> {
    let document = document(answer)?;
    let mut inside = root(&document)?.descendants().filter(Node::is_element);
    let Some(fault) = inside.find(|node| is(node, "Fault")) else { return Ok(None) };
    let text = fault.descendants().find(|node| node.tag_name().name() == "faultstring" || is(node, "Text"));
    let text = text.and_then(|node| node.text()).unwrap_or("without a reason").trim();
    Ok(Some(text.chars().take(LONGEST).collect()))
}

fn root<'d>(document: &'d Document<'_>) -> Result<Node<'d, 'd>, String> {
    let root = document.root_element();
    if is(&root, "Envelope") {
        return Ok(root);
    }
    Err(format!("its outermost element is {}, not the Envelope of SOAP 1.1 or 1.2", root.tag_name().name()))
}

fn is(node: &Node<'_, '_>, name: &str) -> bool {
    node.tag_name().name() == name && matches!(node.tag_name().namespace(), Some(SOAP_11 | SOAP_12))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(namespace: &str, body: &str) -> Vec<u8> {
        format!("<?xml version=\"1.0\"?>\n<s:Envelope xmlns:s=\"{namespace}\"><s:Body>{body}</s:Body></s:Envelope>")
            .into()
    }

    #[test]
    fn each_version_is_sent_as_what_it_is() {
        assert!(fields(&envelope(SOAP_11, "<a/>")).is_ok_and(|fields| fields.contains("text/xml; ")));
        assert!(fields(&envelope(SOAP_12, "<a/>")).is_ok_and(|fields| fields.contains("/soap+xml; ")));
        for none in [&b""[..], b"<a/>", b"\xff", b"<Envelope/>", b"{}"] {
            assert!(fields(none).is_err(), "{}", none.escape_ascii());
        }
    }

    #[test]
    fn a_fault_is_told_by_its_reason() {
        assert_eq!(fault(&envelope(SOAP_11, "<echo><Fault>no</Fault></echo>")), Ok(None));
        let old = "<s:Fault><faultcode>s:Server</faultcode><faultstring> it broke </faultstring></s:Fault>";
        let new = "<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text>it broke</s:Text></s:Reason></s:Fault>";
        for (namespace, body) in [(SOAP_11, old), (SOAP_12, new)] {
            assert_eq!(fault(&envelope(namespace, body)), Ok(Some("it broke".to_owned())));
        }
        assert_eq!(fault(&envelope(SOAP_11, "<s:Fault/>")), Ok(Some("without a reason".to_owned())));
        assert!(fault(b"<html/>").is_err_and(|why| why.contains("html")));
    }
}
