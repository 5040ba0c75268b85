//! The last lines of the audit file: who changed what, and why.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::journal::without_secrets;
use crate::config::regular;

/// As `control` calls it in the state directory.
const FILE: &str = "audit.log";

/// How much of its end is taken.
const MOST: u64 = 256 << 10;

/// The lines, or why there are none. `configuration` is what runs, as the API tells it.
pub(super) fn last_lines(configuration: Option<&[u8]>) -> Result<String, String> {
    let configuration = configuration.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or(Value::Null);
    let path = place(&configuration).ok_or("the state directory is not known")?;
    let text = end_of(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.lines().filter_map(told).collect())
}

fn place(configuration: &Value) -> Option<PathBuf> {
    let values = configuration["values"].as_array()?;
    let value = values.iter().find(|value| value["table"] == "" && value["key"] == "state-dir")?;
    let directory = value["value"].as_str()?.trim_matches('"');
    // A relative path begins at the directory of the file that it stands in.
    let beside = value["file"].as_str().and_then(|file| Path::new(file).parent()).unwrap_or(Path::new(""));
    Some(beside.join(directory).join(FILE))
}

fn end_of(path: &Path) -> io::Result<String> {
    let mut file = regular::open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(MOST)))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A whole line. An operator may have written anything as the reason.
fn told(line: &str) -> Option<String> {
    let mut line: Value = serde_json::from_str(line).ok()?;
    if let Some(reason) = line["reason"].as_str() {
        line["reason"] = without_secrets(reason).into();
    }
    Some(format!("{line}\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_end_of_the_file_is_told_without_secrets() {
        let directory = std::env::temp_dir().join(format!("weir-bundle-audit-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let line = |what: &str| json!({"what": what, "actor": "token:ops", "reason": "the new password=hunter2 came"});
        let many = (0..10_000).map(|number| format!("{}\n", line(&number.to_string())));
        std::fs::write(directory.join(FILE), many.collect::<String>()).unwrap();
        let file = directory.join("weir.toml").display().to_string();
        let state_dir = json!({"table": "", "key": "state-dir", "value": "\".\"", "file": file});
        let configuration = json!({"values": [{"table": "admin", "key": "state-dir", "value": "x"}, state_dir]});
        let told = last_lines(Some(configuration.to_string().as_bytes())).unwrap();
        let unknown = last_lines(None).unwrap_err();
        std::fs::remove_dir_all(&directory).unwrap();
        let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!((&last["what"], &last["actor"]), (&json!("9999"), &json!("token:ops")));
        // What is left out is told with more bytes than it had.
        assert!((told.len() as u64) < 2 * MOST && !told.contains("hunter2"), "{}", told.len());
        assert_eq!(unknown, "the state directory is not known");
    }
}
