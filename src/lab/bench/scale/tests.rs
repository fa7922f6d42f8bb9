//! Laws of the model.

use super::{
    costs::testing::costs,
    outcome::{ScaleOutcome, simulate},
    scenario::{HotSymbols, Loss, Lost, Scenario, Spread},
    text::{costs_text, findings, scale_text},
};
use crate::lab::bench::bars::Form;
use proptest::prelude::*;

/// A small deployment that is a quarter busy.
fn small() -> Scenario {
    Scenario { symbols: 600, rate: 10.0, partitions: 12, duration_s: 6.0, ..Scenario::default() }
}

fn run(scenario: &Scenario, seed: u64) -> ScaleOutcome {
    simulate(scenario, &costs(), seed).unwrap()
}

fn busiest(outcome: &ScaleOutcome) -> f64 {
    outcome.nodes.iter().map(|node| node.utilisation).fold(0.0, f64::max)
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    let (first, again, other) = (run(&small(), 1), run(&small(), 1), run(&small(), 2));
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert!(first.held && other.held && first.bars_in > 30_000, "{}", scale_text(&first));
    assert!(first.late.p50_ns > 100_000 && first.late.p99_ns < 20_000_000, "{:?}", first.late);
}

#[test]
fn nodes_do_the_work_that_their_bars_cost() {
    let scenario = Scenario { spread: Spread::Even, readers: 2, ..small() };
    let outcome = run(&scenario, 3);
    let costs = costs();
    let legacy = costs.legacy.as_ref().unwrap();
    // Each bar comes alone: written, read by a read of its own; its signals go out in as many transactions.
    let signals = legacy.signals_per_bar.median;
    let bar = legacy.write_us.median + legacy.read_us.median + legacy.call_us.median;
    let given = legacy.call_us.median + legacy.signal_read_us.median;
    let signal = legacy.commit_us.median + legacy.signal_us.median + 2.0 * given;
    for node in &outcome.nodes {
        let wanted = node.bars_per_s * (bar + signals * signal) / 1e6;
        // Reads and transactions of several bars save some; those without a signal come on top.
        assert!((node.utilisation / wanted - 1.0).abs() < 0.25, "{} {wanted}", node.utilisation);
    }
}

#[test]
fn more_than_there_is_room_for_is_not_held() {
    let outcome = run(&Scenario { nodes: 1, zones: 1, engines: 1, rate: 500.0, ..small() }, 1);
    assert!(!outcome.held && busiest(&outcome) > 0.99, "{}", scale_text(&outcome));
    assert!(outcome.waiting > 100_000 && outcome.bars_in == outcome.bars_out + outcome.waiting);
    assert!(findings(&outcome)[0].starts_with("NOT HELD"));
}

#[test]
fn frames_cost_less_than_entries_of_their_own() {
    let scenario = |form| Scenario { form, rate: 100.0, ..small() };
    let (legacy, compact) = (run(&scenario(Form::Legacy), 1), run(&scenario(Form::Compact), 1));
    assert!(compact.held && busiest(&compact) < 0.5 * busiest(&legacy), "{}", scale_text(&compact));
}

#[test]
fn a_burst_waits_for_its_own_work() {
    let scenario = |spread| Scenario { spread, rate: 1.0, symbols: 6_000, ..small() };
    let (even, burst) = (run(&scenario(Spread::Even), 1), run(&scenario(Spread::Burst), 1));
    assert!(burst.held && burst.late.p99_ns > 3 * even.late.p99_ns, "{:?} {:?}", burst.late, even.late);
}

#[test]
fn hot_symbols_fill_one_node_unless_they_are_placed() {
    let hot = |placed| Some(HotSymbols { symbols: 6, factor: 300.0, placed });
    let (hashed, placed) =
        (run(&Scenario { hot: hot(false), ..small() }, 1), run(&Scenario { hot: hot(true), ..small() }, 1));
    assert!(hashed.busiest_thread > 1.3 * placed.busiest_thread, "{hashed:?} {placed:?}");
    assert!(busiest(&hashed) >= busiest(&placed));
}

/// The small deployment that loses something after 2 s.
fn losing(what: Lost) -> Scenario {
    let losses = vec![Loss { at_s: 2.0, what }];
    Scenario { failover_ms: 1_000.0, lease_ms: 500.0, duration_s: 10.0, losses, ..small() }
}

