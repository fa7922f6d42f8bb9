use super::*;
use proptest::prelude::*;

const S: i64 = 1_000;

fn bar(symbol: usize, second: i64) -> FeedBar {
    let close = 100.0 + (second % 7) as f64;
    FeedBar {
        symbol,
        start_ms: second * S,
        open: 100.0,
        high: 110.0,
        low: 90.0,
        close,
        volume: 5.0,
        vwap: 100.0,
        trades: 2,
    }
}

fn desk(names: &[&str], published: PublishedBefore) -> Desk {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    Desk::new(&names, "1s".parse().unwrap(), Route::spread(1), published)
}

fn items(desk: &mut Desk) -> Vec<Outgoing> {
    std::iter::from_fn(|| desk.take_next()).collect()
}

fn seconds(items: &[Outgoing], symbol: usize) -> Vec<i64> {
    let of = |item: &Outgoing| match item {
        Outgoing::Bar(bar) if bar.symbol == symbol => Some(bar.start_ms / S),
        _ => None,
    };
    items.iter().filter_map(of).collect()
}

fn correction(second: i64, old: Option<FeedBar>, new: Option<FeedBar>, kind: &'static str) -> Outgoing {
    Outgoing::Correction { symbol: 0, start_ms: second * S, old, new, kind }
}

fn heartbeat(second: i64, except: &str, hold_ms: i64) -> Outgoing {
    Outgoing::Heartbeat { stream: 0, end_ms: second * S, except: except.to_owned(), hold_ms }
}

#[test]
fn what_was_missed_comes_before_what_came_live_meanwhile() {
    let published = PublishedBefore { newest: [("A".to_owned(), 10 * S)].into(), ..PublishedBefore::default() };
    let mut desk = desk(&["A", "B"], published);
    for symbol in [0, 1] {
        desk.take(Event::Joined { symbol, from_ms: 15 * S });
    }
    assert_eq!(desk.take_wanted(), [PastWanted { symbol: 0, from_ms: 11 * S, to_ms: 15 * S }], "B was never there");
    for second in [15, 16] {
        desk.take(Event::Bar(bar(0, second)));
        desk.take(Event::Bar(bar(1, second)));
    }
    desk.take(Event::Complete(17 * S));
    desk.beat();
    let first = items(&mut desk);
    assert_eq!((seconds(&first, 0), seconds(&first, 1)), (vec![], vec![15, 16]));
    assert_eq!(first.last(), Some(&heartbeat(17, "A", 0)));
    // One too early, one too late, one twice.
    for second in [10, 11, 13, 13, 15] {
        desk.take(Event::Past(bar(0, second)));
    }
    desk.take(Event::Filled(0));
    desk.take(Event::Bar(bar(0, 17)));
    desk.take(Event::Complete(18 * S));
    desk.beat();
    let then = items(&mut desk);
    assert_eq!(seconds(&then, 0), [11, 13, 15, 16, 17]);
    assert_eq!(then.last(), Some(&heartbeat(18, "", 0)));
    assert_eq!(desk.counts(), DeskCounts { bars: 7, repeated: 1, filled: 1, ..DeskCounts::default() });
}

#[test]
fn a_second_hole_that_shows_while_the_first_is_fetched_is_fetched_too() {
    let published = PublishedBefore { newest: [("A".to_owned(), 10 * S)].into(), ..PublishedBefore::default() };
    let mut desk = desk(&["A"], published).dense(true);
    desk.take(Event::Joined { symbol: 0, from_ms: 15 * S });
    assert_eq!(desk.take_wanted(), [PastWanted { symbol: 0, from_ms: 11 * S, to_ms: 15 * S }]);
    desk.take(Event::Bar(bar(0, 15)));
    desk.take(Event::Bar(bar(0, 16)));
    desk.take(Event::Joined { symbol: 0, from_ms: 18 * S });
    desk.take(Event::Bar(bar(0, 18)));
    (11..15).for_each(|second| desk.take(Event::Past(bar(0, second))));
    desk.take(Event::Filled(0));
    assert_eq!(desk.take_wanted(), [PastWanted { symbol: 0, from_ms: 17 * S, to_ms: 18 * S }]);
    desk.take(Event::Past(bar(0, 17)));
    desk.take(Event::Filled(0));
    assert_eq!(seconds(&items(&mut desk), 0), (11..=18).collect::<Vec<_>>());
}

