//! The head of an answer, as the client gets it.

use std::borrow::Cow;

use super::{USUAL_ADDED, write, write_field};
use crate::config::{Cookies, ErrorPage, RequestValue};
use crate::traffic::message::cookies;
use crate::traffic::message::decimal::Decimal;
use crate::traffic::message::location::{Mapping, map_location, map_refresh};
use crate::traffic::message::request_source::RequestSource;
use crate::traffic::routing::edits::FieldEdits;
use crate::traffic::routing::path_change::PathChange;
use crate::traffic::routing::reverse_map::ReverseMap;
use crate::wire::{AnswerHead, Field, FieldKind, Version, digits};

/// How an answer's body goes to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingToClient {
    /// In chunks (HTTP/2: in frames).
    Chunked,
    /// With its length.
    Length(u64),
    /// No body. The length that an answer to HEAD or a 304 declares is kept.
    None,
    /// Until the connection closes.
    UntilClose,
}

/// How an answer goes to the client.
#[derive(Clone, Copy)]
pub struct ToClient<'a> {
    /// The client's version.
    pub version: Version,
    /// How the body goes.
    pub framing: FramingToClient,
    /// Whether the client's connection stays open.
    pub keep_alive: bool,
    /// Whether this is the 101 that ends HTTP on this connection.
    pub upgrade: bool,
    /// Whether Weir names itself in Via.
    pub via: bool,
    /// What the client asked for.
    pub request: &'a dyn RequestSource,
    /// Maps node addresses in a Location.
    pub reverse_map: &'a ReverseMap,
    /// What became of the path on the way up.
    pub path_change: Option<&'a PathChange>,
    /// What site and route change. Not used for 1xx.
    pub edits: Option<&'a FieldEdits>,
    /// What the pool changes in cookies.
    pub cookies: Option<&'a Cookies>,
    /// X-Request-Id; without one the node's passes.
    pub request_id: Option<&'a [u8]>,
    /// The page that goes down in place of the node's body. Its Content-Type is in `extra`.
    pub page: Option<&'a ErrorPage>,
    /// Fields that Weir adds.
    pub extra: &'a [Option<(&'a [u8], &'a [u8])>],
}

impl<'a> ToClient<'a> {
    /// What site and route change in this head. Added fields are not part of [`each_answer_field`], because HTTP/1 and
    /// HTTP/2 spell them differently.
    pub fn edits_of(&self, head: &AnswerHead) -> Option<&'a FieldEdits> {
        self.edits.filter(|_| !head.is_interim())
    }

    /// Tells the fields that site and route add, for an HTTP/2 head: name in lower case, and value.
    pub fn each_edit(&self, head: &AnswerHead, tell: impl FnMut(&[u8], &[u8])) {
        if let Some(edits) = self.edits_of(head) {
            edits.each(|value, out| self.write_value(value, out), tell);
        }
    }

    fn write_value(&self, value: RequestValue, out: &mut Vec<u8>) {
        if let Some(values) = self.request.values() {
            values.write(value, out);
        }
    }

    fn mapping(&self) -> Mapping<'a> {
        Mapping { public: self.request.public_name(), reverse_map: self.reverse_map, path_change: self.path_change }
    }

    /// Whether our own field replaces the node's field of this name. Set-Cookie is only added.
    fn speaks_for(&self, name: &[u8]) -> bool {
        let own =
            |(own, _): &(&[u8], &[u8])| own.eq_ignore_ascii_case(name) && !own.eq_ignore_ascii_case(b"set-cookie");
        self.extra.iter().flatten().any(own)
    }
}

/// What happens to a field on its way to the client.
enum FieldFate<'a> {
    /// It is passed on as it is.
    Unchanged,
    /// It gets this value.
    Replaced(Cow<'a, [u8]>),
    /// It is not passed on.
    Dropped,
}

/// Decides about each field of one answer.
struct AnswerFilter<'a> {
    to_client: &'a ToClient<'a>,
    edits: Option<&'a FieldEdits>,
    /// Whether Weir adds fields of its own.
    adds: bool,
    /// The length to declare; taken by the first Content-Length.
    declared: Option<u64>,
}

