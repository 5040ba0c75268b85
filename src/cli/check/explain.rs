//! `weir check --explain`: each value and where it comes from, in 80 columns.

use std::path::Path;

use serde_json::{Value, json};

use crate::config::{Effective, Place};

const WIDTH: usize = 80;
const LEAST: usize = 16;

/// As text: a heading for each table, and a line for each of its values.
pub(super) fn text(main: &Path, values: &[Effective]) -> String {
    let directory = main.parent().unwrap_or(Path::new(""));
    let tables = values.chunk_by(|one, next| one.table == next.table);
    let tables: Vec<String> = tables.map(|values| table(directory, values)).collect();
    format!("{}\n{}", main.display(), tables.join("\n"))
}

fn table(directory: &Path, values: &[Effective]) -> String {
    let rows: Vec<_> = values.iter().map(|value| (value, source(directory, value.at.as_ref()))).collect();
    let keys = values.iter().map(|value| value.key.len()).max().unwrap_or(0);
    let sources = rows.iter().map(|(_, source)| source.chars().count()).max().unwrap_or(0);
    let room = WIDTH.saturating_sub(keys + sources + 6).max(LEAST);
    let line = |(value, source): &(&Effective, String)| {
        format!("  {:keys$}  {:room$}  {source}\n", value.key, shortened(&value.value, room))
    };
    let heading = values.first().map(|value| value.table.as_str()).filter(|table| !table.is_empty());
    format!("{}\n{}", heading.unwrap_or("the top level"), rows.iter().map(line).collect::<String>())
}

/// `sites/esb.toml:12`, from the directory of the main file, or `default`.
fn source(directory: &Path, at: Option<&Place>) -> String {
    let Some(at) = at else { return "default".to_owned() };
    let file = at.file.strip_prefix(directory).unwrap_or(&at.file);
    format!("{}:{}", file.display(), at.line)
}

fn shortened(text: &str, room: usize) -> String {
    match text.char_indices().nth(room) {
        None => text.to_owned(),
        Some(_) => text.chars().take(room - 1).chain(['…']).collect(),
    }
}

/// As JSON: whole values, and where each stands; `file` and `line` are null for a default.
pub(super) fn json(values: &[Effective]) -> Value {
    let one = |value: &Effective| {
        json!({
            "table": value.table,
            "key": value.key,
            "value": value.value,
            "file": value.at.as_ref().map(|at| at.file.display().to_string()),
            "line": value.at.as_ref().map(|at| at.line),
        })
    };
    values.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    /// A heading or a line that must be there, with any number of blanks between its parts.
    fn has(said: &str, line: &str) -> bool {
        said.lines().any(|said| said.split_whitespace().collect::<Vec<_>>().join(" ") == line)
    }

    #[test]
    fn each_value_is_told_with_its_line_or_as_the_default() {
        let directory = std::env::temp_dir().join(format!("weir-explain-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("sites")).unwrap();
        let path = directory.join("weir.toml");
        std::fs::write(&path, MAIN).unwrap();
        std::fs::write(directory.join("sites/a.toml"), INCLUDED).unwrap();
        let values = config::load(&path).map(|config| config::explain(&config));
        std::fs::remove_dir_all(&directory).unwrap();
        let values = values.map_err(|errors| errors.to_string()).unwrap();
        let said = text(&path, &values);
        for line in [
            "include [\"sites/*.toml\"] weir.toml:1",
            "state-dir \"/var/lib/weir\" default",
            "[admin]",
            "bind \"127.0.0.1:9180\" default",
            "[[listener]] http",
            "[[pool]] p",
            "nodes [\"n\"] weir.toml:10",
            "tls (plain) default",
            "[pool.timeouts] p",
            "read \"5m\" default",
            "[pool.health.probes] p 1",
            "kind \"tcp\" weir.toml:12",
            "hosts [\"a.test\"] sites/a.toml:4",
            "[site.request-headers] s",
            "set { Authorization = … } sites/a.toml:6",
            "[[site.route]] s r",
            "[site.route.headers] s r X-Key",
            "value (left out) sites/a.toml:9",
        ] {
            assert!(has(&said, line), "{line:?} is missing in\n{said}");
        }
        assert!(!said.contains("Basic") && !said.contains("hunter2"), "{said}");
        let wide: Vec<_> = said.lines().skip(1).filter(|line| line.chars().count() > WIDTH).collect();
        assert!(wide.is_empty(), "{wide:#?}");
        let json = json(&values);
        let first = json.as_array().and_then(|values| values.iter().find(|value| value["key"] == "state-dir"));
        assert_eq!((&first.unwrap()["value"], &first.unwrap()["line"]), (&json!("\"/var/lib/weir\""), &Value::Null));
    }

    const MAIN: &str = r#"include = ["sites/*.toml"]
[[listener]]
name = "http"
bind = "127.0.0.1:8080"
[[node]]
name = "n"
address = "10.0.0.3"
[[pool]]
name = "p"
nodes = ["n"]
port = 80
health = { probes = [{ kind = "tcp" }] }
"#;

    const INCLUDED: &str = r#"[[site]]
name = "s"
listener = "http"
hosts = ["a.test"]
pool = "p"
request-headers = { set = { Authorization = "Basic c2VjcmV0" } }
[[site.route]]
name = "r"
headers = [{ name = "X-Key", value = "hunter2" }]
deny = true
"#;
}
