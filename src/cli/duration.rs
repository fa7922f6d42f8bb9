//! Durations as people write them.

use std::time::Duration;

/// Reads a number and a unit, `ms`, `s`, `m` or `h`; without a unit, seconds.
///
/// # Errors
/// Says how to write one.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number and a unit s, m or h, such as 30s".to_owned();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let seconds = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(parse_duration("90s").map(|d| d.as_secs()), Ok(90));
        assert_eq!(parse_duration("1.5m").map(|d| d.as_secs()), Ok(90));
        assert!(parse_duration("-1s").is_err() && parse_duration("soon").is_err());
    }
}
