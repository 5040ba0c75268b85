//! Requests from a file: a line `METHOD URL`; indented lines below it are fields, and those that begin with `>` are lines of
//! its body. Empty lines and those with `#` are skipped.

use std::path::Path;

use super::ask::Ask;
use super::places::Door;
use crate::config::regular;

/// The requests of this file.
pub(super) fn read(path: &Path, doors: &[Door]) -> Result<Vec<Ask>, String> {
    let at = |why: String| format!("{}: {why}", path.display());
    let bytes = regular::read(path, LARGEST).map_err(|error| at(error.to_string()))?;
    requests(&String::from_utf8_lossy(&bytes), doors).map_err(|(line, why)| format!("{}:{line}: {why}", path.display()))
}

fn requests(text: &str, doors: &[Door]) -> Result<Vec<Ask>, (usize, String)> {
    let mut all: Vec<Ask> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let at = |why| (number, why);
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            if all.len() >= MOST {
                return Err(at(format!("more than {MOST} requests")));
            }
            all.push(request(content, doors).map_err(at)?);
            continue;
        }
        let Some(ask) = all.last_mut() else {
            return Err(at(
                "a field before the first request: a line such as GET http://esb.example.com/ comes first".to_owned()
            ));
        };
        below(ask, content).map_err(at)?;
    }
    if all.is_empty() {
        return Err((1, "no request: write lines such as GET http://esb.example.com/services/Version?wsdl".to_owned()));
    }
    Ok(all)
}

fn request(line: &str, doors: &[Door]) -> Result<Ask, String> {
    let form = "write METHOD URL, such as GET http://esb.example.com/services/Version?wsdl";
    let (method, url) = line.split_once(' ').ok_or_else(|| format!("{line} is no request: {form}"))?;
    let url = url.trim();
    let wrong = |what: &str| format!("{what}: {form}");
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(wrong(&format!("{method} is no method")));
    }
    let (secure, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
        (Some(rest), _) => (false, rest),
        (_, Some(rest)) => (true, rest),
        _ => return Err(wrong(&format!("{url} begins with neither http:// nor https://"))),
    };
    let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = host.parse::<http::uri::Authority>().map_err(|_| wrong(&format!("{host} is no host")))?;
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    if target.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        return Err(wrong("a URL has no blanks: write them as %20"));
    }
    let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let door = doors.iter().position(|door| door.secure == secure && door.bind.port() == port && door.old.is_some());
    let door = door.ok_or_else(|| {
        let scheme = if secure { "https" } else { "http" };
        format!("nothing in the file of nginx takes {scheme} on port {port}")
    })?;
    Ok(Ask::get(door, secure, host, &target).by(method, None))
}

fn below(ask: &mut Ask, line: &str) -> Result<(), String> {
    if let Some(text) = line.strip_prefix('>') {
        let body = ask.body.get_or_insert_default();
        body.extend_from_slice(text.strip_prefix(' ').unwrap_or(text).as_bytes());
        body.push(b'\n');
        return Ok(());
    }
    let field = line.split_once(':').map(|(name, value)| (name, value.trim()));
    let Some((name, value)) = field.filter(|(name, _)| http::HeaderName::from_bytes(name.as_bytes()).is_ok()) else {
        return Err(format!("{line} is no field: write NAME: VALUE, or > and a line of the body"));
    };
    if ["host", "content-length", "connection", "transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Err(format!("{name} is written by itself, from the URL and the body"));
    }
    ask.fields.push((name.to_owned(), value.to_owned()));
    Ok(())
}

const MOST: usize = 10_000;
const LARGEST: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn doors() -> Vec<Door> {
        let door = |port: u16, secure| Door {
            name: port.to_string(),
            bind: ([0, 0, 0, 0], port).into(),
            secure,
            old: Some(([127, 0, 0, 1], port).into()),
            new: ([127, 0, 0, 1], port).into(),
        };
        vec![door(80, false), door(8243, true)]
    }

    #[test]
    fn a_file_of_requests_is_read() {
        let text = "# the console\nGET http://esb.wso2.com/a?b=1\n\tCookie: JSESSIONID=1\n\nPOST https://esb.wso2.com:8243\n  SOAPAction: urn:x\n  > <a>\n  > </a>\n";
        let asks = requests(text, &doors()).unwrap();
        assert_eq!(asks[0], Ask::get(0, false, "esb.wso2.com", "/a?b=1").with("Cookie", "JSESSIONID=1"));
        let post = Ask::get(1, true, "esb.wso2.com:8243", "/").by("POST", Some(b"<a>\n</a>\n".to_vec()));
        assert_eq!(asks[1], post.with("SOAPAction", "urn:x"));
        let most = "GET http://esb.wso2.com/\n".repeat(MOST);
        assert_eq!(requests(&format!("{most}  Cookie: a=1\n"), &doors()).map(|all| all.len()), Ok(MOST));
        assert!(requests(&format!("{most}GET http://a/\n"), &doors()).is_err_and(|(line, _)| line == MOST + 1));
    }

    #[test]
    fn what_is_wrong_has_its_line_and_what_would_be_right() {
        let rows = [
            ("\n  Cookie: a\n", 2, "a field before the first request"),
            ("GET\n", 1, "GET is no request: write METHOD URL"),
            ("get http://a/\n", 1, "get is no method"),
            ("GET http://a/\nGET /x\n", 2, "/x begins with neither http:// nor https://"),
            ("GET http://a:81/\n", 1, "nothing in the file of nginx takes http on port 81"),
            ("GET http://a/\n  Cookie\n", 2, "Cookie is no field"),
            ("GET http://a/\n  Host: b\n", 2, "Host is written by itself"),
            ("GET http://a/b c\n", 1, "a URL has no blanks"),
            ("# nothing\n", 1, "no request"),
        ];
        for (text, line, why) in rows {
            let said = requests(text, &doors()).unwrap_err();
            assert!(said.0 == line && said.1.contains(why), "{text:?}: {said:?}");
        }
    }
}
