//! What is read of `[[strategies.custom]]`, and what is said of its faults.

use super::*;
use crate::model::{Side, Strategy};

const BASE: &str = "timeframes.list = [\"1m\", \"5m\"]\ninput.streams = [{ name = \"in\", timeframe = \"1m\" }]\n";

fn load(text: &str) -> Result<Loaded, Faults> {
    let bytes = format!("{BASE}watchlist = [{{ symbol = \"A\" }}, {{ symbol = \"B\" }}]\n{text}").into_bytes();
    Config::load(&[Layer::File { name: "my.toml".to_owned(), bytes }])
}

fn table(name: &str, more: &str) -> String {
    let when = if more.contains("when =") { "" } else { "when = \"price > sma(20)\"\n" };
    let confidence = if more.contains("confidence =") { "" } else { "confidence = 0.7\n" };
    let side = if more.contains("side =") { "" } else { "side = \"buy\"\n" };
    format!("[[strategies.custom]]\nname = \"{name}\"\n{side}{when}{confidence}{more}\n")
}

#[test]
fn strategies_of_the_configuration_get_places_programs_and_cells() {
    let text = table("dip", "timeframes = [\"5m\"]")
        + &table("dip", "timeframes = [\"1m\"]\nwhen = \"price < ema(9)\"\nevery_bar = true")
        + &table(
            "top",
            "when = \"price > ema(12)\"\nside = \"sell\"\nsymbols = [\"B\"]\nconfidence = \"clamp(rsi(14) / 100)\"\nmin_confidence = 0.2",
        )
        + &table("off", "enabled = false");
    let Loaded { config, effective, .. } = load(&text).unwrap();
    let plan = config.plan();
    let names: Vec<&str> = plan.roster.iter().skip(Strategy::COUNT).map(Strategy::name).collect();
    assert_eq!(names, ["dip", "top"]);
    assert_eq!(plan.roster.kind_named("top_sell").map(|kind| kind.index()), Some(plan.roster.kind_count() - 1));
    assert_eq!(plan.programs.iter().map(|program| program.defined_after()).collect::<Vec<_>>(), [15, 20]);
    assert_eq!(config.strategies.custom[2].side, Side::Sell);
    // What is shown loads back to the same.
    let shown = effective.to_toml();
    let again = Config::load(&[Layer::File { name: "shown".to_owned(), bytes: shown.clone().into_bytes() }]).unwrap();
    assert_eq!(again.config, config, "{shown}");
    // Where there are none, there is nothing.
    let plan = load("").unwrap().config.plan();
    assert_eq!(plan.roster.count(), Strategy::COUNT);
    assert!(plan.programs.iter().all(|program| program.is_empty()));
}

#[test]
fn a_faulty_expression_is_shown_with_a_caret() {
    let faults = load(&table("dip", "when = \"price > 1 and rsii(14) < 60\"")).unwrap_err().to_string();
    let want = "my.toml:8: strategies.custom[0].when: unknown name `rsii`; did you mean `rsi`?\n    \
                price > 1 and rsii(14) < 60\n                  ^^^^";
    assert_eq!(faults, want);
}

#[test]
fn what_makes_no_sense_is_refused_and_the_fault_says_what_would_mend_it() {
    for (text, want) in [
        (table("macd_rsi", ""), "strategies.custom[0].name: \"macd_rsi\" is the name of something built in"),
        (table("golden_cross", ""), "\"golden_cross\" is the name of something built in"),
        (table("Dip", ""), "strategies.custom[0].name: found \"Dip\"; allowed: a name of lower-case letters"),
        (table("dip", "side = \"long\""), "strategies.custom[0].side: found \"long\"; allowed: \"buy\", \"sell\""),
        (table("dip", "wen = 1"), "strategies.custom[0].wen: unknown key; did you mean `when`?"),
        (table("dip", "min_confidence = 2"), "strategies.custom[0].min_confidence: found 2"),
        (table("dip", "timeframes = [\"1h\"]"), "strategies.custom[0].timeframes: has 1h, which is not calculated"),
        (table("dip", "symbols = [\"C\"]"), "strategies.custom[0].symbols: has \"C\", which is not on the watchlist"),
        (table("dip", "") + &table("dip", "timeframes = [\"1m\"]"), "custom[1].name: \"dip\" is strategies.custom[0]"),
        (
            table("dip", "timeframes = [\"5m\"]") + &table("dip", "timeframes = [\"1m\"]\nside = \"sell\""),
            "the other side",
        ),
        (table("dip_buy", "") + &table("dip", ""), "the signals of strategies.custom[0] would have one name"),
        ("[[strategies.custom]]\nname = \"x\"\nwhen = \"price > 1\"\n".to_owned(), "custom[0].side: is missing"),
        ((0..25).map(|k| table(&format!("dip{k}"), "")).collect(), "has 25 names; allowed: at most 24"),
        (table("dip", "when = \"price > 1\"\nconfidence = \"price > 2\""), "custom[0].confidence: is a condition"),
    ] {
        let faults = load(&text).unwrap_err().to_string();
        assert!(faults.contains(want), "{want}\n{faults}");
    }
}
