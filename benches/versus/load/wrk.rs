//! wrk, with a script that prints exact figures at the end.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Load, output_of, read};
use crate::result::Result;
use crate::testbed::{MESSAGE, Testbed, write_file};

/// What is asked.
pub(crate) enum Ask<'ask> {
    /// Small answers on kept connections.
    Small,
    /// A connection for each request.
    Close,
    /// As many cookies as this file has lines, in turn.
    Cookies(&'ask Path),
    /// A message of 64 KiB.
    Post,
    /// The big file.
    Big,
}

/// How.
pub(crate) struct Wrk<'ask> {
    /// From how many connections.
    pub(crate) connections: usize,
    /// For how long.
    pub(crate) seconds: u64,
    /// What.
    pub(crate) ask: Ask<'ask>,
}

/// Prints what `read::wrk` reads.
const DONE: &str = "
function done(summary, latency, requests)
  local e = summary.errors
  print(string.format('versus: %d %d %d %d %d %d %d %d %d %d %d', summary.requests, summary.duration, \
latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max, e.connect, e.read, e.write, \
e.status, e.timeout))
end
";

const COOKIES: &str = "
local asked, at, count = {}, 0, 0
function init(args)
  for id in io.lines(args[1]) do
    count = count + 1
    asked[count] = wrk.format('GET', '/', { Cookie = 'JSESSIONID=' .. id })
  end
end
function request()
  at = at % count + 1
  return asked[at]
end
";

impl Wrk<'_> {
    /// Runs it against a port.
    pub(crate) fn run(&self, testbed: &Testbed, tls: bool, port: u16) -> Result<Load> {
        let path = if matches!(self.ask, Ask::Big) { "big" } else { "" };
        let url = format!("{}://127.0.0.1:{port}/{path}", if tls { "https" } else { "http" });
        let mut command = Command::new("wrk");
        command.args(["-t1", "--latency", "--timeout", "15s"]);
        command.arg(format!("-c{}", self.connections)).arg(format!("-d{}s", self.seconds));
        command.arg("-s").arg(self.script(testbed)?).arg(url);
        if let Ask::Cookies(file) = self.ask {
            command.arg("--").arg(file);
        }
        let text = output_of("wrk", &mut command, Duration::from_secs(self.seconds + 30))?;
        let line = read::wrk(&text).ok_or_else(|| format!("wrk: {text}"))?;
        let [p50, p99, p999, worst] = line.latencies;
        let [connect, read, write, status, timeout] = line.errors;
        // Requests answered with another status are among those that wrk counts.
        Ok(Load {
            requests: line.requests - status.min(line.requests),
            seconds: line.micros / 1e6,
            p50,
            p99,
            p999,
            worst,
            errors: line.errors.iter().sum(),
            complaint: format!(
                "wrk saw connect {connect}, read {read}, write {write}, status {status}, timeout {timeout}"
            ),
        })
    }

    fn script(&self, testbed: &Testbed) -> Result<PathBuf> {
        let (name, head) = match self.ask {
            Ask::Small | Ask::Big => ("plain", String::new()),
            Ask::Close => ("close", "wrk.headers['Connection'] = 'close'".to_owned()),
            Ask::Cookies(_) => ("cookies", COOKIES.to_owned()),
            Ask::Post => (
                "post",
                format!(
                    "wrk.method = 'POST'\nwrk.body = string.rep('0123456789abcdef', {})\nwrk.headers['Content-Type'] = 'text/xml'",
                    MESSAGE / 16
                ),
            ),
        };
        let file = testbed.dir.join("scripts").join(format!("{name}.lua"));
        write_file(&file, &format!("{head}\n{DONE}")).map(|()| file)
    }
}
