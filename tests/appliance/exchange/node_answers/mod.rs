//! What a node answers, what the client gets of it, and whether the node's connection carries another request. A doubtful
//! answer is a 502 and the end of that connection; a short one never ends cleanly.

mod row;
mod rows;

use std::sync::{Arc, Mutex};

use row::{Gets, HEAD, OLD, Row, Then};

use crate::harness::{Answer, Appliance, Client, Origin, Plan, is_made_id, ok};

#[test]
fn every_answer_of_a_node_becomes_what_the_table_says() {
    let script: Arc<Mutex<(Vec<u8>, Then)>> = Arc::new(Mutex::new((Vec::new(), Then::Stay)));
    let told = script.clone();
    let origin = Origin::speaking(move |talk| {
        talk.body();
        if talk.target() != "/row" {
            return talk.send(&ok(&talk.target()));
        }
        let (bytes, then) = told.lock().map(|told| told.clone()).expect("the test has not panicked");
        talk.send(&bytes);
        match then {
            Then::Stay => {}
            Then::Close => talk.close(),
            Then::Reset => talk.reset(),
        }
    });
    let weir = Plan::before(&[&origin]).pool("eject = { failures = 1, for = \"10ms\" }").start();
    let mut failures = Vec::new();
    for row in rows::rows() {
        *script.lock().expect("the origin has not panicked") = (row.node.clone().into_bytes(), row.then);
        if let Err(why) = try_row(&row, &weir, &origin) {
            failures.push(format!(
                "* {}\n   the node answered {:?}, then {:?}\n   {why}",
                row.name,
                shorten(&row.node),
                row.then
            ));
        }
    }
    assert!(failures.is_empty(), "{} rows fail:\n\n{}", failures.len(), failures.join("\n"));
}

//= rfc9110#6.6.1 date
//= rfc9110#5.6.7 dates
#[test]
fn an_answer_without_a_date_gets_one_and_so_do_weirs_own() {
    let origin = Origin::speaking(|talk| {
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let weir = Appliance::in_front_of(&[&origin]);
    let of_node = weir.get("/");
    let of_weir = weir.client().ask("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
    let bad = weir.client().ask("GET / HTTP/1.1\r\n\r\n");
    for (answer, status) in [(of_node, 200), (of_weir, 421), (bad, 400)] {
        let dates: Vec<&str> = answer.head.split("\r\n").filter(|line| line.starts_with("Date: ")).collect();
        assert!(answer.status == status && dates.len() == 1 && dates[0].ends_with(" GMT"), "{answer:?}");
    }
}

fn try_row(row: &Row, weir: &Appliance, origin: &Origin) -> Result<(), String> {
    let mut client = weir.client();
    client.send(row.request);
    let answer = if row.request == HEAD { client.answer_to_head() } else { client.answer() };
    let judged =
        answer.map_err(|error| error.to_string()).and_then(|answer| judge(&row.gets, &answer, row.request == OLD));
    let connection = origin.last().connection;
    let whole = matches!(row.gets, Gets::Exactly(..) | Gets::Interim(_));
    let judged = judged.and_then(|()| if whole { nothing_more(row, &mut client) } else { Ok(()) });
    let canary = weir.get("/canary");
    if canary.text() != "/canary" {
        return Err(format!("POISON: the canary got {canary:?}"));
    }
    let reused = origin.last().connection == connection;
    let kept = if reused == row.reused { Ok(()) } else { Err(format!("the node's connection: reused is {reused}")) };
    judged.and(kept)
}

fn judge(gets: &Gets, answer: &Answer, old: bool) -> Result<(), String> {
    let right = match gets {
        Gets::Exactly(head, body) => {
            answer.whole && spelled(&answer.head, old, head.contains("\nDate: ")) == *head && answer.text() == *body
        }
        Gets::Status(status, text) => answer.whole && answer.status == *status && answer.text().contains(text),
        Gets::Cut(status) => !answer.whole && answer.status == *status,
        Gets::Interim(statuses) => answer.status == 200 && answer.interim == *statuses,
    };
    if right { Ok(()) } else { Err(format!("the client got {answer:?}\n   expected {gets:?}")) }
}

fn nothing_more(row: &Row, client: &mut Client) -> Result<(), String> {
    if row.request != OLD {
        client.finish();
    }
    match client.rest() {
        Ok(rest) if rest.is_empty() => Ok(()),
        Ok(rest) => Err(format!("EXTRA: {:?}", String::from_utf8_lossy(&rest))),
        Err(error) => Err(format!("the client's connection does not end: {error}")),
    }
}

/// The head with its framing lines last, in alphabetical order: where they stand says nothing. To HTTP/1.0 `close` is
/// what goes without saying. The Date that Weir adds where a node has none, and the request's id, have tests of their own.
fn spelled(head: &str, old: bool, dated: bool) -> String {
    let is_framing = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        ["connection", "content-length", "transfer-encoding"].contains(&name.as_str())
    };
    let lines: Vec<&str> = head
        .trim_end_matches("\r\n")
        .split("\r\n")
        .filter(|line| !old || *line != "Connection: close")
        .filter(|line| dated || !line.starts_with("Date: "))
        .filter(|line| !line.strip_prefix("X-Request-Id: ").is_some_and(is_made_id))
        .collect();
    let (mut framing, others): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(is_framing);
    framing.sort_unstable();
    let all: Vec<&str> = others.into_iter().chain(framing).collect();
    all.join("\n")
}

fn shorten(text: &str) -> String {
    text.chars().take(300).collect()
}
