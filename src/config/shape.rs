//! What a value may look like, as its rule says it: for the schema that editors read.

/// A timeframe, as a regular expression.
pub(super) const TIMEFRAME: &str = "^[0-9]{1,9}[smhdwM]$";

/// Any name, as a regular expression.
pub(super) const ANY: &str = "";

/// What a value may look like.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// True or false.
    Flag,
    /// A whole number in a range.
    Whole(i64, i64),
    /// A number in a range; whether it must be above the first.
    Real { min: f64, max: f64, above: bool },
    /// A text; whether it may be empty.
    Text { empty: bool },
    /// A text of this regular expression.
    Pattern(&'static str),
    /// One of these texts.
    OneOf(Vec<String>),
    /// A list.
    List(Box<Self>),
    /// One of these.
    Either(Vec<Self>),
    /// A table of texts with these keys; with any if there are none.
    Texts(Vec<String>),
    /// A table, whose keys are declared by themselves.
    Table,
    /// A list of tables, whose keys are declared by themselves.
    Tables,
}

/// What is declared of a key, in the order in which it is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Declared {
    /// What it may look like, and what is allowed, for people.
    Shape(Shape, String),
    /// What it means.
    About(&'static str),
    /// It stands for every key of its table that this regular expression allows.
    Every(&'static str),
    /// It is an older name of another key of its table.
    OldName(String),
}

/// Everything that is declared, by dotted key.
pub(super) type Declarations = Vec<(String, Declared)>;
