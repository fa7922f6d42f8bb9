//! One writer for text and for pickles: what both forms hold is said once.

use super::json::{push_number, push_string};
use crate::{config::Pickled, model::time::push_iso8601, text::push_i64};

/// Writes the members of a map.
pub(super) trait Tree: Sized {
    /// A member that is a number; none where it is NaN or infinite.
    fn real(&mut self, key: &str, value: f64);
    /// A member that is a whole number.
    fn int(&mut self, key: &str, value: i64);
    /// A member that is a switch.
    fn flag(&mut self, key: &str, value: bool);
    /// A member that is a text, or none.
    fn text(&mut self, key: &str, value: Option<&str>);
    /// A member that is a time, Unix ms, as the existing system writes it.
    fn stamp(&mut self, key: &str, ms: i64);
    /// A member that is a list of texts.
    fn texts<'t>(&mut self, key: &str, values: impl Iterator<Item = &'t str>);
    /// A member that is a map.
    fn map(&mut self, key: &str, fill: impl FnOnce(&mut Self));
}

/// As JSON.
pub(super) struct JsonTree<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> JsonTree<'a> {
    /// Appends a map.
    pub(super) fn push(out: &'a mut Vec<u8>, fill: impl FnOnce(&mut Self)) {
        let mut tree = Self { out, empty: true };
        tree.braces(fill);
    }

    fn braces(&mut self, fill: impl FnOnce(&mut Self)) {
        self.out.push(b'{');
        self.empty = true;
        fill(self);
        self.empty = false;
        self.out.push(b'}');
    }

    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        push_string(self.out, key);
        self.out.push(b':');
    }
}

impl Tree for JsonTree<'_> {
    fn real(&mut self, key: &str, value: f64) {
        self.key(key);
        push_number(self.out, value);
    }
    fn int(&mut self, key: &str, value: i64) {
        self.key(key);
        push_i64(self.out, value);
    }
    fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }
    fn text(&mut self, key: &str, value: Option<&str>) {
        self.key(key);
        match value {
            Some(text) => push_string(self.out, text),
            None => self.out.extend_from_slice(b"null"),
        }
    }
    fn stamp(&mut self, key: &str, ms: i64) {
        self.key(key);
        self.out.push(b'"');
        push_iso8601(self.out, ms);
        self.out.push(b'"');
    }
    fn texts<'t>(&mut self, key: &str, values: impl Iterator<Item = &'t str>) {
        self.key(key);
        self.out.push(b'[');
        for (k, text) in values.enumerate() {
            if k > 0 {
                self.out.push(b',');
            }
            push_string(self.out, text);
        }
        self.out.push(b']');
    }
    fn map(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        self.key(key);
        self.braces(fill);
    }
}

/// As a pickle.
pub(super) struct PickleTree<'a>(Pickled<'a>);

impl<'a> PickleTree<'a> {
    /// Appends `RAW:` and a map.
    pub(super) fn push(out: &'a mut Vec<u8>, fill: impl FnOnce(&mut Self)) {
        out.extend_from_slice(b"RAW:");
        let mut tree = Self(Pickled::new(out));
        tree.braces(fill);
        tree.0.end();
    }

    /// Appends `RAW:` and a number.
    pub(super) fn push_real(out: &'a mut Vec<u8>, value: f64) {
        out.extend_from_slice(b"RAW:");
        let mut pickled = Pickled::new(out);
        pickled.real(value);
        pickled.end();
    }

    fn braces(&mut self, fill: impl FnOnce(&mut Self)) {
        self.0.begin_dict();
        fill(self);
        self.0.end_dict();
    }
}

impl Tree for PickleTree<'_> {
    fn real(&mut self, key: &str, value: f64) {
        self.0.text(key);
        self.0.real(value);
    }
    fn int(&mut self, key: &str, value: i64) {
        self.0.text(key);
        self.0.int(value);
    }
    fn flag(&mut self, key: &str, value: bool) {
        self.0.text(key);
        self.0.flag(value);
    }
    fn text(&mut self, key: &str, value: Option<&str>) {
        self.0.text(key);
        match value {
            Some(text) => self.0.text(text),
            None => self.0.none(),
        }
    }
    fn stamp(&mut self, key: &str, ms: i64) {
        self.0.text(key);
        self.0.short_text_with(|out| push_iso8601(out, ms));
    }
    fn texts<'t>(&mut self, key: &str, values: impl Iterator<Item = &'t str>) {
        self.0.text(key);
        self.0.begin_list();
        values.for_each(|text| self.0.text(text));
        self.0.end_list();
    }
    fn map(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        self.0.text(key);
        self.braces(fill);
    }
}
