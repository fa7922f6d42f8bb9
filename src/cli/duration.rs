//! Durations and speeds as people write them.

use std::time::Duration;

/// Reads numbers with units, `ms`, `s`, `m`, `h` or `d`, the largest first, such as `1m30s`; a number without a unit is
/// seconds.
///
/// # Errors
/// Says how to write one.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write numbers with the units s, m, h or d, such as 30s, 1m30s or 1d".to_owned();
    let (mut rest, mut seconds, mut last) = (text.trim(), 0.0, f64::INFINITY);
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest.len()));
        let (unit, next) = behind.split_at(behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len()));
        let scale = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            // Only a number that stands alone needs none.
            "" if last.is_infinite() => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        if scale >= last || number < 0.0 {
            return Err(wrong());
        }
        seconds += number * scale;
        last = scale;
        rest = next.trim_start();
    }
    if last.is_infinite() {
        return Err(wrong());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// How fast recorded time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// As fast as it can.
    Max,
    /// This multiple of the recorded speed.
    Times(f64),
}

/// Reads `max`, or a number, with an `x` behind it or not.
///
/// # Errors
/// Says how to write one.
pub(super) fn parse_speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let factor = text.strip_suffix('x').unwrap_or(text).parse::<f64>().ok();
    factor
        .filter(|f| f.is_finite() && *f > 0.0)
        .map(Speed::Times)
        .ok_or_else(|| "write max, or a factor above zero such as 60x".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(parse_duration("90s").map(|d| d.as_secs()), Ok(90));
        assert_eq!(parse_duration("1.5m").map(|d| d.as_secs()), Ok(90));
        assert_eq!(parse_duration("1m30s").map(|d| d.as_secs()), Ok(90));
        assert_eq!(parse_duration("1d 2h").map(|d| d.as_secs()), Ok(93_600));
        assert_eq!(parse_duration("250ms").map(|d| d.as_millis()), Ok(250));
        assert_eq!(parse_duration("7").map(|d| d.as_secs()), Ok(7));
        for wrong in ["-1s", "soon", "", "1s1m", "1m30", "1m-5s", "s", "1x", "infs"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
