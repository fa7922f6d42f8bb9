//! Entries of signals, read back in whichever form they were written: for whoever explains, measures or tests. Allocates.

use super::frames::{SignalFrame, SignalFrameError, SignalNames};
use std::collections::HashMap;

/// A signal as its fields: names and texts, as an entry of the form with fields has them.
pub type SignalTexts = Vec<(String, String)>;

/// The names and values of an entry, as they came.
pub type EntryFields = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads entries of the signals' stream, and remembers the names that frames need.
#[derive(Debug, Default)]
pub struct SignalReader {
    /// By key of their hash.
    names: HashMap<String, SignalNames>,
}

/// An entry is in no form of signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignalEntryError {
    /// A frame that cannot be read.
    #[error("a frame of signals cannot be read: {0}")]
    Frame(#[from] SignalFrameError),
    /// Its field `signal` holds no object.
    #[error("the field `signal` of an entry is no object of JSON")]
    Json,
}

impl SignalReader {
    /// The signals of an entry. `ask` gives all fields of a hash on the server, once for each hash and again where a frame needs
    /// names that it did not have.
    ///
    /// # Errors
    /// An entry in no form of signals; those of `ask`.
    pub fn read<E: From<SignalEntryError>>(
        &mut self,
        entry: &[(Vec<u8>, Vec<u8>)],
        mut ask: impl FnMut(&str) -> Result<HashMap<String, String>, E>,
    ) -> Result<Vec<SignalTexts>, E> {
        let field = |name: &str| entry.iter().find(|(found, _)| found == name.as_bytes()).map(|(_, value)| &value[..]);
        if let (Some(frame), Some(key), 2) = (field("frame"), field("names"), entry.len()) {
            let frame = SignalFrame::parse(frame).map_err(SignalEntryError::from)?;
            let key = text(key);
            let known = self.names.get(&key).is_some_and(|names| frame.check_names(names).is_ok());
            if !known {
                let names = SignalNames::new(ask(&key)?);
                frame.check_names(&names).map_err(SignalEntryError::from)?;
                self.names.insert(key.clone(), names);
            }
            return Ok(self.names.get(&key).map_or_else(Vec::new, |names| frame.fields(names).collect()));
        }
        if let (Some(json), 1) = (field("signal"), entry.len()) {
            return Ok(vec![members(&text(json)).ok_or(SignalEntryError::Json)?]);
        }
        Ok(vec![entry.iter().map(|(name, value)| (text(name), text(value))).collect()])
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The members of an object of JSON without white space between them: texts as they are, the rest as it is written.
fn members(json: &str) -> Option<SignalTexts> {
    let mut rest = json.strip_prefix('{')?.strip_suffix('}')?;
    let mut members = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_at_checked(end_of_text(rest)?)?;
        let value = after.strip_prefix(':')?;
        let end = end_of_value(value)?;
        let (value, after) = value.split_at_checked(end)?;
        let value = if value.starts_with('"') { unquoted(value)? } else { value.to_owned() };
        members.push((unquoted(name)?, value));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Some(members)
}

fn unquoted(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

/// Where a quoted text ends that stands at the beginning.
fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = true; // the first quote does not end it
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Where a value ends that stands at the beginning of the rest of an object.
fn end_of_value(text: &str) -> Option<usize> {
    let (mut at, mut depth) = (0, 0u32);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => {
                at += end_of_text(text.get(at..)?)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
    (depth == 0).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_reads_back_as_its_members() {
        let json = r#"{"a":"x\"y\\","b":1e-05,"c":[{"d":"},"},{}],"e":null,"f":"é"}"#;
        let pairs = [("a", "x\"y\\"), ("b", "1e-05"), ("c", r#"[{"d":"},"},{}]"#), ("e", "null"), ("f", "é")];
        assert_eq!(members(json).unwrap(), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(members("{}"), Some(Vec::new()));
        for bad in ["", "{", "[]", "{\"a\"}", "{\"a\":\"b}", "{a:1}", "{\"a\":[}", "{\"a\":]}"] {
            assert_eq!(members(bad), None, "{bad}");
        }
    }
}
