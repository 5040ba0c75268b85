//! A user who asks again and again while something happens, and notes what came of it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::appliance::Appliance;
use super::client::http1::Client;
use super::eventually::eventually;

/// A user who asks again and again, and what came of it.
pub(crate) struct User {
    over: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<(Instant, u16, String)>>>,
    thread: Option<JoinHandle<()>>,
}

impl User {
    /// One with this session, or with none.
    pub(crate) fn of(weir: &Appliance, host: &str, session: Option<&str>) -> Self {
        let cookie = session.map(|id| format!("Cookie: JSESSIONID={id}\r\n")).unwrap_or_default();
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n");
        let (over, seen, address) = (Arc::new(AtomicBool::new(false)), Arc::default(), weir.http());
        let (ends, notes) = (Arc::clone(&over), Arc::clone(&seen));
        let thread = std::thread::spawn(move || ask_on(address, &request, &ends, &notes));
        Self { over, seen, thread: Some(thread) }
    }

    pub(crate) fn seen(&self) -> Vec<(Instant, u16, String)> {
        self.seen.lock().expect("no user panics").clone()
    }

    /// Waits for some more answers to requests that are yet to be sent, and tells who gave them.
    #[track_caller]
    pub(crate) fn next(&self) -> Vec<String> {
        let mark = Instant::now();
        let since = || self.seen().into_iter().filter(move |seen| seen.0 > mark).map(|seen| seen.2);
        eventually("the user gets answers", || since().count() >= 5);
        since().collect()
    }

    /// Ends it; every request was answered well.
    #[track_caller]
    pub(crate) fn end(mut self) -> Vec<(Instant, u16, String)> {
        self.over.store(true, Ordering::SeqCst);
        self.thread.take().map(JoinHandle::join);
        let seen = self.seen();
        let bad: Vec<_> = seen.iter().filter(|seen| seen.1 != 200).collect();
        assert!(bad.is_empty() && !seen.is_empty(), "of {} requests these failed: {bad:?}", seen.len());
        seen
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.thread.take().map(JoinHandle::join);
    }
}

fn ask_on(address: SocketAddr, request: &str, over: &AtomicBool, seen: &Mutex<Vec<(Instant, u16, String)>>) {
    let mut client = None;
    while !over.load(Ordering::SeqCst) {
        let began = Instant::now();
        let connection = client.get_or_insert_with(|| Client::plain(address).expect("the plain listener accepts"));
        connection.send(request);
        let answer = connection.answer().unwrap_or_default();
        let whole = answer.whole;
        seen.lock().expect("no user panics").push((began, answer.status, answer.text()));
        // A user thinks a moment before the next click.
        if !whole || !connection.stays_silent(Duration::from_millis(20)) {
            client = None;
        }
    }
}
