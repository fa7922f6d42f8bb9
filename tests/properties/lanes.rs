//! Cells side by side against the same cells one by one: to the last bit, whatever the mix.

use crate::{
    cases, same_cases,
    series::{Recipe, Rng, recipe},
};
use proptest::{prelude::*, test_runner::TestRunner};
use std::cell::Cell as Count;
use wagehood_engine::{
    lanes::Isa,
    model::Bar,
    strategies::{Cell, CellLayout, Cells},
};

/// A cell of the reference, with what is to come.
struct Twin {
    cell: Cell,
    bars: Vec<Bar>,
    next: usize,
}

type Said = Vec<(usize, &'static str, u64, [u64; 5])>;

fn image(cell: &Cell, layout: &CellLayout) -> Vec<u8> {
    let mut image = Vec::new();
    cell.write_state(layout, &mut image);
    image
}

/// Bars that were taken side by side, and of cells whose state lay in rows.
#[derive(Debug, Default)]
struct Taken {
    side_by_side: Count<u64>,
    in_rows: Count<u64>,
}

/// Cells of one layout, each with its own series, that get their bars in batches of changing cells.
fn compare(recipes: &[Recipe], publish: bool, seed: u64, taken: &Taken) -> Result<(), TestCaseError> {
    let layout = CellLayout::new(recipes[0].strategy_params(), publish);
    let portable = layout.clone().with(Isa::Portable);
    let isas: Vec<CellLayout> = Isa::all().into_iter().map(|isa| layout.clone().with(isa)).collect();
    let new = |recipe: &Recipe| Cell::new(&layout, recipe.method, recipe.interval().price_scale(), 0);
    // Over again where it is short: only what is settled is taken side by side.
    let least = if seed.is_multiple_of(2) { 0 } else { 1_000 };
    let bars = |recipe: &Recipe| {
        let once = recipe.bars();
        let times = 1 + least / once.len().max(1);
        once.repeat(times)
    };
    let mut twins: Vec<Twin> =
        recipes.iter().map(|recipe| Twin { cell: new(recipe), bars: bars(recipe), next: 0 }).collect();
    let mut banks: Vec<Cells> = isas.iter().map(|_| Cells::new()).collect();
    for (bank, layout) in banks.iter_mut().zip(&isas) {
        recipes.iter().for_each(|recipe| assert_eq!(bank.add(0, layout, new(recipe)) as usize, bank.len() - 1));
    }
    let mut rng = Rng(seed);
    let mut order: Vec<usize> = (0..twins.len()).collect();
    let mut together = rng.chance(0.5);
    loop {
        order.retain(|&k| twins[k].next < twins[k].bars.len());
        if order.is_empty() {
            break;
        }
        together ^= rng.chance(0.01);
        // Long runs of full batches, of neighbours for a while, and others of any size and mix.
        let mut count = if rng.chance(0.7) { Cells::LANES } else { rng.count(1, Cells::LANES) }.min(order.len());
        order.sort_unstable();
        let whole =
            |at: &usize| at.is_multiple_of(Cells::LANES) && (*at..at + Cells::LANES).all(|k| order.contains(&k));
        let blocks: Vec<usize> = order.iter().copied().filter(whole).collect();
        let block = blocks.get(rng.count(0, 1)).or(blocks.first());
        if let Some(first) =
            block.and_then(|at| order.iter().position(|k| k == at)).filter(|_| together && rng.chance(0.97))
        {
            order.rotate_left(first);
            // Now and then not all of them, or one alone, in their order.
            let keep = if rng.chance(0.6) { 1.0 } else { rng.count(0, 10) as f64 / 10.0 };
            let (mut some, rest): (Vec<usize>, Vec<usize>) =
                order.iter().enumerate().fold((Vec::new(), Vec::new()), |(mut some, mut rest), (at, &k)| {
                    if at < Cells::LANES && rng.chance(keep) {
                        some.push(k)
                    } else {
                        rest.push(k)
                    }
                    (some, rest)
                });
            count = some.len();
            some.extend(rest);
            order = some;
        } else {
            for k in 0..count {
                let other = rng.count(k, order.len() - 1);
                order.swap(k, other);
            }
        }
        let batch: Vec<(u32, Bar)> = order[..count].iter().map(|&k| (k as u32, twins[k].bars[twins[k].next])).collect();
        if count >= 3 && order[..count].iter().all(|&k| twins[k].cell.is_settled(&layout)) {
            taken.side_by_side.set(taken.side_by_side.get() + count as u64);
        }
        let mut want: Said = Vec::new();
        for (place, (k, bar)) in batch.iter().enumerate() {
            let twin = &mut twins[*k as usize];
            twin.next += 1;
            twin.cell.on_bar(&portable, bar, |_, c| {
                want.push((place, c.kind.name(), c.confidence.to_bits(), c.factors.map(f64::to_bits)));
            });
        }
        let bars: Vec<(u32, &Bar)> = batch.iter().map(|(k, bar)| (*k, bar)).collect();
        for (bank, layout) in banks.iter_mut().zip(&isas) {
            let mut said: Said = Vec::new();
            bank.on_bars(layout, &bars, |place, _, c| {
                said.push((place, c.kind.name(), c.confidence.to_bits(), c.factors.map(f64::to_bits)));
            });
            prop_assert_eq!(&said, &want);
        }
        let in_rows = banks[0].in_rows();
        prop_assert!(banks.iter().all(|bank| bank.in_rows() == in_rows));
        if in_rows > 0 && count == Cells::LANES {
            taken.in_rows.set(taken.in_rows.get() + count as u64);
        }
        if rng.chance(if together { 0.002 } else { 0.02 }) {
            // A cell starts anew, from nothing or from the state of another.
            let (k, from) = (order[0], rng.count(0, twins.len() - 1));
            let image = image(&twins[from].cell, &layout);
            let fresh = rng.chance(0.3);
            let mut cells: Vec<&mut Cell> = banks.iter_mut().filter_map(|bank| bank.get_mut(k as u32)).collect();
            cells.push(&mut twins[k].cell);
            for cell in cells {
                if fresh {
                    *cell = new(&recipes[k]);
                } else {
                    cell.read_state(&layout, &image).unwrap();
                }
            }
        }
    }
    for (k, twin) in twins.iter().enumerate() {
        for bank in &mut banks {
            let cell = bank.with_state(k as u32).unwrap();
            prop_assert!(image(cell, &layout) == image(&twin.cell, &layout), "cell {k} is in another state");
            let published = |cell: &Cell| cell.published(&layout).values().map(f64::to_bits);
            prop_assert_eq!(published(cell), published(&twin.cell));
        }
    }
    Ok(())
}

#[test]
fn cells_side_by_side_agree_bit_for_bit_with_each_by_itself() {
    // Rows need eight neighbours whose indicators nobody asks for.
    let crowd = || prop_oneof![prop::collection::vec(recipe(24), 1..20), prop::collection::vec(recipe(24), 16..25)];
    let some = (crowd(), prop::bool::weighted(0.25), any::<u64>());
    let taken = Taken::default();
    let run = |config| {
        TestRunner::new(config)
            .run(&some, |(recipes, publish, seed)| compare(&recipes, publish, seed, &taken))
            .unwrap_or_else(|e| panic!("{e}"));
    };
    run(same_cases(40));
    let (side_by_side, in_rows) = (taken.side_by_side.get(), taken.in_rows.get());
    eprintln!("{side_by_side} bars side by side, {in_rows} while cells lay in rows, with {:?}", Isa::all());
    assert!(side_by_side > 20_000 && in_rows > 5_000, "{taken:?}");
    run(cases(40));
}
