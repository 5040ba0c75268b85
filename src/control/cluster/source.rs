//! Asks one member who is in the cluster, again and again on one connection: of each new one a node writes three lines into
//! its log.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinHandle;

use super::member_list::MemberList;
use super::told::Fault;
use crate::config::Endpoint;
use crate::control::probing::answer::{NoAnswer, excerpt, read_answer};
use crate::proxy::node::ConnectFault;

/// A member that is asked.
pub(super) struct Source {
    endpoint: Endpoint,
    /// How long connecting and the answer may take. While members come and go, Hazelcast answers after 8 s.
    patience: Duration,
    /// The connection of the last answer.
    kept: Option<TcpStream>,
    addresses: LookUp<Vec<SocketAddr>>,
}

/// A look-up that is not begun again while it is under way. The system's own one has a thread until it ends, which with a resolver
/// that is down is long after nobody waits for it any more.
struct LookUp<T>(Option<JoinHandle<io::Result<T>>>);

impl Source {
    pub(super) fn new(endpoint: Endpoint, interval: Duration) -> Self {
        Self { endpoint, patience: interval * 2, kept: None, addresses: LookUp(None) }
    }

    /// The members that it names.
    pub(super) async fn ask(&mut self) -> Result<MemberList, Fault> {
        // A question that is given up drops its connection: a late answer would be taken for that to the next one.
        match tokio::time::timeout(self.patience, self.asked()).await {
            Ok(answer) => answer,
            Err(_) => Err(Fault::Silent(format!("no answer within {:?}", self.patience))),
        }
    }

    async fn asked(&mut self) -> Result<MemberList, Fault> {
        if let Some(stream) = self.kept.take() {
            // The node may have closed it between two questions, and it may have been started anew.
            match self.exchange(stream).await {
                Err(Fault::Closed | Fault::Silent(_)) => {}
                answer => return answer,
            }
        }
        let authority = self.endpoint.authority.clone();
        let look_up = async move { Ok(lookup_host(authority).await?.collect()) };
        let addresses: Vec<SocketAddr> = self.addresses.answer(look_up).await.map_err(refused)?;
        let stream = TcpStream::connect(&*addresses).await.map_err(refused)?;
        // If this fails, only Nagle's delay remains.
        let _ = stream.set_nodelay(true);
        self.exchange(stream).await
    }

    async fn exchange(&mut self, mut stream: TcpStream) -> Result<MemberList, Fault> {
        let Endpoint { authority, path } = &self.endpoint;
        let question = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: weir\r\nAccept: */*\r\n\r\n");
        stream.write_all(question.as_bytes()).await.map_err(|error| Fault::Silent(error.to_string()))?;
        let answer = read_answer(&mut stream).await.map_err(|none| match none {
            NoAnswer::Closed(seen) if seen.is_empty() => Fault::Closed,
            none => Fault::Silent(none.to_string()),
        })?;
        if answer.status != 200 {
            return Err(Fault::Useless(format!("status {}: {}", answer.status, excerpt(&answer.body))));
        }
        let members = MemberList::parse(&answer.body).map_err(Fault::Useless)?;
        self.kept = answer.is_whole.then_some(stream);
        Ok(members)
    }
}

impl<T: Send + 'static> LookUp<T> {
    async fn answer(&mut self, look_up: impl Future<Output = io::Result<T>> + Send + 'static) -> io::Result<T> {
        let answer = self.0.get_or_insert_with(|| tokio::spawn(look_up)).await;
        self.0 = None;
        answer.map_err(io::Error::other)?
    }
}

fn refused(error: io::Error) -> Fault {
    Fault::Silent(ConnectFault::from(error).to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_resolver_that_is_down_has_one_look_up_of_a_member_however_often_it_is_asked() {
        let (begun, ends) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let look_up = || {
            let (begun, ends) = (Arc::clone(&begun), Arc::clone(&ends));
            async move {
                let number = begun.fetch_add(1, Ordering::Relaxed) + 1;
                ends.notified().await;
                Ok(number)
            }
        };
        let mut addresses = LookUp(None);
        for _ in 0..9 {
            let given_up = tokio::time::timeout(Duration::from_millis(1), addresses.answer(look_up())).await;
            assert!(given_up.is_err());
        }
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        // What it finds in the end is taken, and the next question begins another one.
        for number in 1..3 {
            ends.notify_one();
            assert_eq!(addresses.answer(look_up()).await.unwrap(), number);
        }
    }
}
