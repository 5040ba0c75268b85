//! A TCP connection to a host that is named by an operator, for what Weir itself asks: CAs, and the servers that machines share.

use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};

/// Connects to the first address of the host that lets it, all within the limit.
///
/// # Errors
/// In words: its name has no address, nobody listens, or it took too long.
pub(crate) async fn dial(host: &str, port: u16, limit: Duration) -> Result<TcpStream, String> {
    let connected = async {
        let addresses = lookup_host((host.trim_matches(['[', ']']), port));
        let addresses = addresses.await.map_err(|error| format!("its name cannot be looked up: {error}"))?;
        let mut last = "its name has no address".to_owned();
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = format!("cannot connect to {address}: {error}"),
            }
        }
        Err(last)
    };
    let late = |_| format!("no connection within {}", in_seconds(limit));
    tokio::time::timeout(limit, connected).await.map_err(late)?
}

/// Such as `10 s`, or `250 ms` where it is less than one.
pub(crate) fn in_seconds(limit: Duration) -> String {
    if limit.subsec_millis() == 0 { format!("{} s", limit.as_secs()) } else { format!("{} ms", limit.as_millis()) }
}
