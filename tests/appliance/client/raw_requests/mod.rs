//! The raw-request table: what a client sends, what Weir answers, and the exact bytes that reach a node. The rule: what
//! Weir and a node could read differently is refused and the connection closed. After each row a canary on a fresh
//! connection gets its own answer, and the recording origin has seen nothing that a strict reader doubts.

mod bodies;
mod connections;
mod fields;
mod heads;
mod hosts;
mod lengths;
mod row;
mod targets;

use row::{Ends, Row, Want, expand};

use crate::harness::{Answer, Appliance, Client, Origin, Plan, Seen, ok, within};
use std::time::Duration;

/// The fewest rows that the table may shrink to.
const LEAST: usize = 200;

#[test]
fn every_row_of_the_table_holds() {
    let rows = all_rows();
    assert!(rows.len() >= LEAST, "only {} rows", rows.len());
    let origin = Origin::answering(|seen| match seen.text() {
        text if text.starts_with("HEAD ") => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_vec(),
        _ => ok(&seen.target()),
    });
    // One thread, so that one row's node connection is the next row's: poison cannot hide.
    let weir = Plan::before(&[&origin]).site("max-body = \"1MiB\"").start();
    let table = Table { weir: &weir, origin: &origin };
    let failures: Vec<String> =
        rows.iter().filter_map(|row| table.try_row(row).err().map(|why| row.tell(&why))).collect();
    assert!(failures.is_empty(), "{} of {} rows fail:\n\n{}", failures.len(), rows.len(), failures.join("\n"));
}

#[test]
fn no_two_rows_have_one_name() {
    let mut names: Vec<String> = all_rows().iter().map(|row| row.name.clone()).collect();
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

fn all_rows() -> Vec<Row> {
    let parts = [
        heads::rows(),
        targets::rows(),
        hosts::rows(),
        fields::rows(),
        lengths::rows(),
        bodies::rows(),
        connections::rows(),
    ];
    parts.into_iter().flatten().collect()
}

struct Table<'a> {
    weir: &'a Appliance,
    origin: &'a Origin,
}

impl Table<'_> {
    fn try_row(&self, row: &Row) -> Result<(), String> {
        let before = self.origin.count();
        let mut client = Client::plain(self.weir.http()).map_err(|error| format!("cannot connect: {error}"))?;
        let bytes = expand(&row.send);
        for piece in bytes.chunks(row.piece.unwrap_or(bytes.len()).max(1)) {
            client.send(piece);
        }
        if row.finished {
            client.finish();
        }
        let answered = Self::answers(row, &mut client);
        let ended = answered.and_then(|()| Self::end(row, &mut client));
        let reached = ended.and_then(|()| self.reached(row, before));
        // The canary flies whatever came before: one row's fault must not become the next row's.
        let canary = self.canary(row, before + row.reaches.len());
        reached.and(canary)
    }

    fn answers(row: &Row, client: &mut Client) -> Result<(), String> {
        for (place, want) in row.answers.iter().enumerate() {
            let to_head = row.send.starts_with("HEAD ");
            let answer = if to_head { client.answer_to_head() } else { client.answer() };
            let answer = answer.map_err(|error| format!("answer {}: {error}, expected {want:?}", place + 1))?;
            fits(want, &answer).map_err(|why| format!("answer {}: {why}", place + 1))?;
        }
        Ok(())
    }

    fn end(row: &Row, client: &mut Client) -> Result<(), String> {
        if row.ends == Ends::Open {
            client.finish();
        }
        match client.rest() {
            Ok(rest) if rest.is_empty() || row.ends == Ends::Abandoned => Ok(()),
            Ok(rest) => Err(format!("EXTRA: {:?}", String::from_utf8_lossy(&rest))),
            Err(_) if row.ends == Ends::Abandoned => Ok(()),
            Err(error) => Err(format!("the connection is not closed: {error}")),
        }
    }

    fn reached(&self, row: &Row, before: usize) -> Result<(), String> {
        if matches!(row.ends, Ends::Cut | Ends::Abandoned) {
            return self.nothing_whole(before);
        }
        let seen = self.origin.seen().split_off(before);
        doubts(&seen)?;
        let got: Vec<String> = seen.iter().map(Seen::text_but_id).collect();
        let wanted: Vec<String> =
            row.reaches.iter().map(|text| String::from_utf8_lossy(&expand(text)).into_owned()).collect();
        if got == wanted { Ok(()) } else { Err(format!("reached the node:\n   {got:?}\nexpected:\n   {wanted:?}")) }
    }

    /// A request whose body is refused may have begun; it must not look whole, and its connection must end.
    fn nothing_whole(&self, before: usize) -> Result<(), String> {
        let seen = self.origin.seen().split_off(before);
        doubts(&seen)?;
        if let Some(whole) = seen.iter().find(|seen| seen.complete) {
            return Err(format!("a whole request reached the node: {:?}", whole.text()));
        }
        let dropped = within(Duration::from_secs(2), || seen.is_empty() || self.origin.open_connections() == 0);
        if dropped { Ok(()) } else { Err("the broken request's node connection stays open".to_owned()) }
    }

    fn canary(&self, row: &Row, before: usize) -> Result<(), String> {
        let target = format!("/canary-{}", row.name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"));
        let mut client = Client::plain(self.weir.http()).map_err(|error| format!("canary: {error}"))?;
        client.send(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\nConnection: close\r\n\r\n"));
        let answer = client.answer().map_err(|error| format!("canary: {error}"))?;
        // What a refused body had begun may arrive late; whole it must not be.
        let mut seen = self.origin.seen().split_off(before.min(self.origin.count()));
        doubts(&seen)?;
        seen.retain(|seen| seen.complete);
        if answer.status == 200 && answer.text() == target && seen.len() == 1 && client.is_closed() {
            Ok(())
        } else {
            Err(format!(
                "POISON: the canary got {answer:?}; the node got {:?}",
                seen.iter().map(Seen::text).collect::<Vec<_>>()
            ))
        }
    }
}

fn fits(want: &Want, answer: &Answer) -> Result<(), String> {
    let said = answer.refusal();
    let (status, word) = said.split_once(' ').unwrap_or((&said, ""));
    // What Weir answers itself says status and word; what the node answers here is a plain 200.
    let own = answer.status == 200 || status == answer.status.to_string();
    let fine = want.statuses.contains(&answer.status) && (want.word.is_empty() || want.word == word);
    if fine && own && answer.whole {
        return Ok(());
    }
    Err(format!("got {} {:?}, expected {want:?}", answer.status, answer.text()))
}

fn doubts(seen: &[Seen]) -> Result<(), String> {
    match seen.iter().find_map(|seen| seen.doubtful.as_ref().map(|why| (why, seen))) {
        Some((why, seen)) => Err(format!("UNSAFE ({why}): {:?}", seen.text())),
        None => Ok(()),
    }
}
