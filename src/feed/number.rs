//! Parses the decimal numbers of an input.
//!
//! Runs several times per record on the reader's thread; allocates nothing and does not block.

use super::Refusal;

/// Parses a decimal number to the nearest `f64`, bit for bit as `str::parse::<f64>` does.
///
/// The grammar is that of `str::parse` without its infinities and NaNs: an optional sign, digits with an optional
/// point (`1`, `1.`, `.5`, `+1`, `007`), an optional exponent (`1e-5`). Blanks, `_`, thousands separators and
/// hexadecimals are refused.
///
/// # Errors
/// [`Refusal::NotFinite`] for every spelling of NaN and infinity and for numbers too large for an `f64` (`1e309`);
/// [`Refusal::NotANumber`] for anything else that is not a number, including the empty text.
#[inline]
pub fn parse_f64(text: &[u8]) -> Result<f64, Refusal> {
    match fast_float2::parse::<f64, _>(text) {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err(Refusal::NotFinite),
        Err(_) => Err(Refusal::NotANumber),
    }
}

/// Parses a number that a source may leave out: an empty text, or any spelling of NaN, is NaN.
///
/// # Errors
/// As for [`parse_f64`], for infinities and for anything that is not a number.
#[inline]
pub fn parse_optional_f64(text: &[u8]) -> Result<f64, Refusal> {
    if text.is_empty() {
        return Ok(f64::NAN);
    }
    match fast_float2::parse::<f64, _>(text) {
        Ok(number) if !number.is_infinite() => Ok(number),
        Ok(_) => Err(Refusal::NotFinite),
        Err(_) => Err(Refusal::NotANumber),
    }
}

/// Parses an unsigned decimal integer.
///
/// # Errors
/// [`Refusal::NotANumber`] for anything but digits, and for numbers of 2⁶⁴ and more.
#[inline]
pub fn parse_u64(text: &[u8]) -> Result<u64, Refusal> {
    if text.is_empty() {
        return Err(Refusal::NotANumber);
    }
    let mut number = 0u64;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(Refusal::NotANumber);
        }
        number = number.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit))).ok_or(Refusal::NotANumber)?;
    }
    Ok(number)
}

/// Parses a count; saturates at `u32::MAX`. Accepts a count written as a float (`12.0`, `1e3`).
///
/// # Errors
/// [`Refusal::NotANumber`] for a negative or fractional count and for anything that is not a number,
/// [`Refusal::NotFinite`] for NaN and infinity.
#[inline]
pub fn parse_count(text: &[u8]) -> Result<u32, Refusal> {
    if let Ok(count) = parse_u64(text) {
        return Ok(u32::try_from(count).unwrap_or(u32::MAX));
    }
    let count = parse_f64(text)?;
    if count < 0.0 || count.fract() != 0.0 {
        return Err(Refusal::NotANumber);
    }
    Ok(count as u32) // saturates
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_python_and_rust_write() {
        for (text, number) in [
            ("620.25", 620.25),
            ("1", 1.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("+1", 1.0),
            ("-1.5", -1.5),
            ("007", 7.0),
            ("1e-05", 1e-5),
            ("1E3", 1000.0),
            ("0", 0.0),
            ("13752.18233851", 13752.18233851),
            ("1.7976931348623157e308", f64::MAX),
            ("5e-324", 5e-324),
            ("1e-400", 0.0),
            ("0.1", 0.1),
            ("9007199254740993", 9007199254740992.0),
        ] {
            assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), Ok(number.to_bits()), "{text}");
        }
        assert_eq!(parse_f64(b"-0").map(f64::to_bits), Ok((-0.0f64).to_bits()));
    }

    #[test]
    fn tells_infinite_from_nonsense() {
        for text in
            ["inf", "-inf", "+Infinity", "INF", "nan", "NaN", "-nan", "1e309", "-1e999", "1e99999999999999999999"]
        {
            assert_eq!(parse_f64(text.as_bytes()), Err(Refusal::NotFinite), "{text}");
        }
        for text in [
            "",
            " ",
            " 1",
            "1 ",
            "1\n",
            "\t1",
            "0x10",
            "1_000",
            "1,5",
            "1,000.5",
            ".",
            "+",
            "-",
            "+-1",
            "--1",
            "e5",
            "1e",
            "1e+",
            "1.2.3",
            "None",
            "null",
            "infin",
            "nanx",
            "1f",
            "１",
            "\u{feff}1",
            "1\0",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), Err(Refusal::NotANumber), "{text:?}");
        }
    }

    #[test]
    fn counts_saturate_and_are_whole() {
        assert_eq!(parse_count(b"12"), Ok(12));
        assert_eq!(parse_count(b"12.0"), Ok(12));
        assert_eq!(parse_count(b"99999999999999999999999"), Ok(u32::MAX));
        assert_eq!(parse_count(b"12.5"), Err(Refusal::NotANumber));
        assert_eq!(parse_count(b"-1"), Err(Refusal::NotANumber));
        assert_eq!(parse_count(b"nan"), Err(Refusal::NotFinite));
        assert_eq!(parse_u64(b"18446744073709551615"), Ok(u64::MAX));
        for text in ["18446744073709551616", "", "-1", "+1", "1.0", " 1"] {
            assert_eq!(parse_u64(text.as_bytes()), Err(Refusal::NotANumber), "{text:?}");
        }
    }

    /// The result of `str::parse`, in this module's terms.
    fn oracle(text: &str) -> Result<u64, Refusal> {
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number.to_bits()),
            Ok(_) => Err(Refusal::NotFinite),
            Err(_) => Err(Refusal::NotANumber),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn agrees_with_the_standard_library(
            bits: u64, decimal in "[+-]?[0-9]{0,25}\\.?[0-9]{0,25}([eE][+-]?[0-9]{1,4})?", noise in "[0-9.eE+\\-_ xinfa]{0,12}", any in "\\PC{0,8}"
        ) {
            let number = f64::from_bits(bits);
            for text in [number.to_string(), format!("{number:e}"), decimal, noise, any] {
                prop_assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), oracle(&text), "{}", text);
            }
        }

        #[test]
        fn bytes_that_are_not_text_are_not_numbers(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let expected = std::str::from_utf8(&bytes).map_or(Err(Refusal::NotANumber), oracle);
            prop_assert_eq!(parse_f64(&bytes).map(f64::to_bits), expected);
        }
    }
}
