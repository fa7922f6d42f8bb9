//! Records as JSON in a field, against the parser of serde.

use crate::{
    harness::Target,
    outcome::{Outcome, nothing},
};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{collections::BTreeMap, fmt, sync::LazyLock};
use wagehood_engine::{
    config::{Config, Layer, Prices},
    feed::{
        Entry, EntryForm, Refusal,
        json::{MAX_DEPTH, MAX_PATHS, Paths, Piece},
    },
};

pub const PAYLOAD: Target = Target {
    name: "payload",
    check: payload,
    mend: nothing,
    words: &[
        "{\"s\":\"A\"}",
        "\"k\":",
        "{\"o\":1}",
        "\"t\":1751985000000",
        "\"o\":\"1.5\"",
        "\"h\":2",
        "\"l\":1",
        "\"c\":1.5",
        "\"v\":0",
        "\"n\":null",
        "\"x\":false",
        "\"x\":\"1\"",
        "\\u0061",
        "\\ud83d\\ude00",
        "\\/",
        "\\\"",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "null",
        "true",
        "false",
        "-0",
        "1e5",
        "1E999",
        "0.1",
        "01",
        " ",
        "\n",
        "\0",
        "é",
        "\u{feff}",
        "[[[[[[[[",
        "]]]]]]]]",
    ],
    // Reading the configuration of the form is in it, and what the check itself makes.
    memory: (4 << 20, 512),
    made: Vec::new,
};

const PATHS: [&str; 9] = ["s", "k.t", "k.o", "k.h", "k.l", "k.c", "k.v", "1", "k.0.s"];

/// JSON with everything that it says, twice what is there twice.
#[derive(Debug)]
enum Json {
    Null,
    Word(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E>(self, word: bool) -> Result<Json, E> {
                Ok(Json::Word(word))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
                Ok(Json::Number(number as f64))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
                Ok(Json::Number(number as f64))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
                Ok(Json::Number(number))
            }
            fn visit_str<E>(self, text: &str) -> Result<Json, E> {
                Ok(Json::Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = list.next_element()? {
                    all.push(one);
                }
                Ok(Json::List(all))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = map.next_entry()? {
                    all.push(one);
                }
                Ok(Json::Object(all))
            }
        }
        from.deserialize_any(Any)
    }
}

impl Json {
    /// All values at a path.
    fn at<'a>(&'a self, path: &[&str], found: &mut Vec<&'a Self>) {
        let Some((name, rest)) = path.split_first() else { return found.push(self) };
        match self {
            Self::Object(all) => all.iter().filter(|(own, _)| own == name).for_each(|(_, value)| value.at(rest, found)),
            Self::List(all) => {
                let place = name.parse().ok().filter(|place: &usize| place.to_string() == *name);
                all.iter().enumerate().filter(|(k, _)| Some(*k) == place).for_each(|(_, value)| value.at(rest, found));
            }
            _ => {}
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::List(all) => 1 + all.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(all) => 1 + all.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn is(&self, text: Option<&[u8]>) -> bool {
        let text = text.map(|text| std::str::from_utf8(text).expect("found in a text"));
        match self {
            Self::Null => text.is_none(),
            Self::Word(word) => text == Some(&word.to_string()),
            Self::Text(own) => text == Some(own),
            Self::Number(own) => {
                let number: f64 = text.expect("a number").parse().expect("a number");
                (number - own).abs() <= 1e-14 * own.abs()
            }
            // As it is written.
            Self::List(_) | Self::Object(_) => {
                text.is_some_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
            }
        }
    }
}

/// A stream whose records are such JSON.
fn form() -> EntryForm {
    let text = "watchlist = [{symbol = \"A\"}]\n[[input.streams]]\nname = \"in\"\nbase = \"1m\"\npayload = \"data\"\nfinal = \"flag\"\n\
                timeframe_field = \"ignore\"\nrename = { \"BTC/USD\" = \"B\" }\nfields = { symbol = \"s\", ts = \"k.t\", open = \"k.o\", \
                high = \"k.h\", low = \"k.l\", close = \"k.c\", volume = \"k.v\", trades = \"k.n\", vwap = \"k.V\", is_closed = \"k.x\" }\n\
                [timeframes]\nlist = [\"1m\"]\n";
    let layer = Layer::File { name: "form".to_owned(), bytes: text.as_bytes().to_vec() };
    let config = Config::load(&[layer]).unwrap().config;
    EntryForm::of(&config.input.streams[0], Prices::Positive)
}

fn payload(input: &[u8]) -> u64 {
    let mut outcome = Outcome::default();
    let mut paths = Paths::default();
    PATHS.iter().for_each(|path| assert!(paths.add(path).is_some()));
    let (mut unescaped, mut found) = (Vec::new(), [Piece::None; MAX_PATHS]);
    let result = paths.find(input, &mut unescaped, &mut found);
    let whole = serde_json::from_slice::<Json>(input);
    match (&result, &whole) {
        (Ok(()), Ok(json)) => {
            for (path, piece) in PATHS.iter().zip(&found) {
                let (mut all, text) = (Vec::new(), piece.bytes(&unescaped));
                json.at(&path.split('.').collect::<Vec<_>>(), &mut all);
                match all[..] {
                    [] => assert_eq!(text, None, "{path}"),
                    [one] => assert!(one.is(text), "{path}: {one:?} {text:?}"),
                    _ => panic!("{path} is there {} times", all.len()),
                }
                outcome.add(u64::from(text.is_some()));
            }
        }
        // A number that no f64 holds.
        (Ok(()), Err(error)) => {
            assert!(serde_json::from_slice::<IgnoredAny>(input).is_ok(), "no JSON was let in: {error}");
        }
        (Err(Refusal::RepeatedField), Ok(json)) => {
            let count = |path: &&&str| {
                let mut all = Vec::new();
                json.at(&path.split('.').collect::<Vec<_>>(), &mut all);
                all.len() > 1
            };
            assert!(PATHS.iter().any(|path| count(&path)), "nothing is there twice");
        }
        (Err(Refusal::BadText), Ok(json)) => {
            let scalar = !matches!(json, Json::List(_) | Json::Object(_));
            assert!(scalar || json.depth() > MAX_DEPTH, "sound JSON was refused: {json:?}");
        }
        (Err(Refusal::BadText | Refusal::RepeatedField), Err(_)) => {}
        (Err(refusal), _) => panic!("{refusal:?}"),
    }
    static FORM: LazyLock<EntryForm> = LazyLock::new(form);
    let mut form = FORM.clone();
    let decoded = form.fields.decode([(&b"data"[..], input)].into_iter());
    let reasons: BTreeMap<&str, u64> = Refusal::ALL.iter().zip(10..).map(|(reason, n)| (reason.name(), n)).collect();
    match decoded {
        Ok(Entry::Bar(record)) => {
            assert!(record.low <= record.open && record.close <= record.high && record.low > 0.0);
            outcome.add(1);
        }
        Ok(_) => panic!("a payload holds a bar"),
        Err(refusal) => _ = outcome.add(reasons[refusal.name()]),
    }
    outcome.add(input.len().min(16) as u64).get()
}
