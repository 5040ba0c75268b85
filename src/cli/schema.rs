//! `weir schema`: the configuration's keys as a JSON Schema (draft 7), by which editors complete, explain and check.
//!
//! It says what one key may hold. What keys have to do with each other, and with files, `weir check` says.

use serde_json::{Map, Value, json};

use super::output::print;
use crate::app::FAILED;
use crate::config::{Form, Key, reference, table_below};

/// Prints it. Returns the exit code.
pub(super) fn run() -> i32 {
    if print(&format!("{:#}\n", schema())) { 0 } else { FAILED }
}

/// The whole schema. Each table of the reference is a definition of its own.
fn schema() -> Value {
    let tables = reference().chunk_by(|one, next| one.table == next.table).filter(|keys| !keys[0].table.is_empty());
    let definitions: Map<String, Value> =
        tables.map(|keys| (keys[0].table.to_owned(), table(keys.iter().collect()))).collect();
    let mut root = table(reference().iter().filter(|key| key.table.is_empty()).collect());
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["title"] = json!("weir.toml");
    root["description"] = json!("The configuration of Weir, and the files that it includes");
    root["definitions"] = Value::Object(definitions);
    root
}

fn table(keys: Vec<&Key>) -> Value {
    // An included file has no listener, and is checked by the same schema.
    let required = keys.iter().filter(|key| key.default == "required" && !key.table.is_empty());
    let required: Vec<&str> = required.map(|key| key.key).collect();
    let properties: Map<String, Value> = keys.iter().map(|key| (key.key.to_owned(), property(key))).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// What a key may hold, with its meaning and its default.
fn property(key: &Key) -> Value {
    let mut property = holds(key);
    let default = key.default.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
    // Texts, numbers, flags and lists of texts are the same in TOML and JSON.
    match default.and_then(|default| serde_json::from_str(default).ok()) {
        Some(default) => {
            property["description"] = json!(key.meaning);
            property["default"] = default;
        }
        None if key.default == "required" => property["description"] = json!(key.meaning),
        None => property["description"] = json!(format!("{}. Default: {}", key.meaning, key.default)),
    }
    property
}

fn holds(key: &Key) -> Value {
    let text = || json!({ "type": "string" });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    match (key.table, key.key, key.form) {
        ("site", "listener", _) => json!({ "anyOf": [text(), texts()] }),
        ("pool", "nodes", _) => json!({ "type": "array", "items": { "anyOf": [text(), below("pool.nodes")] } }),
        ("pool", "redirects", _) => {
            json!({ "anyOf": [{ "enum": ["off"] }, { "type": "array", "items": below("pool.redirects") }] })
        }
        (_, _, Form::Flag) => json!({ "type": "boolean" }),
        (_, _, Form::Text(_)) => text(),
        (_, _, Form::Choice(words)) => json!({ "enum": words }),
        (_, _, Form::Integer(from, to)) => json!({ "type": "integer", "minimum": from, "maximum": to }),
        (_, _, Form::Duration(_)) => pattern("^[0-9]+(ms|s|m|h|d)$"),
        (_, _, Form::Size(..)) => pattern("^[0-9]+(B|KiB|MiB|GiB|kB|KB|MB|GB)?$"),
        (_, _, Form::Percent) => pattern("^([0-9]{1,2}|100)%$"),
        (_, _, Form::List(_)) => texts(),
        (table, key, Form::OneOrMore) => {
            let one = below(table_below(table, key).unwrap_or_default());
            json!({ "anyOf": [one, { "type": "array", "minItems": 1, "items": one }] })
        }
        (_, _, Form::Table(list)) => match (table_below(key.table, key.key), list) {
            // `allOf`, because an editor ignores what stands beside a reference alone.
            (Some(name), false) => json!({ "allOf": [below(name)] }),
            (Some(name), true) => json!({ "type": "array", "items": below(name) }),
            (None, _) => json!({ "type": "object", "additionalProperties": text() }),
        },
    }
}

fn below(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}
