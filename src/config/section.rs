//! Reads a tree into typed values: collects all faults and does not stop at the first.

use super::{
    fault::{Fault, nearest},
    node::{Data, Node, Table},
    origin::Origin,
    shape::{Declarations, Declared, Shape},
};

/// What a reading finds.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The faults.
    pub faults: Vec<Fault>,
    /// What the keys are declared to be, if that is asked for.
    pub declared: Option<Declarations>,
}

/// A table being read: knows its path and which keys were requested.
pub(super) struct Section<'t, 'f> {
    pub path: String,
    /// `None` if the table itself is faulty: then no key in it is reported as missing.
    table: Option<&'t Table>,
    origin: &'t Origin,
    known: Vec<&'static str>,
    found: &'f mut Found,
}

/// How a key of a section becomes a field.
pub(super) trait Field {
    type Out;
    /// Takes the key from the section; always returns a value, and reports a fault if the text gave none.
    fn take(&self, section: &mut Section<'_, '_>, key: &'static str) -> Self::Out;
}

/// A table with its own type.
pub(super) trait FromSection: Sized {
    /// Reads the keys.
    fn read(section: &mut Section<'_, '_>) -> Self;
}

impl<'t, 'f> Section<'t, 'f> {
    /// The section of a node, which must be a table.
    pub(super) fn new(path: String, node: &'t Node, found: &'f mut Found) -> Self {
        if node.table().is_none() {
            // A user who writes `redis = "…"` may mean the URL, or the password.
            let text = if path == "redis" { node.kind().to_owned() } else { node.found() };
            let problem = format!("found {text}; allowed: a table of keys");
            found.faults.push(Fault { origin: node.origin.clone(), key: path.clone(), problem });
        }
        Self { path, table: node.table(), origin: &node.origin, known: Vec::new(), found }
    }

    /// The value of a key, which counts as known from now on.
    pub(super) fn node(&mut self, key: &'static str) -> Option<&'t Node> {
        self.known.push(key);
        self.table.and_then(|table| table.get(key))
    }

    /// Notes what a key is declared to be, if that is asked for.
    pub(super) fn declare(&mut self, key: &str, declared: impl FnOnce() -> Declared) {
        if self.found.declared.is_none() {
            return;
        }
        let path = self.key(key);
        if let Some(all) = &mut self.found.declared {
            all.push((path, declared()));
        }
    }

    /// The same with what a key means.
    pub(super) fn about(&mut self, key: &'static str, text: &'static str) -> &mut Self {
        self.declare(key, || Declared::About(text));
        self
    }

    /// Reads a field.
    pub(super) fn get<F: Field>(&mut self, key: &'static str, field: F) -> F::Out {
        field.take(self, key)
    }

    /// The entries that were not requested by name, for tables whose keys are names; all of them then count as known.
    pub(super) fn rest(&mut self) -> Vec<(&'t str, &'t Node)> {
        let Some(table) = self.table.take() else { return Vec::new() };
        table.iter().map(|(k, v)| (k.as_str(), v)).filter(|(k, _)| !self.known.contains(k)).collect()
    }

    /// Whether a key is present.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// The keys requested so far.
    pub(super) fn known(&self) -> Vec<&'static str> {
        self.known.clone()
    }

    /// A section below this one.
    pub(super) fn below<'n, 's>(&'s mut self, key: &str, node: &'n Node) -> Section<'n, 's> {
        Section::new(self.key(key), node, self.found)
    }

    /// Reports a fault of a key's value.
    pub(super) fn fault(&mut self, key: &str, problem: String) {
        let origin = self.table.and_then(|t| t.get(key)).map_or(self.origin, |node| &node.origin).clone();
        self.found.faults.push(Fault { origin, key: self.key(key), problem });
    }

    /// Reports a fault of any value.
    pub(super) fn fault_at(&mut self, node: &Node, key: String, problem: String) {
        self.found.faults.push(Fault { origin: node.origin.clone(), key, problem });
    }

    /// Reports a value that is not allowed.
    pub(super) fn refuse(&mut self, node: &Node, key: String, allowed: &str) {
        self.refuse_as(node, key, &node.found(), allowed);
    }

    /// Reports a value that is not allowed, with this description of what was found.
    pub(super) fn refuse_as(&mut self, node: &Node, key: String, found: &str, allowed: &str) {
        self.fault_at(node, key, format!("found {found}; allowed: {allowed}"));
    }

    /// Reports a required key that is absent.
    pub(super) fn missing(&mut self, key: &str, allowed: &str) {
        if self.table.is_some() {
            self.fault(key, format!("is missing; allowed: {allowed}"));
        }
    }

