//! Asks one member who is in the cluster, again and again on one connection: of each new one a node writes three lines into
//! its log.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

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
}

impl Source {
    pub(super) fn new(endpoint: Endpoint, interval: Duration) -> Self {
        Self { endpoint, patience: interval * 2, kept: None }
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
        let stream = TcpStream::connect(self.endpoint.authority.as_str()).await.map_err(refused)?;
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

fn refused(error: io::Error) -> Fault {
    Fault::Silent(ConnectFault::from(error).to_string())
}
