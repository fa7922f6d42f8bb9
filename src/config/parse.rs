//! Parses text into trees: TOML with line numbers, JSON without.

use super::{
    fault::Fault,
    node::{Data, Node, Table},
    origin::Origin,
};
use toml::de::{DeTable, DeValue};

/// Parses the bytes of a TOML file into a tree.
///
/// `origin` makes the origin of a line. If the syntax is broken, the faults say so, and the tree holds what could be
/// recovered, so that the rest of the file is still checked.
pub(super) fn toml_file(bytes: &[u8], origin: &dyn Fn(usize) -> Origin) -> (Node, Vec<Fault>) {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count();
            let problem = "not UTF-8 text; save the file as UTF-8".to_owned();
            let fault = Fault { origin: origin(line), key: String::new(), problem };
            return (Node::new(Data::Table(Table::new()), origin(line)), vec![fault]);
        }
    };
    let lines = Lines { starts: text.match_indices('\n').map(|(at, _)| at + 1).collect(), origin };
    let (table, errors) = DeTable::parse_recoverable(text);
    let faults = errors.iter().map(|error| {
        let origin = lines.origin(error.span().map_or(0, |span| span.start));
        Fault { origin, key: String::new(), problem: format!("not TOML: {}", error.message().replace('\n', " ")) }
    });
    let faults: Vec<Fault> = faults.collect();
    (Node::new(Data::Table(lines.table(table.into_inner())), lines.origin(0)), faults)
}

/// Offsets at which the lines of a text start.
struct Lines<'a> {
    starts: Vec<usize>,
    origin: &'a dyn Fn(usize) -> Origin,
}

impl Lines<'_> {
    fn origin(&self, at: usize) -> Origin {
        (self.origin)(1 + self.starts.partition_point(|&start| start <= at))
    }

    fn table(&self, table: DeTable<'_>) -> Table {
        let entry = |(key, value): (toml::Spanned<toml::de::DeString<'_>>, toml::Spanned<DeValue<'_>>)| {
            let at = key.span().start;
            let mut node = Node::new(self.data(value.into_inner()), self.origin(at));
            node.rank = at as u64;
            (key.into_inner().into_owned(), node)
        };
        table.into_iter().map(entry).collect()
    }

    fn data(&self, value: DeValue<'_>) -> Data {
        match value {
            DeValue::Boolean(flag) => Data::Flag(flag),
            DeValue::String(text) => Data::Text(text.into_owned()),
            DeValue::Integer(int) => match i64::from_str_radix(int.as_str(), int.radix()) {
                Ok(value) => Data::Int(value),
                Err(_) => Data::Other(int.as_str().to_owned()),
            },
            DeValue::Float(real) => match real.as_str().parse() {
                Ok(value) => Data::Real(value),
                Err(_) => Data::Other(real.as_str().to_owned()),
            },
            DeValue::Datetime(time) => Data::Other(time.to_string()),
            DeValue::Table(table) => Data::Table(self.table(table)),
            DeValue::Array(array) => {
                let node = |value: toml::Spanned<DeValue<'_>>| {
                    let at = value.span().start;
                    let mut node = Node::new(self.data(value.into_inner()), self.origin(at));
                    node.rank = at as u64;
                    node
                };
                Data::List(array.into_iter().map(node).collect())
            }
        }
    }
}

/// A TOML value of the program as a tree.
pub(super) fn toml_value(value: &toml::Value, origin: &Origin) -> Node {
    let data = match value {
        toml::Value::String(text) => Data::Text(text.clone()),
        toml::Value::Integer(int) => Data::Int(*int),
        toml::Value::Float(real) => Data::Real(*real),
        toml::Value::Boolean(flag) => Data::Flag(*flag),
        toml::Value::Datetime(time) => Data::Other(time.to_string()),
        toml::Value::Array(list) => Data::List(list.iter().map(|v| toml_value(v, origin)).collect()),
        toml::Value::Table(table) => {
            Data::Table(table.iter().map(|(k, v)| (k.clone(), toml_value(v, origin))).collect())
        }
    };
    Node::new(data, origin.clone())
}

/// A JSON value as a tree; `null` counts as absent.
pub(super) fn json_value(value: &serde_json::Value, origin: &Origin) -> Option<Node> {
    use serde_json::Value;
    let data = match value {
        Value::Null => return None,
        Value::Bool(flag) => Data::Flag(*flag),
        Value::String(text) => Data::Text(text.clone()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Data::Int(int),
            (None, Some(real)) => Data::Real(real),
            (None, None) => Data::Other(number.to_string()),
        },
        Value::Array(list) => Data::List(list.iter().filter_map(|v| json_value(v, origin)).collect()),
        Value::Object(map) => {
            let entry = |(rank, (key, value)): (usize, (&String, &Value))| {
                let mut node = json_value(value, origin)?;
                node.rank = rank as u64;
                Some((key.clone(), node))
            };
            Data::Table(map.iter().enumerate().filter_map(entry).collect())
        }
    };
    Some(Node::new(data, origin.clone()))
}
