//! Golden values against ours.

use serde_json::Value;

/// Relative distance within which two numbers are the same.
pub const TOLERANCE: f64 = 1e-9;

/// Whether two numbers are the same.
pub fn close(ours: f64, golden: f64) -> bool {
    ours == golden || (ours - golden).abs() <= TOLERANCE * ours.abs().max(golden.abs())
}

/// Asserts that ours has all that is golden, as it is there; NaN is null with us. Fields of these names are left out.
pub fn assert_same(ours: &Value, golden: &Value, without: &[&str], at: &str) {
    match (ours, golden) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!(close(a, b), "{at}: ours {a}, golden {b}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{at}");
            a.iter().zip(b).enumerate().for_each(|(k, (a, b))| assert_same(a, b, without, &format!("{at}[{k}]")));
        }
        (Value::Object(a), Value::Object(b)) => {
            for (name, b) in b.iter().filter(|(name, _)| !without.contains(&name.as_str())) {
                let a = a.get(name).unwrap_or_else(|| panic!("{at}: without {name}"));
                assert_same(a, b, without, &format!("{at}.{name}"));
            }
        }
        _ => assert_eq!(ours, golden, "{at}"),
    }
}
