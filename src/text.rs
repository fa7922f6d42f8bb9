//! Numbers and times as text, appended to a buffer: no allocation beyond the buffer's growth, no formatting machinery.
//!
//! Called from the publishing and reading agents for every field of every entry.

/// Appends an unsigned integer in decimal.
#[inline]
pub fn push_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a signed integer in decimal.
#[inline]
pub fn push_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a number in the shortest decimal form that reads back as the same number, spelled as Python's `repr` spells
/// it (`13763.0`, `1e-05`, `1e+16`, `nan`, `inf`), so that files compare byte by byte with those of Python programs.
#[inline]
pub fn push_f64(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        let text: &[u8] = match (value.is_nan(), value > 0.0) {
            (true, _) => b"nan",
            (_, true) => b"inf",
            _ => b"-inf",
        };
        return out.extend_from_slice(text);
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    let magnitude = value.abs();
    if magnitude < 1e-4 && magnitude > 0.0 {
        push_tiny(out, text);
    } else {
        out.extend_from_slice(text);
    }
}

/// Below 1e-4 the formatter writes `0.0000123` and `1.23e-6`, Python `1.23e-05` and `1.23e-06`.
#[cold]
fn push_tiny(out: &mut Vec<u8>, text: &[u8]) {
    if let [mantissa @ .., b'e', b'-', digit] = text {
        out.extend_from_slice(mantissa);
        return out.extend_from_slice(&[b'e', b'-', b'0', *digit]);
    }
    if text.contains(&b'e') {
        return out.extend_from_slice(text);
    }
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (&b"-"[..], rest),
        _ => (&b""[..], text),
    };
    let digits = digits.strip_prefix(b"0.0000").unwrap_or(digits);
    out.extend_from_slice(sign);
    if let [first, rest @ ..] = digits {
        out.push(*first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
    }
    out.extend_from_slice(b"e-05");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(push: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_spelled_as_python_spells_them() {
        for (value, expected) in [
            (13763.0, "13763.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (-0.0, "-0.0"),
            (0.0, "0.0"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (-1.25e-5, "-1.25e-05"),
            (9.999999999999999e-5, "9.999999999999999e-05"),
            (9.9e-6, "9.9e-06"),
            (-3e-9, "-3e-09"),
            (3e-10, "3e-10"),
            (1e15, "1000000000000000.0"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (1e16, "1e+16"),
            (1e100, "1e+100"),
            (5e-324, "5e-324"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(text(|out| push_f64(out, value)), expected);
        }
    }

    proptest! {
        #[test]
        fn numbers_read_back_as_themselves(bits: u64, exponent in -12i32..20) {
            let scaled = (bits % 1_000_000) as f64 * 10f64.powi(exponent);
            for value in [f64::from_bits(bits), scaled].into_iter().filter(|v| v.is_finite()) {
                let back: f64 = text(|out| push_f64(out, value)).parse().unwrap();
                prop_assert_eq!(back.to_bits(), value.to_bits());
            }
        }
    }
}
