//! JSON appended to a buffer: no tree, and allocations only if the buffer has to grow; numbers that JSON cannot hold
//! are null.

use crate::text::{push_f64, push_i64};

/// An object being written; [`Object::close`] ends it.
#[derive(Debug)]
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    /// Opens an object at the end of `out`.
    #[inline]
    pub fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Keys are the program's own names and those of timeframes: nothing in them needs escaping.
    #[inline(always)]
    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        debug_assert!(!key.bytes().any(needs_escape), "{key:?}");
        if std::mem::take(&mut self.empty) {
            self.out.push(b'"');
        } else {
            self.out.extend_from_slice(b",\"");
        }
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A member that is one of the program's own names, in which nothing needs escaping.
    #[inline(always)]
    pub fn name(&mut self, key: &str, name: &'static str) -> &mut Self {
        debug_assert!(!name.bytes().any(needs_escape), "{name:?}");
        let out = self.key(key);
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.push(b'"');
        self
    }

    /// A member that is a text.
    #[inline(always)]
    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        push_string(self.key(key), value);
        self
    }

    /// A member that is a text; `write` appends nothing that needs escaping.
    #[inline(always)]
    pub fn text_with(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        let out = self.key(key);
        out.push(b'"');
        write(out);
        out.push(b'"');
        self
    }

    /// A member that is a number; null where it is NaN or infinite.
    #[inline(always)]
    pub fn float(&mut self, key: &str, value: f64) -> &mut Self {
        push_number(self.key(key), value);
        self
    }

    /// A member that is a number; absent where it is NaN or infinite.
    #[inline(always)]
    pub fn float_if_finite(&mut self, key: &str, value: f64) -> &mut Self {
        if value.is_finite() { self.float(key, value) } else { self }
    }

    /// A member that is an integer.
    #[inline(always)]
    pub fn int(&mut self, key: &str, value: i64) -> &mut Self {
        push_i64(self.key(key), value);
        self
    }

    /// A member that is null.
    #[inline]
    pub fn null(&mut self, key: &str) -> &mut Self {
        self.key(key).extend_from_slice(b"null");
        self
    }

    /// A member whose value `write` appends.
    #[inline]
    pub fn value(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        write(self.key(key));
        self
    }

    /// A member that is an object, filled by `fill`.
    #[inline]
    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        let mut object = Object::open(self.key(key));
        fill(&mut object);
        object.close();
        self
    }

    /// Ends the object.
    #[inline]
    pub fn close(self) {
        self.out.push(b'}');
    }
}

/// An array being written; [`Array::close`] ends it.
#[derive(Debug)]
pub struct Array<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Array<'a> {
    /// Opens an array at the end of `out`.
    #[inline]
    pub fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, empty: true }
    }

    /// Appends an element that is an object, filled by `fill`.
    #[inline]
    pub fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        let mut object = Object::open(self.out);
        fill(&mut object);
        object.close();
        self
    }

    /// Ends the array.
    #[inline]
    pub fn close(self) {
        self.out.push(b']');
    }
}

/// Appends a number, or null if JSON cannot hold it.
#[inline]
pub(super) fn push_number(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() { push_f64(out, value) } else { out.extend_from_slice(b"null") }
}

/// Appends a quoted text.
#[inline]
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().any(needs_escape) {
        push_escaped(out, text);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
}

/// Appends a text, escaped, without quotes.
pub(super) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            _ => out.push(byte),
        }
    }
}

#[inline]
fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Appends what `write` appends, quoted and escaped.
#[inline]
pub(super) fn push_quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    let start = out.len();
    write(out);
    if out[start..].iter().any(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        escape_tail(out, start);
    }
    out.push(b'"');
}

/// Escapes everything from `start` on. Allocates, but names that need it are rare.
#[cold]
fn escape_tail(out: &mut Vec<u8>, start: usize) {
    let tail = out.split_off(start);
    push_escaped(out, &String::from_utf8_lossy(&tail));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    proptest! {
        #[test]
        fn texts_and_numbers_are_read_back(key in "[a-z_0-9]{0,20}", text: String, float: f64, int: i64) {
            let mut out = Vec::new();
            let mut object = Object::open(&mut out);
            object.text(&key, &text).object("in", |o| { o.float("f", float).int("i", int).null("n"); });
            object.close();
            let value: Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(&value[&key], &json!(text));
            prop_assert_eq!(&value["in"]["i"], &json!(int));
            prop_assert!(value["in"]["n"].is_null());
            match value["in"]["f"].as_f64() {
                // serde_json without float_roundtrip may be an ulp off; the text itself is exact (see crate::text).
                Some(read) => prop_assert!((read - float).abs() <= float.abs() * 1e-15 + f64::MIN_POSITIVE),
                None => prop_assert!(!float.is_finite()),
            }
        }
    }

    #[test]
    fn what_json_has_no_number_for_is_null_or_left_out() {
        let mut out = Vec::new();
        let mut object = Object::open(&mut out);
        object.float("a", f64::NAN).float("b", f64::INFINITY).float_if_finite("c", f64::NAN).float_if_finite("d", 1.0);
        object.close();
        assert_eq!(out, br#"{"a":null,"b":null,"d":1.0}"#);
    }

    #[test]
    fn containers_may_be_empty() {
        let mut out = Vec::new();
        Object::open(&mut out).close();
        Array::open(&mut out).close();
        assert_eq!(out, b"{}[]");
    }
}