#[test]
fn what_a_heartbeat_has_closed_is_a_correction() {
    let mut desk = desk(&["A"], PublishedBefore::default());
    desk.take(Event::Joined { symbol: 0, from_ms: 0 });
    desk.take(Event::Bar(bar(0, 5)));
    desk.take(Event::Complete(9 * S));
    desk.beat();
    items(&mut desk);
    desk.take(Event::Bar(bar(0, 8)));
    let otherwise = FeedBar { close: 109.0, ..bar(0, 5) };
    desk.take(Event::Bar(otherwise));
    desk.take(Event::Bar(otherwise));
    desk.take(Event::Corrected(bar(0, 5)));
    desk.take(Event::Bar(bar(0, 9)));
    let wanted = [
        correction(8, None, Some(bar(0, 8)), "late"),
        correction(5, Some(bar(0, 5)), Some(otherwise), "revised"),
        correction(5, Some(otherwise), Some(bar(0, 5)), "updated"),
        Outgoing::Bar(bar(0, 9)),
    ];
    assert_eq!(items(&mut desk), wanted);
    assert_eq!(desk.corrected_by_stream(), [3]);
    assert_eq!(desk.counts(), DeskCounts { bars: 2, late: 1, corrected: 2, repeated: 1, ..DeskCounts::default() });
}

#[test]
fn bars_are_held_until_corrections_of_them_have_come() {
    let mut desk =
        desk(&["A", "B"], PublishedBefore::default()).holding(HoldTimes::new([("A".to_owned(), 30 * S)].into(), 0));
    (0..2).for_each(|symbol| desk.take(Event::Joined { symbol, from_ms: 0 }));
    for second in 0..3 {
        (0..2).for_each(|symbol| desk.take(Event::Bar(bar(symbol, second))));
    }
    desk.take(Event::Complete(3 * S));
    desk.beat();
    let first = items(&mut desk);
    assert_eq!((seconds(&first, 0), seconds(&first, 1), desk.held()), (vec![], vec![0, 1, 2], 3));
    assert_eq!(first.last(), Some(&heartbeat(3, "A", 0)), "of those that wait nothing is said");
    // What is otherwise in time is so in the bar, and what was none is none.
    let otherwise = FeedBar { close: 109.0, ..bar(0, 1) };
    desk.take(Event::Corrected(otherwise));
    desk.take(Event::Cancelled { symbol: 0, start_ms: 0 });
    // Cut, and what was heard is fetched no more.
    desk.take(Event::Parted);
    desk.take(Event::Joined { symbol: 0, from_ms: 6 * S });
    desk.take(Event::Joined { symbol: 1, from_ms: 3 * S });
    assert_eq!(desk.take_wanted(), [PastWanted { symbol: 0, from_ms: 3 * S, to_ms: 6 * S }]);
    desk.take(Event::Past(bar(0, 4)));
    desk.take(Event::Filled(0));
    desk.take(Event::Complete(32 * S));
    desk.beat();
    let then = items(&mut desk);
    assert_eq!(then, [Outgoing::Bar(otherwise), heartbeat(32, "A", 0), heartbeat(2, "B", 30 * S)]);
    // Too late for it.
    desk.take(Event::Corrected(bar(0, 1)));
    desk.take(Event::Cancelled { symbol: 0, start_ms: S });
    let told =
        [correction(1, Some(otherwise), Some(bar(0, 1)), "updated"), correction(1, Some(bar(0, 1)), None, "cancelled")];
    assert_eq!(items(&mut desk), told);
    assert_eq!(desk.counts(), DeskCounts { bars: 4, corrected: 2, settled: 2, filled: 1, ..DeskCounts::default() });
    // At the end nothing is held any longer.
    desk.take(Event::End);
    desk.beat();
    let last = items(&mut desk);
    assert_eq!((seconds(&last, 0), desk.held()), (vec![2, 4], 0));
    assert_eq!(last.last(), Some(&heartbeat(32, "B", 30 * S)));
}

