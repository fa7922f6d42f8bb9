//! The configuration as a JSON schema, for editors: made of the rules that read it.
//!
//! A sample that has every optional table is read, and every rule says what it allows.

use super::{
    layers::sample,
    node::{Data, Node},
    shape::{Declared, Shape},
};
use crate::strategies::TABLES;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A table that is not in the defaults is read where it is there: this has each of them once.
const OPTIONAL: &str = r#"
[[watchlist]]
symbol = "A"
enabled_strategies = []
timeframes.1m = {}
[input]
streams = [{ name = "a", timeframe = "1m", fields = {}, rename = {} }]
history = [{ name = "b", timeframe = "1m" }, { files = ["c"], timeframe = "1m", columns = [] }]
[calendars.xnys]
[[strategies.custom]]
name = "a"
side = "buy"
when = "close > open"
confidence = 1
timeframes = ["1m"]
symbols = ["A"]
[[strategies.external]]
name = "b"
factors = ["c"]
[ingest.providers.any]
[timeframes.1m]
[styles]
day.timeframes.1m = {}
swing.timeframes.1m = {}
position.timeframes.1m = {}
"#;

/// The schema, in draft 7 of JSON Schema.
#[must_use]
pub fn schema() -> Value {
    let mut text = OPTIONAL.to_owned();
    for (name, _) in TABLES {
        text += &format!("[strategies.{name}]\ntimeframes.1m = {{}}\n");
        if *name != "common" {
            text += "supported_timeframes = [\"1m\"]\n";
        }
    }
    let own = TABLES.iter().filter(|(name, _)| *name != "common");
    let overrides = own.map(|(name, _)| format!("strategy_overrides.{name} = {{}}\n"));
    let text = text.replacen("symbol = \"A\"\n", &format!("symbol = \"A\"\n{}", overrides.collect::<String>()), 1);
    let (declared, defaults) = sample(&text);
    let mut root = Keys { shape: Some((Shape::Table, String::new())), ..Keys::default() };
    for (path, declared) in declared {
        root.at(&path).take(declared);
    }
    let mut schema = root.schema(Some(&defaults));
    if let Value::Object(schema) = &mut schema {
        schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        schema.insert("title".to_owned(), json!("configuration of wagehood-engine"));
    }
    schema
}

/// What is declared of a key, and of those below it.
#[derive(Debug, Default)]
struct Keys {
    shape: Option<(Shape, String)>,
    about: Option<&'static str>,
    /// Stands for all keys of its table of this regular expression.
    every: Option<&'static str>,
    /// The name that it has now.
    now: Option<String>,
    below: BTreeMap<String, Keys>,
    /// The keys below in the order in which they are read.
    order: Vec<String>,
}

impl Keys {
    /// What is declared of a dotted key; the entries of a list are one.
    fn at(&mut self, path: &str) -> &mut Self {
        let parts = path.split('.').map(|part| part.split_once('[').map_or(part, |(name, _)| name));
        parts.fold(self, |keys, part| {
            if !keys.below.contains_key(part) {
                keys.order.push(part.to_owned());
            }
            keys.below.entry(part.to_owned()).or_default()
        })
    }

    fn take(&mut self, declared: Declared) {
        match declared {
            Declared::Shape(shape, allowed) => self.shape = Some((shape, allowed)),
            Declared::About(text) => self.about = Some(text),
            Declared::Every(names) => self.every = Some(names),
            Declared::OldName(now) => self.now = Some(now),
        }
    }

    /// Its schema, with its default.
    fn schema(&self, default: Option<&Node>) -> Value {
        let Some((shape, allowed)) = &self.shape else { return json!({}) };
        let mut schema = self.of(shape, default);
        let told: Vec<&str> = [self.about.map(str::trim), Some(allowed.as_str())]
            .into_iter()
            .flatten()
            .filter(|text| !text.is_empty())
            .collect();
        if let Value::Object(schema) = &mut schema {
            let told = told.join("\nAllowed: ");
            if !told.is_empty() {
                schema.insert("description".to_owned(), json!(told));
            }
            if let Some(value) = default.and_then(plain) {
                schema.insert("default".to_owned(), value);
            }
        }
        schema
    }

