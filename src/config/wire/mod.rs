//! The forms in which the documents of the existing system are kept: text or pickle, packed or not, whole or in chunks.
//!
//! Every form is read to plain data, and what is changed is written back in the form that was found. Blocks and
//! allocates: for starts, commands and reloads.

mod opcodes;
mod pickle;
mod pickled;

pub use pickled::Pickled;

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use pickle::unpickle;
use serde_json::Value;
use std::io::{Read as _, Write as _};

/// Longest document, bytes, packed or not.
pub const MAX_DOCUMENT_BYTES: usize = 16 << 20;
/// How deep a document may be nested: real ones need six levels.
const MAX_DEPTH: usize = 64;
/// Values that a document may hold, each list, table, key and text counted.
const MAX_VALUES: usize = 2_000_000;

/// First bytes of a gzip stream.
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// How a document is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireForm {
    /// `JSON:` and text.
    Json,
    /// `JSON_GZIP:` and packed text.
    JsonGzip,
    /// Text alone.
    Bare,
    /// Packed text alone.
    BareGzip,
    /// A prefix, and a pickle of a protocol, packed or not.
    Pickle {
        /// `RAW:`, `GZIP:`, `PICKLE:` or `PICKLE_GZIP:`.
        prefix: &'static str,
        /// Whether it is packed.
        packed: bool,
        /// Protocol of the pickle, 2 to 5.
        protocol: u8,
    },
}

/// Why a document cannot be read: in words that follow its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WireError(String);

impl WireError {
    fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

/// Prefixes of pickles, and whether what follows is packed. The longer of two that begin alike comes first.
const PICKLES: [(&str, bool); 4] = [("PICKLE_GZIP:", true), ("PICKLE:", false), ("GZIP:", true), ("RAW:", false)];

/// Reads a document of any form.
///
/// # Errors
/// It is of no known form, too large, nested too deeply, or a pickle that holds more than data.
pub fn decode(bytes: &[u8]) -> Result<(WireForm, Value), WireError> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(too_long());
    }
    if let Some(text) = bytes.strip_prefix(b"JSON_GZIP:") {
        return Ok((WireForm::JsonGzip, json(&unpack(text)?)?));
    }
    if let Some(text) = bytes.strip_prefix(b"JSON:") {
        return Ok((WireForm::Json, json(text)?));
    }
    for (prefix, packed) in PICKLES {
        let Some(rest) = bytes.strip_prefix(prefix.as_bytes()) else { continue };
        let unpacked = if packed { Some(unpack(rest)?) } else { None };
        let (protocol, value) = unpickle(unpacked.as_deref().unwrap_or(rest))?;
        return Ok((WireForm::Pickle { prefix, packed, protocol }, value));
    }
    if bytes.starts_with(GZIP_MAGIC) {
        return Ok((WireForm::BareGzip, json(&unpack(bytes)?)?));
    }
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[' | b'{') => Ok((WireForm::Bare, json(bytes)?)),
        _ => Err(WireError::new(
            "is of no known form; allowed: JSON:, JSON_GZIP:, RAW:, GZIP:, PICKLE: or PICKLE_GZIP: and a value, JSON alone, \
             or JSON packed with gzip",
        )),
    }
}

/// Writes a document in a form.
///
/// # Errors
/// It would be longer than a document may be.
pub fn encode(form: WireForm, value: &Value) -> Result<Vec<u8>, WireError> {
    let text = || value.to_string().into_bytes();
    let bytes = match form {
        WireForm::Json => [b"JSON:".as_slice(), &text()].concat(),
        WireForm::Bare => text(),
        WireForm::JsonGzip => [b"JSON_GZIP:".as_slice(), &pack(&text())?].concat(),
        WireForm::BareGzip => pack(&text())?,
        WireForm::Pickle { prefix, packed, protocol } => {
            let pickle = pickled::pickle(value, protocol);
            let body = if packed { pack(&pickle)? } else { pickle };
            [prefix.as_bytes(), &body].concat()
        }
    };
    if bytes.len() > MAX_DOCUMENT_BYTES { Err(too_long()) } else { Ok(bytes) }
}

fn too_long() -> WireError {
    WireError::new(format!("is longer than a document may be, {MAX_DOCUMENT_BYTES} bytes"))
}

fn json(text: &[u8]) -> Result<Value, WireError> {
    // The parser has a limit of its own on nesting.
    serde_json::from_slice(text).map_err(|error| WireError::new(format!("not JSON: {error}")))
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    GzDecoder::new(packed)
        .take(MAX_DOCUMENT_BYTES as u64 + 1)
        .read_to_end(&mut out)
        .map_err(|error| WireError::new(format!("not gzip: {error}")))?;
    if out.len() > MAX_DOCUMENT_BYTES { Err(too_long()) } else { Ok(out) }
}

fn pack(bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.map_err(|error| WireError::new(format!("cannot be packed: {error}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Value {
        let asset =
            |k: i64| json!({"symbol": format!("Ä{k}"), "enabled": true, "priority": k, "x": [null, -1.5, k << 40]});
        json!([asset(1), asset(70_000), asset(-3)])
    }

    #[test]
    fn every_form_is_written_as_it_was_found() {
        let mut forms = vec![WireForm::Json, WireForm::JsonGzip, WireForm::Bare, WireForm::BareGzip];
        for (prefix, packed) in PICKLES {
            forms.extend((2..=5).map(|protocol| WireForm::Pickle { prefix, packed, protocol }));
        }
        for form in forms {
            let bytes = encode(form, &sample()).unwrap();
            let (found, value) = decode(&bytes).unwrap();
            assert_eq!((found, &value), (form, &sample()));
            assert_eq!(encode(found, &value).unwrap(), bytes, "{form:?}");
        }
    }

    #[test]
    fn what_unpacks_to_more_than_a_document_is_refused() {
        let bomb = pack(&vec![b' '; MAX_DOCUMENT_BYTES + 2]).unwrap();
        assert!(bomb.len() < MAX_DOCUMENT_BYTES / 100);
        for prefix in ["", "JSON_GZIP:", "GZIP:", "PICKLE_GZIP:"] {
            let problem = decode(&[prefix.as_bytes(), &bomb].concat()).unwrap_err().to_string();
            assert!(problem.contains("longer than a document"), "{prefix}: {problem}");
        }
    }

    #[test]
    fn deep_text_is_refused() {
        let deep = format!("JSON:{}", "[".repeat(100_000));
        assert!(decode(deep.as_bytes()).unwrap_err().to_string().starts_with("not JSON: recursion"));
        assert!(decode(b"hello").unwrap_err().to_string().contains("no known form"));
        assert!(decode(b"GZIP:hello").unwrap_err().to_string().contains("not gzip"));
    }
}
