//! The questions of `weir init`: one line each. A wrong answer is told why, and asked again.

use std::io::{BufRead, Read, Write};
use std::path::PathBuf;

use super::answers::CertificateFiles;

/// Who asks whom.
pub(super) struct Dialog<R, W> {
    input: R,
    out: W,
}

impl<R: BufRead, W: Write> Dialog<R, W> {
    /// Reads answers from `input`.
    pub(super) fn new(input: R, out: W) -> Self {
        Self { input, out }
    }

    /// Asks until the answer can be read. An empty line means the default.
    pub(super) fn ask<T>(
        &mut self,
        question: &str,
        default: Option<&str>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, String> {
        loop {
            let shown = default.map(|default| format!(" [{default}]")).unwrap_or_default();
            self.say(&format!("{question}{shown}: "))?;
            let line = self.line()?;
            let answer = if line.is_empty() { default.unwrap_or_default() } else { &line };
            let why = match read(answer) {
                _ if answer.is_empty() => "this one is needed".to_owned(),
                Ok(answer) => return Ok(answer),
                Err(why) => why,
            };
            self.say(&format!("  {why}\n"))?;
        }
    }

    /// Asks for the certificate of a host; none means a new one.
    pub(super) fn certificate(&mut self, host: &str) -> Result<Option<CertificateFiles>, String> {
        let file = |text: &str| {
            if text == NEW || std::path::Path::new(text).is_file() {
                Ok(text.to_owned())
            } else {
                Err(format!("there is no file {text}"))
            }
        };
        let chain = self.ask(&format!("Certificate file of {host}; new: one is made, self-signed"), Some(NEW), file)?;
        if chain == NEW {
            return Ok(None);
        }
        let key = self.ask("Its private key file", None, file)?;
        Ok(Some(CertificateFiles { chain: PathBuf::from(chain), key: PathBuf::from(key) }))
    }

    /// Asks yes or no; yes is the default.
    pub(super) fn confirm(&mut self, question: &str) -> Result<bool, String> {
        self.ask(question, Some("yes"), |text| match text.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("write yes or no".to_owned()),
        })
    }

    fn say(&mut self, text: &str) -> Result<(), String> {
        let said = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        said.map_err(|error| format!("cannot ask: {error}; nothing was written"))
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.input.by_ref().take(LONGEST).read_line(&mut line) {
            Ok(0) => Err("the answers ended; nothing was written".to_owned()),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(format!("cannot read the answer: {error}; nothing was written")),
        }
    }
}

const NEW: &str = "new";
/// The longest answer; what is longer is taken for several.
const LONGEST: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::super::answers::host;
    use super::*;

    fn ask(lines: &str, default: Option<&str>) -> (Result<String, String>, String) {
        let mut out = Vec::new();
        let answer = Dialog::new(lines.as_bytes(), &mut out).ask("Host", default, host);
        (answer, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_wrong_answer_is_asked_again_and_the_end_of_input_ends() {
        let (answer, said) = ask("https://a.b/\n a.b \n", None);
        assert_eq!(answer.as_deref(), Ok("a.b"));
        assert_eq!(said, "Host:   write the name alone, without scheme and path: a.b\nHost: ");
        assert_eq!(ask("\n", Some("x.y")).0.as_deref(), Ok("x.y"));
        assert!(ask("\n\n", None).0.is_err_and(|why| why.contains("nothing was written")));
        assert!(ask("", Some("x.y")).0.is_err_and(|why| why.contains("nothing was written")));
        assert!(ask(&"x".repeat(10_000), None).0.is_err());
    }
}
