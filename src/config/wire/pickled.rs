//! Writes pickles that hold data alone, for readers in Python. The writer allocates only where its buffer grows.

use super::opcodes::data as op;
use serde_json::Value;

/// Writes one pickle to the end of a buffer: values in the order of JSON, containers between a begin and an end.
#[derive(Debug)]
pub struct Pickled<'a> {
    out: &'a mut Vec<u8>,
    short_texts: bool,
}

impl<'a> Pickled<'a> {
    /// Begins a pickle of protocol 5, without frames, which are optional.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self::of_protocol(out, 5)
    }

    fn of_protocol(out: &'a mut Vec<u8>, protocol: u8) -> Self {
        out.extend([op::PROTO, protocol]);
        Self { out, short_texts: protocol >= 4 }
    }

    /// Begins a dictionary: keys and values follow in turn.
    pub fn begin_dict(&mut self) {
        self.out.extend([op::EMPTY_DICT, op::MARK]);
    }

    /// Ends it.
    pub fn end_dict(&mut self) {
        self.out.push(op::SETITEMS);
    }

    /// Begins a list.
    pub fn begin_list(&mut self) {
        self.out.extend([op::EMPTY_LIST, op::MARK]);
    }

    /// Ends it.
    pub fn end_list(&mut self) {
        self.out.push(op::APPENDS);
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        match u8::try_from(text.len()) {
            Ok(length) if self.short_texts => self.out.extend([op::SHORT_BINUNICODE, length]),
            _ => {
                self.out.push(op::BINUNICODE);
                self.out.extend((text.len() as u32).to_le_bytes());
            }
        }
        self.out.extend(text.as_bytes());
    }

    /// A text of fewer than 256 bytes, which `write` appends.
    pub fn short_text_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.extend([op::SHORT_BINUNICODE, 0]);
        let start = self.out.len();
        write(self.out);
        self.out[start - 1] = (self.out.len() - start) as u8;
    }

    /// A number; None where it is NaN or infinite.
    pub fn real(&mut self, value: f64) {
        if value.is_finite() {
            self.out.push(op::BINFLOAT);
            self.out.extend(value.to_be_bytes());
        } else {
            self.none();
        }
    }

    /// A whole number.
    pub fn int(&mut self, value: i64) {
        if let Ok(byte) = u8::try_from(value) {
            self.out.extend([op::BININT1, byte]);
        } else if let Ok(value) = u16::try_from(value) {
            self.out.push(op::BININT2);
            self.out.extend(value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.out.push(op::BININT);
            self.out.extend(value.to_le_bytes());
        } else {
            self.out.extend([op::LONG1, 8]);
            self.out.extend(value.to_le_bytes());
        }
    }

    /// A switch.
    pub fn flag(&mut self, flag: bool) {
        self.out.push(if flag { op::NEWTRUE } else { op::NEWFALSE });
    }

    /// None.
    pub fn none(&mut self) {
        self.out.push(op::NONE);
    }

    /// Ends the pickle.
    pub fn end(self) {
        self.out.push(op::STOP);
    }

    /// Any value.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.none(),
            Value::Bool(flag) => self.flag(*flag),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => self.int(int),
                (None, real) => self.real(real.unwrap_or(f64::NAN)),
            },
            Value::String(text) => self.text(text),
            Value::Array(list) => {
                self.begin_list();
                list.iter().for_each(|item| self.value(item));
                self.end_list();
            }
            Value::Object(map) => {
                self.begin_dict();
                for (key, value) in map {
                    self.text(key);
                    self.value(value);
                }
                self.end_dict();
            }
        }
    }
}

/// A value as a pickle of a protocol, 2 to 5.
pub(super) fn pickle(value: &Value, protocol: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let mut pickled = Pickled::of_protocol(&mut out, protocol);
    pickled.value(value);
    pickled.end();
    out
}