impl<'a> AnswerFilter<'a> {
    fn of(head: &AnswerHead, to_client: &'a ToClient<'a>) -> Self {
        let edits = to_client.edits_of(head).filter(|edits| !edits.is_empty());
        let adds = to_client.extra.iter().any(Option::is_some);
        Self { to_client, edits, adds, declared: declared_length(head, to_client) }
    }

    //= rfc9110#11.6.1 www-authenticate
    fn of_field(&mut self, field: &Field<'a>) -> FieldFate<'a> {
        let is_ours = self.adds && self.to_client.speaks_for(field.name);
        if field.hop || is_ours || self.edits.is_some_and(|edits| edits.drops(field.name)) {
            return FieldFate::Dropped;
        }
        if self.to_client.page.is_some() && describes_body(field.name) {
            return FieldFate::Dropped;
        }
        match field.kind {
            FieldKind::Location | FieldKind::ContentLocation => {
                FieldFate::Replaced(map_location(field.value, &self.to_client.mapping()))
            }
            FieldKind::Refresh => FieldFate::Replaced(map_refresh(field.value, &self.to_client.mapping())),
            FieldKind::SetCookie => self.cookie(field.value),
            FieldKind::XRequestId if self.to_client.request_id.is_some() => FieldFate::Dropped,
            FieldKind::ContentLength => match self.declared.take() {
                None => FieldFate::Dropped,
                // The node's digits stay if they mean the same number.
                Some(length) if digits(field.value) == Some(length) => FieldFate::Unchanged,
                Some(length) => FieldFate::Replaced(Cow::Owned(Decimal::of(length).digits().to_vec())),
            },
            _ => FieldFate::Unchanged,
        }
    }

    fn cookie(&self, value: &'a [u8]) -> FieldFate<'a> {
        let ToClient { path_change, cookies, request, .. } = *self.to_client;
        if path_change.is_none() && cookies.is_none() {
            return FieldFate::Unchanged;
        }
        let value = match (cookies.and_then(|rules| cookies::with_path(value, rules)), path_change) {
            (Some(value), _) => Cow::Owned(value),
            (None, Some(change)) => change.cookie(value),
            (None, None) => Cow::Borrowed(value),
        };
        let changed = cookies.and_then(|rules| cookies::changed(&value, rules, request));
        FieldFate::Replaced(changed.map_or(value, Cow::Owned))
    }
}

//= rfc9112#4 reason
//= rfc9110#6.2 own-version
//= rfc9110#5.3 order
/// Writes the head for an HTTP/1 client. The version is always ours (RFC 9110 6.2).
pub fn write_answer(out: &mut Vec<u8>, head: &AnswerHead, to_client: &ToClient<'_>) {
    out.reserve(head.size() + USUAL_ADDED);
    let mut run = head.run();
    if run.is_empty() {
        let status = Decimal::of(u64::from(head.status()));
        write(out, &[b"HTTP/1.1 ", status.digits(), b" ", head.reason(), b"\r\n"]);
    }
    let mut filter = AnswerFilter::of(head, to_client);
    for field in head.fields() {
        match filter.of_field(&field) {
            FieldFate::Unchanged => run.pass(out, &field),
            FieldFate::Replaced(value) => run.write(out, field.name, &value),
            FieldFate::Dropped => {}
        }
    }
    run.end(out);
    each_added(head, to_client, |_, name, value| write_field(out, name, value));
    if let Some(edits) = filter.edits {
        edits.write(out, |value, out| to_client.write_value(value, out));
    }
    if to_client.framing == FramingToClient::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    write_connection_to_client(out, head, to_client);
    out.extend_from_slice(b"\r\n");
}

/// Tells the fields of an answer for a client of any version, without those that only HTTP/1 has.
pub fn each_answer_field(head: &AnswerHead, to_client: &ToClient<'_>, mut tell: impl FnMut(FieldKind, &[u8], &[u8])) {
    let mut filter = AnswerFilter::of(head, to_client);
    for field in head.fields() {
        match filter.of_field(&field) {
            FieldFate::Unchanged => tell(field.kind, field.name, field.value),
            FieldFate::Replaced(value) => tell(field.kind, field.name, &value),
            FieldFate::Dropped => {}
        }
    }
    each_added(head, to_client, tell);
}

/// Tells the fields that Weir adds to an answer.
fn each_added(head: &AnswerHead, to_client: &ToClient<'_>, mut tell: impl FnMut(FieldKind, &[u8], &[u8])) {
    if let Some(length) = declared_length(head, to_client)
        && head.value(FieldKind::ContentLength).is_none()
    {
        tell(FieldKind::ContentLength, b"Content-Length", Decimal::of(length).digits());
    }
    let edits = to_client.edits_of(head).filter(|edits| !edits.is_empty());
    let stays = |name: &[u8]| !edits.is_some_and(|edits| edits.drops(name));
    if to_client.via && stays(b"via") {
        tell(FieldKind::Via, b"Via", via_node(head));
    }
    if let Some(id) = to_client.request_id.filter(|_| stays(b"x-request-id")) {
        tell(FieldKind::XRequestId, b"X-Request-Id", id);
    }
    for (name, value) in to_client.extra.iter().flatten() {
        // The affinity cookie is an additional Set-Cookie, so edits of Set-Cookie do not remove it.
        if *name == b"Set-Cookie" || stays(name) {
            tell(FieldKind::Other, name, value);
        }
    }
}

/// The length to declare to the client.
fn declared_length(head: &AnswerHead, to_client: &ToClient<'_>) -> Option<u64> {
    match to_client.framing {
        FramingToClient::None if to_client.page.is_some() => to_client.page.map(|page| page.body.len() as u64),
        FramingToClient::Length(length) => Some(length),
        FramingToClient::None if head.may_declare_length() => head.length(),
        FramingToClient::Chunked | FramingToClient::None | FramingToClient::UntilClose => None,
    }
}

/// Fields that say something of a body that does not go down.
fn describes_body(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 13] = [
        b"accept-ranges",
        b"content-digest",
        b"content-disposition",
        b"content-encoding",
        b"content-language",
        b"content-location",
        b"content-md5",
        b"content-range",
        b"content-type",
        b"digest",
        b"etag",
        b"last-modified",
        b"repr-digest",
    ];
    NAMES.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn via_node(head: &AnswerHead) -> &'static [u8] {
    if head.version() == Version::Http10 { b"1.0 weir" } else { b"1.1 weir" }
}

//= rfc9112#9.6 own-close
//= rfc9110#7.8 upgrade-named
fn write_connection_to_client(out: &mut Vec<u8>, head: &AnswerHead, to_client: &ToClient<'_>) {
    if to_client.upgrade {
        write_field(out, b"Connection", b"upgrade");
        write_field(out, b"Upgrade", head.upgrade().unwrap_or(b"websocket"));
    } else if head.is_interim() {
        // Only the final answer's head decides about the connection.
    } else if !to_client.keep_alive || to_client.framing == FramingToClient::UntilClose {
        write_field(out, b"Connection", b"close");
    } else if to_client.version == Version::Http10 {
        write_field(out, b"Connection", b"keep-alive");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Edits, FieldValue, Redirects, ValuePart};
    use crate::traffic::message::forwarded::Forwarded;
    use crate::traffic::message::location::PublicName;
    use crate::traffic::message::request_values::RequestValues;
    use crate::traffic::routing::reverse_map::Host;
    use crate::wire::{HeadLimits, Method, RequestHead};

    fn edits(set: &[(&str, &str)]) -> FieldEdits {
        let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        FieldEdits::new(&Edits { set, ..Edits::default() })
    }

    #[test]
    fn what_the_operator_sets_or_removes_is_not_written_by_weir_but_its_cookie_is() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        let remove = FieldEdits::new(&Edits { remove: vec!["set-cookie".into(), "x-weir".into()], ..Edits::default() });
        let set = edits(&[("date", "today"), ("Via", "1.1 other")]);
        for (edits, expected) in [
            (&set, "X-Weir: a\r\nSet-Cookie: b=c\r\ndate: today\r\nVia: 1.1 other\r\n"),
            // Without its cookie a session would lose its node.
            (&remove, "Via: 1.1 weir\r\nDate: now\r\nSet-Cookie: b=c\r\n"),
        ] {
            let extra: [Option<(&[u8], &[u8])>; 3] =
                [Some((b"Date", b"now")), Some((b"X-Weir", b"a")), Some((b"Set-Cookie", b"b=c"))];
            let (reverse_map, mut head, mut out) = (reverse_map(), AnswerHead::new(), Vec::new());
            let to_client = ToClient { via: true, edits: Some(edits), extra: &extra, ..to_client(&reverse_map) };
            head.parse(text.as_bytes(), Method::Get).expect("a good head");
            write_answer(&mut out, &head, &to_client);
            let found = String::from_utf8(out).expect("text");
            assert_eq!(found, format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{expected}\r\n"));
        }
    }

    /// A request whose answers have fields that take something from it.
    struct Asked<'a>(RequestValues<'a>);