#[test]
fn a_lost_node_is_replaced_and_its_bars_come_late() {
    let outcome = run(&losing(Lost::Node(1)), 1);
    let recovered = outcome.recovered_s.unwrap();
    assert!(outcome.held && (1.0..4.0).contains(&recovered), "{}", scale_text(&outcome));
    assert!((outcome.nodes[1].away_s - 1.0).abs() < 1e-9 && outcome.nodes[1].zone != 1);
    assert!(outcome.late.max_ns >= 900_000_000 && outcome.late_before.max_ns < 50_000_000, "{outcome:?}");
    assert!(outcome.at_risk > 0 && outcome.at_risk < 100 && outcome.moved == 0);
    let text = scale_text(&outcome);
    assert!(text.contains("node 1 lost after 2 s") && text.contains("its replica may lack them"), "{text}");
}

#[test]
fn the_partitions_of_a_lost_engine_go_on_elsewhere() {
    let outcome = run(&losing(Lost::Engine(0)), 1);
    assert!(outcome.held && outcome.moved == 4 && outcome.engines[0].partitions == 0, "{}", scale_text(&outcome));
    assert_eq!(outcome.engines.iter().map(|engine| engine.partitions).sum::<usize>(), 12);
    // The lease, and the start of an engine.
    let longest = outcome.late.max_ns;
    assert!((700_000_000..2_500_000_000).contains(&longest), "{longest}");
    assert_eq!((outcome.at_risk, outcome.stranded), (0, 0));
}

#[test]
fn a_zone_of_three_can_be_lost_and_one_of_two_cannot() {
    let three = run(&losing(Lost::Zone(0)), 1);
    assert!(three.held && three.moved > 0 && three.stranded == 0, "{}", scale_text(&three));
    let two = run(&Scenario { zones: 2, nodes: 4, engines: 2, ..losing(Lost::Zone(0)) }, 1);
    assert!(!two.held && two.stranded > 0 && two.recovered_s.is_none(), "{}", scale_text(&two));
    assert!(scale_text(&two).contains("use three zones"));
    let one = run(&Scenario { zones: 1, nodes: 1, engines: 2, ..losing(Lost::Node(0)) }, 1);
    assert!(one.held, "a server with Sentinels: {}", scale_text(&one));
}

#[test]
fn costs_are_shown_with_their_spread() {
    let text = costs_text(&costs());
    assert!(text.contains("hop_us") && text.contains("costs, compact") && text.contains("Signals of a bar."), "{text}");
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let load = (1usize..400, 0.5f64..40.0, 1usize..13, prop::bool::ANY);
    let hosts = (1usize..6, 1usize..4, 1usize..5, 1usize..3, 0usize..3);
    let lost = prop::collection::vec((0.0f64..3.0, 0usize..3, 0usize..6), 0..4);
    let spread = prop::sample::select(vec![Spread::Even, Spread::Random, Spread::Burst]);
    (load, hosts, lost, spread).prop_map(|(load, hosts, lost, spread)| {
        let (symbols, rate, partitions, compact) = load;
        let (nodes, zones, engines, cores, readers) = hosts;
        let loss = |(at_s, kind, index): (f64, usize, usize)| {
            let what = match kind {
                0 => Lost::Node(index % nodes),
                1 => Lost::Engine(index % engines),
                _ => Lost::Zone(index % zones),
            };
            Loss { at_s, what }
        };
        Scenario {
            form: if compact { Form::Compact } else { Form::Legacy },
            losses: lost.into_iter().map(loss).collect(),
            failover_ms: 400.0,
            lease_ms: 300.0,
            duration_s: 3.0,
            symbols,
            rate,
            partitions,
            nodes,
            zones,
            engines,
            cores,
            readers,
            spread,
            ..Scenario::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is lost, and when: nothing disappears, and nothing is counted twice.
    #[test]
    fn every_bar_is_out_or_waits(scenario in scenarios(), seed: u64) {
        let outcome = run(&scenario, seed);
        prop_assert_eq!(outcome.bars_in, outcome.bars_out + outcome.waiting);
        let cores = scenario.cores as f64 + 1e-9;
        prop_assert!(outcome.nodes.iter().all(|node| node.busiest <= 1.0 + 1e-9), "{:?}", outcome.nodes);
        prop_assert!(outcome.engines.iter().all(|engine| engine.busiest <= cores), "{:?}", outcome.engines);
    }

    /// Twice the nodes: no node is busier than the busiest was, and signals come no later.
    #[test]
    fn more_nodes_never_make_it_worse(rate in 2.0f64..60.0, nodes in 1usize..4, seed: u64) {
        let of = |nodes| run(&Scenario { rate, nodes, zones: 1, duration_s: 3.0, ..small() }, seed);
        let (few, many) = (of(nodes), of(2 * nodes));
        prop_assert!(busiest(&many) <= busiest(&few) + 0.01, "{} {}", busiest(&many), busiest(&few));
        let (few, many) = (few.late.p99_ns as f64, many.late.p99_ns as f64);
        prop_assert!(many <= 1.1 * few, "{many} {few}");
    }
}