    fn of(&self, shape: &Shape, default: Option<&Node>) -> Value {
        match shape {
            Shape::Flag => json!({ "type": "boolean" }),
            Shape::Whole(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Shape::Real { min, max, above } => {
                let mut schema = Map::from_iter([("type".to_owned(), json!("number"))]);
                schema.insert((if *above { "exclusiveMinimum" } else { "minimum" }).to_owned(), json!(min));
                if *max < f64::MAX {
                    schema.insert("maximum".to_owned(), json!(max));
                }
                Value::Object(schema)
            }
            Shape::Text { empty: true } => json!({ "type": "string" }),
            Shape::Text { empty: false } => json!({ "type": "string", "pattern": "\\S" }),
            Shape::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
            Shape::OneOf(names) => json!({ "type": "string", "enum": names }),
            Shape::List(each) => json!({ "type": "array", "items": self.of(each, None) }),
            Shape::Either(shapes) => {
                json!({ "anyOf": shapes.iter().map(|shape| self.of(shape, default)).collect::<Vec<_>>() })
            }
            Shape::Texts(names) if names.is_empty() => {
                json!({ "type": "object", "additionalProperties": { "type": "string" } })
            }
            Shape::Texts(names) => {
                let properties: Map<String, Value> =
                    names.iter().map(|name| (name.clone(), json!({ "type": "string" }))).collect();
                json!({ "type": "object", "properties": properties, "additionalProperties": false })
            }
            Shape::Table => self.table(default),
            Shape::Tables => json!({ "type": "array", "items": self.table(None) }),
        }
    }

    /// A table of the keys below.
    fn table(&self, default: Option<&Node>) -> Value {
        let (mut properties, mut patterns) = (Map::new(), Map::new());
        for name in &self.order {
            let keys = &self.below[name];
            if let Some(now) = &keys.now {
                let mut schema = self.below.get(now).map_or_else(|| json!({}), |keys| keys.schema(None));
                if let Value::Object(schema) = &mut schema {
                    schema.insert("description".to_owned(), json!(format!("the old name of {now}")));
                    schema.insert("deprecated".to_owned(), json!(true));
                }
                properties.insert(name.clone(), schema);
                continue;
            }
            let default = default.and_then(|node| node.table()?.get(name));
            match keys.every {
                Some(pattern) => patterns.insert(pattern.to_owned(), keys.schema(None)),
                None => properties.insert(name.clone(), keys.schema(default)),
            };
        }
        let mut schema = Map::from_iter([("type".to_owned(), json!("object"))]);
        schema.insert("properties".to_owned(), Value::Object(properties));
        if !patterns.is_empty() {
            schema.insert("patternProperties".to_owned(), Value::Object(patterns));
        }
        schema.insert("additionalProperties".to_owned(), json!(false));
        Value::Object(schema)
    }
}

/// A single value, or a list of such, as JSON.
fn plain(node: &Node) -> Option<Value> {
    match &node.data {
        Data::Flag(flag) => Some(json!(flag)),
        Data::Int(int) => Some(json!(int)),
        Data::Real(real) => Some(json!(real)),
        Data::Text(text) => Some(json!(text)),
        Data::List(list) => list.iter().map(plain).collect::<Option<Vec<_>>>().map(Value::Array),
        Data::Other(_) | Data::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, DEFAULT_TOML, Layer, Override};

    /// Why a value is not as a schema says: where, and which rule.
    fn refuses(schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let mut refuse = |what: &str| faults.push(format!("{at}: {what}"));
        if let Some(any) = schema["anyOf"].as_array() {
            let fits = |schema: &&Value| {
                let mut own = Vec::new();
                refuses(schema, value, at, &mut own);
                own.is_empty()
            };
            if !any.iter().any(|schema| fits(&schema)) {
                refuse("anyOf");
            }
            return;
        }
        let typed = match schema["type"].as_str() {
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("string") => value.is_string(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            other => panic!("{at}: no type, {other:?}: {schema}"),
        };
        if !typed {
            return refuse("type");
        }
        if let Some(number) = value.as_f64() {
            let bound = |name: &str| schema[name].as_f64();
            let low = bound("minimum").is_some_and(|min| number < min)
                || bound("exclusiveMinimum").is_some_and(|min| number <= min);
            if low || bound("maximum").is_some_and(|max| number > max) {
                refuse("range");
            }
        }
        if let Some(text) = value.as_str() {
            if schema["enum"].as_array().is_some_and(|names| !names.contains(value)) {
                refuse("enum");
            }
            if schema["pattern"].as_str().is_some_and(|pattern| !matches(pattern, text)) {
                refuse("pattern");
            }
        }
        for (place, item) in value.as_array().into_iter().flatten().enumerate() {
            refuses(&schema["items"], item, &format!("{at}[{place}]"), faults);
        }
        for (name, item) in value.as_object().into_iter().flatten() {
            let own = schema["properties"].get(name);
            let every = || {
                let mut patterns = schema["patternProperties"].as_object().into_iter().flatten();
                patterns.find(|(pattern, _)| matches(pattern, name)).map(|(_, schema)| schema)
            };
            let more = || Some(&schema["additionalProperties"]).filter(|more| more.is_object());
            match own.or_else(every).or_else(more) {
                Some(schema) => refuses(schema, item, &format!("{at}.{name}"), faults),
                None => faults.push(format!("{at}.{name}: unknown")),
            }
        }
    }

    /// The few regular expressions of the schema.
    fn matches(pattern: &str, text: &str) -> bool {
        match pattern {
            "\\S" => !text.trim().is_empty(),
            "" => true,
            _ if pattern.starts_with("^(all|auto|") => {
                ["all", "auto"].contains(&text) || text.starts_with(|c: char| c.is_ascii_digit())
            }
            "^[A-Za-z0-9._-]{0,64}$" => {
                text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            }
            _ if pattern.starts_with("^[a-z]") => text.starts_with(|c: char| c.is_ascii_lowercase()),
            _ if pattern.contains("(ms|") => {
                let unit = text.trim().trim_start_matches(|c: char| c.is_ascii_digit()).trim();
                ["ms", "s", "m", "h", "d"].contains(&unit)
            }
            _ if pattern.contains("[smhdwM]") => {
                text.ends_with(['s', 'm', 'h', 'd', 'w', 'M']) && text.starts_with(|c: char| c.is_ascii_digit())
            }
            other => panic!("a regular expression that this test does not know: {other}"),
        }
    }

    fn faults(text: &str) -> Vec<String> {
        let value: toml::Table = toml::from_str(text).unwrap();
        let mut faults = Vec::new();
        refuses(&schema(), &serde_json::to_value(value).unwrap(), "", &mut faults);
        faults
    }

    #[test]
    fn the_files_that_come_with_the_program_are_as_the_schema_says() {
        for text in [
            DEFAULT_TOML,
            include_str!("../../config/low-latency.toml"),
            include_str!("../../config/development.toml"),
            OPTIONAL,
        ] {
            assert_eq!(faults(text), [""; 0], "{text}");
        }
        // Every value of the manual has a text and its default.
        let manual: toml::Table = toml::from_str(DEFAULT_TOML).unwrap();
        let mut seen = 0;
        described(&schema(), &toml::Value::Table(manual), "", &mut seen);
        assert!(seen > 150, "{seen}");
    }

    fn described(schema: &Value, value: &toml::Value, at: &str, seen: &mut usize) {
        let Some(table) = value.as_table() else {
            assert!(schema["description"].is_string(), "{at}: {schema}");
            if !value.as_array().is_some_and(|list| list.iter().any(toml::Value::is_table)) {
                assert_eq!(schema["default"], serde_json::to_value(value).unwrap(), "{at}");
            }
            *seen += 1;
            return;
        };
        for (name, value) in table {
            let own = schema["properties"].get(name).unwrap_or_else(|| panic!("{at}.{name} is not in the schema"));
            described(own, value, &format!("{at}.{name}"), seen);
        }
    }

    /// What the schema refuses, the reading of a configuration refuses, and the other way around.
    #[test]
    fn the_schema_refuses_what_the_rules_refuse() {
        for (text, good) in [
            ("engine.workers = 3", true),
            ("engine.workres = 3", false),
            ("engine.workers = -1", false),
            ("engine.workers = \"3\"", false),
            ("engine.idle = \"backoff\"", true),
            ("engine.idle = \"nap\"", false),
            ("publish.max_age.day = \"15m\"", true),
            ("publish.max_age.day = \"soon\"", false),
            ("timeframes.15m = { price_scale = 0.5 }", true),
            ("timeframes.15m = { price_scale = 0 }", false),
            ("timeframes.soon = {}", false),
            ("watchlist = [{ symbol = \"A\", timeframes = [\"1m\"], trading_profile = \"swing_trading\" }]", true),
            ("watchlist = [{ symbol = \"A\", timeframes = { 1m = { buffer_size = 100 } } }]", true),
            ("watchlist = [{ symbol = \"A\", timeframes = 7 }]", false),
            (
                "watchlist = [{ symbol = \"A\", strategy_overrides = { macd_rsi_strategy = { rsi_oversold = 25 } } }]",
                true,
            ),
            ("watchlist = [{ symbol = \"A\", strategy_overrides = { macd_rsi = { rsi_oversold = 2500 } } }]", false),
            ("strategies.macd_rsi = { timeframes = { 5m = { rsi_oversold = 25 } } }", true),
            ("strategies.sr_breakout.lookback_periods = 30", true),
            ("calendars.xnys = { extra_closures = [\"2027-01-08\"], session = \"extended\" }", true),
            ("calendars.xnys = { session = \"never\" }", false),
            ("ingest.providers.binance = { page_bars = 500 }", true),
            ("ingest.providers.binance = { page_bars = 0 }", false),
        ] {
            let told = faults(text);
            assert_eq!(told.is_empty(), good, "{text}: {told:?}");
            let layer = Layer::File { name: "x".to_owned(), bytes: text.as_bytes().to_vec() };
            let read = Config::load(&[layer, Layer::Override(Override::new("limits.max_symbols", 100))]);
            assert_eq!(read.is_ok(), good, "{text}: {read:?}");
        }
    }
}