    impl RequestSource for Asked<'_> {
        fn public_name(&self) -> PublicName<'_> {
            PublicName { secure: false, authority: b"esb.wso2.com", target: b"/", pool: 0, translated: false }
        }

        fn values(&self) -> Option<RequestValues<'_>> {
            Some(self.0)
        }
    }

    #[test]
    fn a_field_of_the_operator_takes_what_the_request_says() {
        let host = FieldValue(vec![ValuePart::Text("at ".into()), ValuePart::Request(RequestValue::Host)]);
        let edits = FieldEdits::new(&Edits { set: vec![("X-Asked".into(), host)], ..Edits::default() });
        let mut request = RequestHead::new();
        request.parse(b"GET / HTTP/1.1\r\nHost: esb.wso2.com\r\n\r\n", &HeadLimits::default()).expect("a good head");
        let from = Forwarded::STRANGER;
        let asked = Asked(RequestValues { head: &request, from, default_host: b"", request_id: None });
        let (reverse_map, mut head, mut out) = (reverse_map(), AnswerHead::new(), Vec::new());
        let to_client = ToClient { edits: Some(&edits), request: &asked, ..to_client(&reverse_map) };
        head.parse(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::Get).expect("a good head");
        write_answer(&mut out, &head, &to_client);
        let found = String::from_utf8(out).expect("text");
        assert_eq!(found, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Asked: at esb.wso2.com\r\n\r\n");
        let mut told = Vec::new();
        to_client.each_edit(&head, |name, value| told.push([name, value].map(<[u8]>::to_vec)));
        assert_eq!(told, [[b"x-asked".to_vec(), b"at esb.wso2.com".to_vec()]]);
    }

    fn reverse_map() -> ReverseMap {
        let mut reverse_map = ReverseMap::default();
        reverse_map.add_pool(false, Redirects::default());
        for port in [8280, 8243] {
            reverse_map.add_node(0, Host::of(b"10.0.0.3"), port);
        }
        reverse_map
    }

    fn to_client(reverse_map: &ReverseMap) -> ToClient<'_> {
        ToClient {
            version: Version::Http11,
            framing: FramingToClient::Length(5),
            keep_alive: true,
            upgrade: false,
            via: false,
            request: &PublicName { secure: true, authority: b"esb.wso2.com", target: b"/", pool: 0, translated: false },
            reverse_map,
            path_change: None,
            edits: None,
            cookies: None,
            request_id: None,
            page: None,
            extra: &[],
        }
    }

    fn answered(text: &str, to: Method, change: impl FnOnce(&mut ToClient<'_>)) -> String {
        let reverse_map = reverse_map();
        let mut to_client = to_client(&reverse_map);
        change(&mut to_client);
        let mut head = AnswerHead::new();
        head.parse(text.as_bytes(), to).expect("a good head");
        let mut out = Vec::new();
        write_answer(&mut out, &head, &to_client);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn an_answer_passes_unchanged_but_for_what_ends_here() {
        let text = "HTTP/1.0 200 Fine, thanks\nServer: x\nset-cookie: a=1\nX-Drop: 1\nKeep-Alive: 5\n\
                    Connection: keep-alive, x-drop\ncontent-LENGTH: 5\nProxy-Authenticate: y\nSet-Cookie: b=2\n\
                    Date: today\nTrailer: x\nUpgrade: h2\nTE: x\n\n";
        let expected = "HTTP/1.1 200 Fine, thanks\r\nServer: x\r\nset-cookie: a=1\r\ncontent-LENGTH: 5\r\n\
                        Set-Cookie: b=2\r\nDate: today\r\n\r\n";
        assert_eq!(answered(text, Method::Get, |_| {}), expected);
    }

    #[test]
    fn the_body_goes_down_in_one_framing() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        let twice = "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 5\r\n\r\n";
        let named = "HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\n";
        let nothing = "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n";
        let unmodified = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n";
        let cases = [
            (length, Method::Get, FramingToClient::Length(5), "Content-Length: 5\r\n"),
            (twice, Method::Get, FramingToClient::Length(5), "Content-Length: 5\r\n"),
            (named, Method::Get, FramingToClient::Length(5), "Content-Length: 5\r\n"),
            (length, Method::Get, FramingToClient::Chunked, "Transfer-Encoding: chunked\r\n"),
            (chunked, Method::Get, FramingToClient::Chunked, "Transfer-Encoding: chunked\r\n"),
            (chunked, Method::Get, FramingToClient::Length(5), "Content-Length: 5\r\n"),
            (chunked, Method::Get, FramingToClient::UntilClose, "Connection: close\r\n"),
            (length, Method::Head, FramingToClient::None, "Content-Length: 5\r\n"),
            (chunked, Method::Head, FramingToClient::None, ""),
            (unmodified, Method::Get, FramingToClient::None, "Content-Length: 5\r\n"),
            (nothing, Method::Get, FramingToClient::None, ""),
        ];
        for (text, to, framing, expected) in cases {
            let found = answered(text, to, |to_client| to_client.framing = framing);
            let fields = found.split_once("\r\n").map(|(_, fields)| fields);
            assert_eq!(fields, Some(format!("{expected}\r\n").as_str()), "{text:?} {framing:?}");
        }
    }

    #[test]
    fn the_client_is_told_whether_its_connection_stays() {
        let text = "HTTP/1.1 200 \r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
        let cases = [
            (Version::Http11, true, ""),
            (Version::Http11, false, "Connection: close\r\n"),
            (Version::Http10, true, "Connection: keep-alive\r\n"),
            (Version::Http10, false, "Connection: close\r\n"),
        ];
        for (version, keep_alive, expected) in cases {
            let found = answered(text, Method::Get, |to_client| {
                (to_client.version, to_client.keep_alive) = (version, keep_alive);
            });
            assert_eq!(found, format!("HTTP/1.1 200 \r\nContent-Length: 5\r\n{expected}\r\n"));
        }
    }

    #[test]
    fn an_upgrade_and_an_interim_answer_say_only_what_they_must() {
        let switching = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\nA: b\r\n\r\n";
        let found = answered(switching, Method::Get, |to_client| {
            (to_client.upgrade, to_client.framing) = (true, FramingToClient::None);
        });
        assert_eq!(found, "HTTP/1.1 101 Switching\r\nA: b\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        let interim = "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n";
        let found = answered(interim, Method::Post, |to_client| {
            (to_client.keep_alive, to_client.framing) = (false, FramingToClient::None);
        });
        assert_eq!(found, "HTTP/1.1 100 Continue\r\n\r\n");
    }

    #[test]
    fn locations_are_mapped_and_our_own_fields_come_last() {
        let text = "HTTP/1.1 202 Accepted\r\nLocation: http://10.0.0.3:8280/a\r\n\
                    content-location: https://10.0.0.3:8243/b\r\nX-Location: http://10.0.0.3:8280/c\r\n\
                    Content-Length: 5\r\n\r\n";
        let found = answered(text, Method::Post, |to_client| {
            to_client.via = true;
            to_client.extra = &[Some((b"Set-Cookie", b"route=w1; Path=/")), None];
        });
        let expected = "HTTP/1.1 202 Accepted\r\nLocation: https://esb.wso2.com/a\r\n\
                        content-location: https://esb.wso2.com/b\r\nX-Location: http://10.0.0.3:8280/c\r\n\
                        Content-Length: 5\r\nVia: 1.1 weir\r\nSet-Cookie: route=w1; Path=/\r\n\r\n";
        assert_eq!(found, expected);
    }

    #[test]
    fn a_node_says_nothing_under_a_name_of_our_own_but_cookies() {
        let text = "HTTP/1.1 200 OK\r\nx-weir: session\r\nX-Weird: a\r\nSet-Cookie: b=c\r\nContent-Length: 5\r\n\r\n";
        let found = answered(text, Method::Get, |to_client| {
            to_client.extra = &[Some((b"X-Weir", b"balanced")), Some((b"Set-Cookie", b"d=e"))];
        });
        let expected = "HTTP/1.1 200 OK\r\nX-Weird: a\r\nSet-Cookie: b=c\r\nContent-Length: 5\r\n\
                        X-Weir: balanced\r\nSet-Cookie: d=e\r\n\r\n";
        assert_eq!(found, expected);
    }

    /// For as long as the test runs.
    fn kept<T>(one: T) -> &'static T {
        Box::leak(Box::new(one))
    }

    #[test]
    fn an_id_of_weir_stands_in_place_of_the_nodes() {
        let text = "HTTP/1.1 200 OK\r\nx-request-id: theirs\r\nContent-Length: 5\r\n\r\n";
        let theirs = answered(text, Method::Get, |_| {});
        assert_eq!(theirs, text);
        let ours = answered(text, Method::Get, |to_client| to_client.request_id = Some(b"ours"));
        assert_eq!(ours, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Request-Id: ours\r\n\r\n");
    }

    #[test]
    fn where_a_page_goes_down_nothing_is_said_of_the_nodes_body() {
        let text = "HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\nETag: \"a\"\r\nContent-Encoding: gzip\r\n\
                    Last-Modified: today\r\nSet-Cookie: b=c\r\nContent-Length: 99\r\nX: 1\r\n\r\n";
        let page = kept(ErrorPage { file: "500.html".into(), content_type: "text/html", body: "sorry".into() });
        for (to, framing) in [(Method::Get, FramingToClient::Length(5)), (Method::Head, FramingToClient::None)] {
            let found = answered(text, to, |to_client| {
                (to_client.page, to_client.framing) = (Some(page), framing);
                to_client.extra = &[Some((b"Content-Type", b"text/html"))];
            });
            let stays = "Set-Cookie: b=c\r\nContent-Length: 5\r\nX: 1\r\nContent-Type: text/html\r\n";
            assert_eq!(found, format!("HTTP/1.1 500 Oops\r\n{stays}\r\n"));
        }
    }

    /// The fields of an HTTP/2 answer, without those that operators add.
    fn told(text: &str, change: impl FnOnce(&mut ToClient<'_>)) -> String {
        let reverse_map = reverse_map();
        let mut to_client = to_client(&reverse_map);
        change(&mut to_client);
        let mut head = AnswerHead::new();
        head.parse(text.as_bytes(), Method::Get).expect("a good head");
        let mut told = String::new();
        let mut tell = |name: &[u8], value: &[u8]| {
            told += &format!("{}: {}\r\n", name.escape_ascii(), value.escape_ascii());
        };
        each_answer_field(&head, &to_client, |_, name, value| tell(name, value));
        to_client.each_edit(&head, tell);
        told
    }

    #[test]
    fn a_client_of_http2_reads_the_same_fields() {
        let fields = "Location: http://10.0.0.3:8280/a\r\nRefresh: 5; url=http://10.0.0.3:8280/b\r\nServer: x\r\n\
                      Set-Cookie: a=1; Path=/services\r\nContent-Length: 7\r\n";
        let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        let path = kept(PathChange::new("/esb", "/services"));
        let edits = kept(edits(&[("server", "mine"), ("x-more", "b")]));
        let change = |to_client: &mut ToClient<'_>| {
            (to_client.path_change, to_client.edits) = (Some(path), Some(edits));
            to_client.via = true;
            to_client.request_id = Some(b"r");
        };
        let expected = "Location: https://esb.wso2.com/a\r\nRefresh: 5; url=https://esb.wso2.com/b\r\n\
                        Set-Cookie: a=1; Path=/esb\r\nContent-Length: 5\r\nVia: 1.1 weir\r\nX-Request-Id: r\r\n\
                        server: mine\r\nx-more: b\r\n";
        assert_eq!(told(&text, change), expected);
        assert_eq!(answered(&text, Method::Get, change), format!("HTTP/1.1 200 OK\r\n{expected}\r\n"));
    }
}
