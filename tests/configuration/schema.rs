//! The schema for editors: it knows every key, takes every file that is shipped, and refuses what it can see to be wrong.

use std::fs;

use regex::Regex;
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};
use weir::config;

use super::{MINIMAL, root};

#[test]
fn every_key_of_the_reference_is_in_the_schema_with_its_meaning() {
    let schema = schema();
    for key in config::reference() {
        let table = if key.table.is_empty() { &schema } else { &schema["definitions"][key.table] };
        let property = &table["properties"][key.key];
        let described = property["description"].as_str().is_some_and(|text| text.starts_with(key.meaning));
        assert!(described, "{} of [{}]: {property}", key.key, key.table);
    }
}

#[test]
fn files_that_are_shipped_or_that_the_documentation_shows_pass() {
    let mut files: Vec<(String, String)> = ["conf/weir.toml", "conf/minimal.toml"]
        .map(|name| (name.to_owned(), fs::read_to_string(root().join(name)).unwrap()))
        .into();
    let pages = root().join("docs").read_dir().unwrap().map(|entry| entry.unwrap().path());
    for page in pages.filter(|page| page.extension().is_some_and(|end| end == "md")) {
        let text = fs::read_to_string(&page).unwrap();
        let examples = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        files.extend(examples.map(|example| (page.display().to_string(), example.to_owned())));
    }
    for (name, text) in files {
        // An example may show some keys of a table, without its heading and without the keys that it is not about.
        let passes = |heading: &&str| wrong(&format!("{heading}{text}")).iter().all(|what| what.contains(" has no "));
        let headings = [
            "",
            "[[listener]]\n",
            "[[node]]\n",
            "[[pool]]\n",
            "[[pool]]\n[pool.health]\n",
            "[[site]]\n",
            "[[site]]\n[[site.route]]\n",
        ];
        assert!(headings.iter().any(passes), "{name}: {:?}\n{text}", wrong(&text));
    }
    assert_eq!(wrong(&fs::read_to_string(root().join("conf/weir.toml")).unwrap()), [""; 0]);
}

#[test]
fn wrong_keys_words_and_forms_are_refused() {
    let pool = |line: &str| MINIMAL.replace("port = 80\n", &format!("port = 80\n{line}\n"));
    assert_eq!(wrong(MINIMAL), [""; 0]);
    for (text, said) in [
        (pool("helth = {}"), "/pool/0 knows no helth"),
        (pool("balance = \"least_conn\""), "/pool/0/balance is none of"),
        (pool("slow-start = 60"), "/pool/0/slow-start is no string"),
        (pool("slow-start = \"60\""), "/pool/0/slow-start is not"),
        (pool("retry-budget = \"120%\""), "/pool/0/retry-budget is not"),
        (pool("tries = 0"), "/pool/0/tries is out of range"),
        (pool("tls = {}"), "/pool/0/tls has no verify"),
        (pool("health = { probes = [{ kind = \"ping\" }] }"), "/pool/0/health/probes/0/kind is none of"),
        (pool("nodes = [3]").replace("nodes = [\"n\"]\n", ""), "/pool/0/nodes/0 is none of these"),
        (MINIMAL.replace("[[pool]]", "[pool]"), "/pool is no array"),
        (format!("stop-timeout = true\n{MINIMAL}"), "/stop-timeout is no string"),
    ] {
        assert!(wrong(&text).iter().any(|what| what.contains(said)), "{said}: {:?}", wrong(&text));
    }
}

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(root().join("conf/weir.schema.json")).unwrap()).unwrap()
}

/// What the schema refuses. An example of the documentation may have a key twice, to show both values.
fn wrong(text: &str) -> Vec<String> {
    let (table, _) = DeTable::parse_recoverable(text);
    let whole = schema();
    let mut wrong = Vec::new();
    check(&whole, &whole, &json(&DeValue::Table(table.into_inner())), "", &mut wrong);
    wrong
}

fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => Value::from(i64::from_str_radix(number.as_str(), number.radix()).unwrap()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => {
            let pairs = table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        other => panic!("{other:?}"),
    }
}

/// The words of JSON Schema that ours uses.
fn check(whole: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let mut say = |what: String| wrong.push(format!("{at} {what}"));
    let is = |kind: &str| match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    if let Some(kind) = schema["type"].as_str().filter(|kind| !is(kind)) {
        return say(format!("is no {kind}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        say(format!("is none of {}", schema["enum"]));
    }
    if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
        && !Regex::new(pattern).unwrap().is_match(text)
    {
        say(format!("is not {pattern}"));
    }
    if let (Some(from), Some(to), Some(number)) =
        (schema["minimum"].as_i64(), schema["maximum"].as_i64(), value.as_i64())
        && !(from..=to).contains(&number)
    {
        say("is out of range".to_owned());
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(required).is_none() {
            say(format!("has no {required}"));
        }
    }
    if let Some(name) = schema["$ref"].as_str() {
        check(whole, whole.pointer(&name[1..]).unwrap(), value, at, wrong);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(whole, part, value, at, wrong);
    }
    if let Some(parts) = schema["anyOf"].as_array() {
        let fits = |part| {
            let mut wrong = Vec::new();
            check(whole, part, value, at, &mut wrong);
            wrong.is_empty()
        };
        if !parts.iter().any(fits) {
            wrong.push(format!("{at} is none of these"));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(whole, &schema["items"], item, &format!("{at}/{index}"), wrong);
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => wrong.push(format!("{at} knows no {key}")),
            (Value::Null, other) => check(whole, other, value, &format!("{at}/{key}"), wrong),
            (property, _) => check(whole, property, value, &format!("{at}/{key}"), wrong),
        }
    }
}