    /// Dotted path of a key of this section.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Reports the keys that were not requested.
    pub(super) fn finish(mut self) {
        for (key, node) in self.rest() {
            let hint = match nearest(key, self.known.iter().copied()) {
                Some(word) => format!("unknown key; did you mean `{word}`?"),
                None => format!("unknown key; known here: {}", self.known.join(", ")),
            };
            let origin = node.origin.clone();
            self.found.faults.push(Fault { origin, key: self.key(&key.escape_debug().to_string()), problem: hint });
        }
    }
}

/// A single value with a rule.
pub(super) trait Scalar {
    type Out;
    /// The value, if the rule allows it.
    fn read(&self, node: &Node) -> Option<Self::Out>;
    /// What the rule allows, for messages.
    fn allowed(&self) -> String;
    /// What the rule allows, for the schema.
    fn shape(&self) -> Shape;
    /// A refused value, as it may be shown.
    fn found(&self, node: &Node) -> String {
        node.found()
    }
}

/// A single value with a substitute for use after a fault.
impl<S: Scalar<Out: Default>> Field for S {
    type Out = S::Out;
    fn take(&self, section: &mut Section<'_, '_>, key: &'static str) -> S::Out {
        let present = section.has(key);
        let value = Optional(self).take(section, key);
        if !present {
            section.missing(key, &self.allowed());
        }
        value.unwrap_or_default()
    }
}

/// An optional value.
pub(super) struct Optional<S>(pub S);

impl<S: std::ops::Deref<Target: Scalar>> Field for Optional<S> {
    type Out = Option<<S::Target as Scalar>::Out>;
    fn take(&self, section: &mut Section<'_, '_>, key: &'static str) -> Self::Out {
        section.declare(key, || Declared::Shape(self.0.shape(), self.0.allowed()));
        let node = section.node(key)?;
        let value = self.0.read(node);
        if value.is_none() {
            let path = section.key(key);
            section.refuse_as(node, path, &self.0.found(node), &self.0.allowed());
        }
        value
    }
}

/// An optional value with a default.
pub(super) struct Or<S: Scalar>(pub S, pub S::Out);

impl<S: Scalar<Out: Clone>> Field for Or<S> {
    type Out = S::Out;
    fn take(&self, section: &mut Section<'_, '_>, key: &'static str) -> S::Out {
        Optional(&self.0).take(section, key).unwrap_or_else(|| self.1.clone())
    }
}

/// A list of single values.
pub(super) struct List<S>(pub S);

impl<S: Scalar> Field for List<S> {
    type Out = Vec<S::Out>;
    fn take(&self, section: &mut Section<'_, '_>, key: &'static str) -> Self::Out {
        let shape = || Shape::List(Box::new(self.0.shape()));
        section.declare(key, || Declared::Shape(shape(), format!("a list; each: {}", self.0.allowed())));
        let Some(node) = section.node(key) else {
            section.missing(key, &format!("a list; each: {}", self.0.allowed()));
            return Vec::new();
        };
        let path = section.key(key);
        let Data::List(list) = &node.data else {
            section.refuse(node, path, &format!("a list; each: {}", self.0.allowed()));
            return Vec::new();
        };
        let mut values = Vec::with_capacity(list.len());
        for (i, item) in list.iter().enumerate() {
            match self.0.read(item) {
                Some(value) => values.push(value),
                None => section.refuse(item, format!("{path}[{i}]"), &self.0.allowed()),
            }
        }
        values
    }
}

/// A table with its own type.
pub(super) struct Nested<T>(std::marker::PhantomData<T>);

/// A table with its own type.
pub(super) const fn nested<T>() -> Nested<T> {
    Nested(std::marker::PhantomData)
}

impl<T: FromSection> Field for Nested<T> {
    type Out = T;
    fn take(&self, section: &mut Section<'_, '_>, key: &'static str) -> T {
        let empty = Node::new(Data::Table(Table::new()), Origin::Program);
        let path = section.key(key);
        section.declare(key, || Declared::Shape(Shape::Table, "a table".to_owned()));
        let node = section.node(key).unwrap_or(&empty);
        let mut inner = Section::new(path, node, section.found);
        let value = T::read(&mut inner);
        inner.finish();
        value
    }
}

/// A list of tables; those that cannot be read are omitted.
pub(super) struct Tables<T>(pub fn(&mut Section<'_, '_>) -> Option<T>);

impl<T> Field for Tables<T> {
    type Out = Vec<T>;
    fn take(&self, section: &mut Section<'_, '_>, key: &'static str) -> Vec<T> {
        let path = section.key(key);
        section.declare(key, || Declared::Shape(Shape::Tables, "a list of tables".to_owned()));
        let Some(node) = section.node(key) else { return Vec::new() };
        let Data::List(list) = &node.data else {
            section.refuse(node, path, "a list of tables");
            return Vec::new();
        };
        let mut values = Vec::with_capacity(list.len());
        for (i, item) in list.iter().enumerate() {
            let mut inner = Section::new(format!("{path}[{i}]"), item, section.found);
            values.extend((self.0)(&mut inner));
            inner.finish();
        }
        values
    }
}

/// Declares a section: a struct in which every field has its text and its rule.
macro_rules! section {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])+ $field:ident : $ty:ty = $rule:expr),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $($(#[doc = $doc])+ pub $field: $ty),* }
        impl $crate::config::section::FromSection for $name {
            fn read(section: &mut $crate::config::section::Section<'_, '_>) -> Self {
                Self { $($field: section.about(stringify!($field), concat!($($doc),+)).get(stringify!($field), $rule)),* }
            }
        }
    };
}
pub(super) use section;
