//! Sale conditions of US stocks: what a trade may change of a bar. After the tables of the two tape associations, CTA (tapes A
//! and B) and UTP (tape C); of several conditions the strictest wins.

use super::net::TradeCounts;

const ALL: TradeCounts = TradeCounts::ALL;
const RANGE: TradeCounts = TradeCounts { last: false, range: true, volume: true };
const VOLUME: TradeCounts = TradeCounts { last: false, range: false, volume: true };
const NOTHING: TradeCounts = TradeCounts { last: false, range: false, volume: false };

/// What a trade with these conditions on this tape counts for. A condition that is in no table counts for volume alone.
#[must_use]
pub fn counts<'a>(conditions: impl IntoIterator<Item = &'a str>, tape: &str) -> TradeCounts {
    let both = |a: TradeCounts, b: TradeCounts| TradeCounts {
        last: a.last && b.last,
        range: a.range && b.range,
        volume: a.volume && b.volume,
    };
    conditions.into_iter().map(|condition| of(condition, tape)).fold(ALL, both)
}

fn of(condition: &str, tape: &str) -> TradeCounts {
    match condition {
        // An average price on the CTA's tapes, bunched trades on that of the UTP.
        "B" if tape == "C" => ALL,
        "" | " " | "@" | "A" | "D" | "E" | "F" | "K" | "O" | "S" | "X" | "Y" | "1" | "5" | "6" => ALL,
        // Late, or of another time: the price was there, but is not the last one.
        "G" | "L" | "P" | "Z" | "4" => RANGE,
        // Prints of a market centre's official prices are no trades, nor is a corrected close.
        "M" | "Q" | "9" => NOTHING,
        // Odd lots, averages, extended hours, contingent and the like, and what is not known.
        _ => VOLUME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_condition_wins() {
        for (conditions, tape, wanted) in [
            (&["@"][..], "C", ALL),
            (&[], "A", ALL),
            (&["@", "F"], "C", ALL),
            (&["@", "I"], "C", VOLUME),
            (&["@", "T", "I"], "C", VOLUME),
            (&["@", "Z"], "C", RANGE),
            (&["Z", "I"], "A", VOLUME),
            (&["Q"], "C", NOTHING),
            (&["@", "M"], "C", NOTHING),
            (&["B"], "C", ALL),
            (&["B"], "A", VOLUME),
            (&["?"], "A", VOLUME),
        ] {
            assert_eq!(counts(conditions.iter().copied(), tape), wanted, "{conditions:?} {tape}");
        }
    }
}
