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

/// How the numbers of an input are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decimal {
    /// `1,234.5`, `1 234.5` or `1'234.5`.
    #[default]
    Point,
    /// `1.234,5` or `1 234,5`.
    Comma,
}

/// Parses a number as people's programs write it: with blanks or a currency sign around it, and with the digits before
/// the decimal point in groups.
///
/// The last group has three digits; those before have two or three (`1,24,340`), and a point as separator wants three.
///
/// # Errors
/// As for [`parse_f64`].
#[inline(never)]
pub fn parse_written_f64(text: &[u8], decimal: Decimal) -> Result<f64, Refusal> {
    const BAD: Refusal = Refusal::NotANumber;
    let mut text = text.trim_ascii();
    for sign in ["$", "€", "£", "¥", "₹"] {
        let sign = sign.as_bytes();
        text = text.strip_prefix(sign).or_else(|| text.strip_suffix(sign)).unwrap_or(text).trim_ascii();
    }
    let (point, separators): (u8, &[&str]) = match decimal {
        Decimal::Point => (b'.', &[",", "'", " ", "\u{a0}", "\u{202f}"]),
        Decimal::Comma => (b',', &[".", "'", " ", "\u{a0}", "\u{202f}"]),
    };
    let whole_len = text.iter().position(|&b| b == point).unwrap_or(text.len());
    let (whole, rest) = text.split_at(whole_len);
    let mut plain = [0u8; 64];
    let mut len = 0;
    let mut push = |bytes: &[u8]| {
        plain.get_mut(len..len + bytes.len())?.copy_from_slice(bytes);
        len += bytes.len();
        Some(())
    };
    match separators.iter().find(|separator| memchr::memmem::find(whole, separator.as_bytes()).is_some()) {
        None => push(whole).ok_or(BAD)?,
        Some(separator) => {
            let mut start = 0;
            let ends = memchr::memmem::find_iter(whole, separator.as_bytes()).map(Some).chain([None]);
            for (k, end) in ends.enumerate() {
                let group = &whole[start..end.unwrap_or(whole.len())];
                let digits = if k == 0 { group.strip_prefix(b"-").unwrap_or(group) } else { group };
                let fits = match (k, end) {
                    (0, _) => (1..=3).contains(&digits.len()),
                    (_, None) => digits.len() == 3,
                    (_, Some(_)) => digits.len() == 3 || digits.len() == 2 && *separator == ",",
                };
                if !fits || !digits.iter().all(u8::is_ascii_digit) {
                    return Err(BAD);
                }
                push(group).ok_or(BAD)?;
                start = end.map_or(start, |end| end + separator.len());
            }
        }
    }
    if let Some((_, fraction)) = rest.split_first() {
        push(b".").ok_or(BAD)?;
        push(fraction).ok_or(BAD)?;
    }
    parse_f64(&plain[..len])
}

/// Parses an amount as [`parse_written_f64`] does, or in thousands, millions or billions (`1.24M`).
///
/// # Errors
/// As for [`parse_f64`].
#[inline(never)]
pub fn parse_written_amount(text: &[u8], decimal: Decimal) -> Result<f64, Refusal> {
    let text = text.trim_ascii();
    let (unit, number) = match text.split_last() {
        Some((b'K' | b'k', number)) => (1e3, number),
        Some((b'M' | b'm', number)) => (1e6, number),
        Some((b'B' | b'b', number)) => (1e9, number),
        _ => (1.0, text),
    };
    Ok(parse_written_f64(number, decimal)? * unit)
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

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let point = |text: &str| parse_written_f64(text.as_bytes(), Decimal::Point).ok();
        for (text, number) in [
            (" 1.5\t", 1.5),
            ("1,234.5", 1_234.5),
            ("12,345,678", 12_345_678.0),
            ("1,24,340.50", 124_340.5),
            ("1 234.5", 1_234.5),
            ("1\u{a0}234\u{a0}567.5", 1_234_567.5),
            ("1'234.5", 1_234.5),
            ("-1,234.5", -1_234.5),
            ("$123.45", 123.45),
            ("123.45 €", 123.45),
            ("1e3", 1_000.0),
        ] {
            assert_eq!(point(text), Some(number), "{text}");
        }
        for text in
            ["", "1,2", "1,2345", "1,234,5", ",234", "1,,234", "1.234.5", "1,234 567", "abc", "1,234.5,6", "12,34"]
        {
            assert_eq!(point(text), None, "{text}");
        }
        let comma = |text: &str| parse_written_f64(text.as_bytes(), Decimal::Comma).ok();
        for (text, number) in [("1,5", 1.5), ("1.234,5", 1_234.5), ("1.234", 1_234.0), ("1 234,5", 1_234.5), ("7", 7.0)]
        {
            assert_eq!(comma(text), Some(number), "{text}");
        }
        for text in ["1.5", "1,5,6", "1.23.456,7", "12.34"] {
            assert_eq!(comma(text), None, "{text}");
        }
        assert_eq!(parse_written_amount(b"1.24M", Decimal::Point), Ok(1_240_000.0));
        assert_eq!(parse_written_amount(b"12,5K", Decimal::Comma), Ok(12_500.0));
        assert!(parse_written_amount(b"M", Decimal::Point).is_err());
        assert_eq!(parse_written_f64(&[b'1'; 200], Decimal::Point), Err(Refusal::NotANumber));
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
