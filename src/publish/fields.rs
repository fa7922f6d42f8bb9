//! Named fields of a record, listed once and written in every form: an entry of a stream, an object of JSON.

use super::json::{Object, push_quoted};
use crate::redis_io::Command;

/// A form that fields are written in.
///
/// A record lists its fields once, in a function over any form. A new form is an implementation of this trait; its
/// functions are always inlined, so that names are copied as constants of known length.
pub(super) trait Fields {
    /// A text, which may hold anything.
    fn text(&mut self, name: &'static str, value: &str);
    /// A text that `write` appends, which may hold anything.
    fn text_with(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>));
    /// One of the program's own names.
    fn name(&mut self, name: &'static str, value: &'static str);
    /// A number.
    fn float(&mut self, name: &'static str, value: f64);
    /// An integer.
    fn int(&mut self, name: &'static str, value: i64);
    /// JSON that `write` appends.
    fn json(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>));
}

/// Fields of a stream entry: all values are text.
impl Fields for Command<'_> {
    #[inline(always)]
    fn text(&mut self, name: &'static str, value: &str) {
        self.field(name, value);
    }

    #[inline(always)]
    fn text_with(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        self.field_with(name, write);
    }

    #[inline(always)]
    fn name(&mut self, name: &'static str, value: &'static str) {
        self.field(name, value);
    }

    #[inline(always)]
    fn float(&mut self, name: &'static str, value: f64) {
        self.field_float(name, value);
    }

    #[inline(always)]
    fn int(&mut self, name: &'static str, value: i64) {
        self.field_int(name, value);
    }

    #[inline(always)]
    fn json(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        self.field_with(name, write);
    }
}

/// Members of a JSON object: texts are escaped where they must be.
impl Fields for Object<'_> {
    #[inline(always)]
    fn text(&mut self, name: &'static str, value: &str) {
        Object::text(self, name, value);
    }

    #[inline(always)]
    fn text_with(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        self.value(name, |out| push_quoted(out, write));
    }

    #[inline(always)]
    fn name(&mut self, name: &'static str, value: &'static str) {
        Object::name(self, name, value);
    }

    #[inline(always)]
    fn float(&mut self, name: &'static str, value: f64) {
        Object::float(self, name, value);
    }

    #[inline(always)]
    fn int(&mut self, name: &'static str, value: i64) {
        Object::int(self, name, value);
    }

    #[inline(always)]
    fn json(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        self.value(name, write);
    }
}

/// Counts fields, which a command is opened with; the compiler leaves of it a number.
#[derive(Debug, Default)]
pub(super) struct FieldCount(pub(super) usize);

impl Fields for FieldCount {
    #[inline]
    fn text(&mut self, _: &'static str, _: &str) {
        self.0 += 1;
    }

    #[inline]
    fn text_with(&mut self, _: &'static str, _: impl FnOnce(&mut Vec<u8>)) {
        self.0 += 1;
    }

    #[inline]
    fn name(&mut self, _: &'static str, _: &'static str) {
        self.0 += 1;
    }

    #[inline]
    fn float(&mut self, _: &'static str, _: f64) {
        self.0 += 1;
    }

    #[inline]
    fn int(&mut self, _: &'static str, _: i64) {
        self.0 += 1;
    }

    #[inline]
    fn json(&mut self, _: &'static str, _: impl FnOnce(&mut Vec<u8>)) {
        self.0 += 1;
    }
}
