//! JSON for people.

use serde_json::Value;

/// JSON as it is printed.
pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