#[test]
fn what_is_missing_once_more_while_the_past_is_fetched_is_fetched_next() {
    let published = PublishedBefore { newest: [("A".to_owned(), 10 * S)].into(), ..PublishedBefore::default() };
    let mut desk = desk(&["A"], published);
    desk.take(Event::Joined { symbol: 0, from_ms: 15 * S });
    assert_eq!(desk.take_wanted().len(), 1);
    desk.take(Event::Bar(bar(0, 15)));
    desk.take(Event::Joined { symbol: 0, from_ms: 18 * S });
    desk.take(Event::Bar(bar(0, 18)));
    assert_eq!(desk.take_wanted(), []);
    (11..15).for_each(|second| desk.take(Event::Past(bar(0, second))));
    desk.take(Event::Filled(0));
    assert_eq!(desk.take_wanted(), [PastWanted { symbol: 0, from_ms: 16 * S, to_ms: 18 * S }]);
    desk.take(Event::Past(bar(0, 17)));
    desk.take(Event::Filled(0));
    assert_eq!(seconds(&items(&mut desk), 0), [11, 12, 13, 14, 15, 17, 18]);
}

#[test]
fn bars_that_cannot_be_are_counted_and_the_first_are_told() {
    let mut desk = desk(&["A"], PublishedBefore::default()).dense(true);
    desk.take(Event::Joined { symbol: 0, from_ms: 0 });
    desk.take(Event::Bar(bar(0, 5)));
    for start_ms in [i64::MIN, i64::MAX, -1] {
        desk.take(Event::Bar(FeedBar { start_ms, ..bar(0, 0) }));
        desk.take(Event::Past(FeedBar { start_ms, ..bar(0, 0) }));
        desk.take(Event::Corrected(FeedBar { start_ms, ..bar(0, 0) }));
    }
    (0..20).for_each(|second| desk.take(Event::Corrected(FeedBar { low: f64::NAN, ..bar(0, second) })));
    assert_eq!((desk.counts().refused, desk.take_lines().len()), (29, REFUSED_TOLD as usize + 1));
    assert_eq!((seconds(&items(&mut desk), 0), desk.take_wanted()), (vec![5], vec![]));
}

#[test]
fn a_gap_that_cannot_be_filled_is_named_and_holds_nothing_up() {
    let published = PublishedBefore { newest: [("A".to_owned(), 10 * S)].into(), ..PublishedBefore::default() };
    let mut desk = desk(&["A"], published);
    desk.take(Event::Joined { symbol: 0, from_ms: 20 * S });
    desk.take(Event::Bar(bar(0, 20)));
    desk.take(Event::Past(bar(0, 12)));
    desk.take(Event::Unfilled(0, "the server is gone".to_owned()));
    let all = items(&mut desk);
    assert_eq!(seconds(&all, 0), [12, 20]);
    let alert =
        |item: &&Outgoing| matches!(item, Outgoing::Alert(line) if line.contains("A: bars from 13000 to 20000"));
    assert!(all.iter().any(|item| alert(&item)), "{all:?}");
    assert_eq!(desk.counts().gaps, 1);
}

