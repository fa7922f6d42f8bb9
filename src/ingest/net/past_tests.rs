//! Tests of the fetching: what is given up, and what only waits.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::ingest::net::{ExchangeRules, Heard, Page, PastRequest};
use std::time::Duration;

const S: u64 = 1_000_000_000;
const GIVE_UP_S: u64 = 600;

/// An exchange that has a page of no bars for every span, and one that says which page comes next.
#[derive(Debug)]
struct Words(Option<&'static str>);

impl ExchangeWords for Words {
    fn rules(&self) -> &ExchangeRules {
        panic!("nobody asks for them");
    }
    fn hear(&self, _: &str, _: &mut Vec<Heard>) {}
    fn subscribe(&self, _: u64, _: &[usize]) -> String {
        String::new()
    }
    fn past(&self, _: &PastSpan, _: Option<&str>) -> PastRequest {
        PastRequest { url: String::new(), headers: Vec::new() }
    }
    fn page(&self, _: &PastSpan, _: &Answer) -> Result<Page, String> {
        Ok(Page { next: self.0.map(str::to_owned), ..Page::default() })
    }
}

fn at(s: u64) -> Now {
    Now { ns: s * S, wall_ns: 0 }
}

/// A fetcher that has been asked for spans of so many symbols, none of which go together.
fn fetcher(spans: usize) -> PastFetcher {
    let times = FetchTimes { settle_ms: 0, give_up_ns: GIVE_UP_S * S, gap_ns: 0 };
    let rest = Rest::new(&[], Duration::from_secs(1));
    let mut fetcher = PastFetcher::new(rest, times, Breaker::new(1_000, 1_000, 1_000), None);
    (0..spans).for_each(|symbol| {
        let wanted = PastWanted { symbol, from_ms: -2, to_ms: -1 };
        fetcher.want(wanted, 1, at(0));
    });
    fetcher
}

fn answer(status: u16) -> AskOutcome {
    Ok(Answer { status, ..Answer::default() })
}

/// Asks for what comes next, and is answered at once.
fn ask(fetcher: &mut PastFetcher, outcome: AskOutcome, words: &Words, now: Now, events: &mut Vec<Event>) {
    let span = fetcher.take_due(now).unwrap();
    fetcher.done(span, outcome, words, now, events);
}

fn given_up(events: &[Event]) -> Vec<usize> {
    events
        .iter()
        .filter_map(|event| if let Event::Unfilled(symbol, _) = event { Some(*symbol) } else { None })
        .collect()
}

#[test]
fn what_waits_for_its_turn_is_not_given_up_while_others_have_theirs() {
    let (mut fetcher, mut events) = (fetcher(5), Vec::new());
    for round in 0..5 {
        let now = at(round * (GIVE_UP_S - 1));
        fetcher.give_up(now, &mut events);
        ask(&mut fetcher, answer(200), &Words(None), now, &mut events);
    }
    assert_eq!(events, (0..5).map(Event::Filled).collect::<Vec<_>>());
}

#[test]
fn where_nothing_is_answered_all_is_given_up_in_time() {
    let (mut fetcher, mut events) = (fetcher(3), Vec::new());
    ask(&mut fetcher, answer(503), &Words(None), at(1), &mut events);
    fetcher.give_up(at(GIVE_UP_S), &mut events);
    assert!(given_up(&events).is_empty(), "{events:?}");
    fetcher.give_up(at(GIVE_UP_S + 2), &mut events);
    assert_eq!(given_up(&events), [0, 1, 2]);
    // One that fails by itself is given up although others are answered.
    let (mut fetcher, mut events) = (self::fetcher(2), Vec::new());
    ask(&mut fetcher, Err("cut".to_owned()), &Words(None), at(0), &mut events);
    for s in (1..GIVE_UP_S + 2).step_by(100) {
        fetcher.well_ns = s * S;
    }
    fetcher.give_up(at(GIVE_UP_S + 1), &mut events);
    assert_eq!(given_up(&events), [0]);
}

#[test]
fn to_be_told_to_wait_is_the_fault_of_no_span() {
    let (mut fetcher, mut events) = (fetcher(3), Vec::new());
    ask(&mut fetcher, answer(500), &Words(None), at(0), &mut events);
    let later = Answer { status: 429, retry_after_s: Some(7_200.0), ..Answer::default() };
    ask(&mut fetcher, Ok(later), &Words(None), at(10), &mut events);
    fetcher.give_up(at(7_210 + GIVE_UP_S), &mut events);
    assert!(given_up(&events).is_empty(), "{events:?}");
    fetcher.give_up(at(7_211 + GIVE_UP_S), &mut events);
    assert_eq!(given_up(&events).len(), 3);
}

#[test]
fn pages_that_lead_nowhere_and_limits_of_another_age_do_no_harm() {
    let (mut fetcher, mut events, words) = (fetcher(1), Vec::new(), Words(Some("same")));
    ask(&mut fetcher, answer(200), &words, at(0), &mut events);
    assert!(fetcher.queue[0].page.as_deref() == Some("same") && fetcher.queue[0].not_before_ns == 0);
    ask(&mut fetcher, answer(200), &words, at(1), &mut events);
    assert!(fetcher.queue[0].not_before_ns > S, "it counts as a failure");
    for reset_s in [i64::MIN, i64::MAX] {
        let limit = Answer { status: 200, remaining: Some(0), reset_s: Some(reset_s), ..Answer::default() };
        fetcher.mind_limit(&limit, Now { ns: 0, wall_ns: 1_700_000_000_000_000_000 });
    }
    assert!(fetcher.breaker.next_ns() <= 600 * S);
}