#[test]
fn where_every_interval_has_a_bar_silence_proves_nothing() {
    let mut desk = desk(&["A", "B"], PublishedBefore::default()).dense(true);
    (0..2).for_each(|symbol| desk.take(Event::Joined { symbol, from_ms: 0 }));
    for second in 0..3 {
        (0..2).for_each(|symbol| desk.take(Event::Bar(bar(symbol, second))));
    }
    let beat = |desk: &mut Desk, second: i64| {
        desk.take(Event::Bar(bar(0, second - 1)));
        desk.take(Event::Complete(second * S));
        desk.beat();
        match items(desk).last() {
            Some(Outgoing::Heartbeat { except, .. }) => except.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(beat(&mut desk, 3), "");
    for second in 4..=8 {
        assert_eq!(beat(&mut desk, second), "B");
        assert_eq!(desk.take_wanted(), []);
    }
    assert_eq!(beat(&mut desk, 9), "B");
    let wanted = PastWanted { symbol: 1, from_ms: 3 * S, to_ms: 9 * S };
    assert_eq!(desk.take_wanted(), [wanted]);
    desk.take(Event::Past(bar(1, 4)));
    desk.take(Event::Filled(1));
    assert_eq!(seconds(&items(&mut desk), 1), [4]);
    assert_eq!(beat(&mut desk, 9 + 1), "B", "the next one is missing again");
    desk.take(Event::Bar(bar(1, 9)));
    assert_eq!(beat(&mut desk, 9 + 2), "B");
    desk.take(Event::Bar(bar(1, 10)));
    assert_eq!(beat(&mut desk, 9 + 3), "B");
    desk.take(Event::Bar(bar(1, 12)));
    assert_eq!(desk.take_wanted(), [PastWanted { symbol: 1, from_ms: 11 * S, to_ms: 12 * S }]);
    assert_eq!(beat(&mut desk, 9 + 4), "B");
    desk.take(Event::Filled(1));
    assert_eq!(seconds(&items(&mut desk), 1), [12], "there is no other");
    assert_eq!(beat(&mut desk, 9 + 5), "B");
    desk.take(Event::Bar(bar(1, 13)));
}

proptest! {
    /// Whatever is cut, when, and however bars are repeated and mixed up: each once, in order, and none before a
    /// heartbeat that has said it was there.
    #[test]
    fn each_bar_once_and_in_order(steps in prop::collection::vec((0..10u8, 0..3usize), 1..200)) {
        let mut desk = desk(&["A", "B", "C"], PublishedBefore::default());
        (0..3).for_each(|symbol| desk.take(Event::Joined { symbol, from_ms: 0 }));
        let (mut now, mut first, mut all, mut up) = (1, [None; 3], Vec::new(), true);
        let mut asked: Vec<PastWanted> = Vec::new();
        for (step, symbol) in steps {
            match step {
                0 if up => { up = false; asked.clear(); desk.take(Event::Parted); }
                1 | 2 if !up => {
                    up = true;
                    (0..3).for_each(|symbol| desk.take(Event::Joined { symbol, from_ms: now * S }));
                    asked.extend(desk.take_wanted());
                }
                3 | 4 => if let Some(wanted) = asked.pop() {
                    let (from, to) = (wanted.from_ms / S, wanted.to_ms / S);
                    (from..to).for_each(|second| desk.take(Event::Past(bar(wanted.symbol, second))));
                    desk.take(Event::Filled(wanted.symbol));
                },
                5 if up => desk.take(Event::Bar(bar(symbol, (now - 2).max(0)))),
                6 => { if up { desk.take(Event::Complete(now * S)); } desk.beat(); }
                _ => {
                    if up {
                        for (symbol, first) in first.iter_mut().enumerate() {
                            first.get_or_insert(now);
                            desk.take(Event::Bar(bar(symbol, now)));
                        }
                    }
                    now += 1;
                }
            }
            all.extend(items(&mut desk));
        }
        for wanted in asked {
            (wanted.from_ms / S..wanted.to_ms / S).for_each(|second| desk.take(Event::Past(bar(wanted.symbol, second))));
            desk.take(Event::Filled(wanted.symbol));
        }
        all.extend(items(&mut desk));
        for symbol in 0..3 {
            let found = seconds(&all, symbol);
            prop_assert!(found.windows(2).all(|two| two[1] == two[0] + 1), "{symbol}: {found:?}");
            if up && let Some(first) = first[symbol] {
                prop_assert!(found.first().is_none_or(|&at| at <= first));
                prop_assert!(first == now || found.last() == Some(&(now - 1)), "{found:?} up to {now}");
            }
        }
        let mut said = i64::MIN;
        for (at, item) in all.iter().enumerate() {
            if let Outgoing::Heartbeat { end_ms, except, .. } = item {
                prop_assert!(*end_ms > said);
                said = *end_ms;
                for (symbol, name) in ["A", "B", "C"].iter().enumerate() {
                    let later = seconds(&all[at..], symbol).into_iter().any(|second| (second + 1) * S <= said);
                    prop_assert!(except.split(',').any(|excepted| excepted == *name) || !later);
                }
            }
        }
    }
}
