//! The custom strategies of a worker's cells, eight cells of a timeframe side by side. Hot, but for what is said of it.

use super::{
    program::{Outcome, Program, Registers},
    remembering::Place,
    run::{Bench, Given, Prices, run},
};
use crate::{
    indicators::{BadImage, ImageReader, ImageWriter, prefetch},
    lanes::{Isa, LANES, Line},
    model::{Bar, Candidate, CustomStrategy, MAX_FACTORS, PriceMethod, SignalKind, TimeframeId},
};
use std::{array::from_fn, sync::Arc};

/// Where the memory of a cell lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seat {
    block: u32,
    lane: u8,
}

impl Seat {
    /// It has none: nothing runs on it.
    const NONE: Self = Self { block: u32::MAX, lane: 0 };
}

/// What a cell is to its custom strategies, beside its bars.
#[derive(Debug, Clone, Copy)]
pub struct CustomCell {
    /// Its timeframe.
    pub timeframe: TimeframeId,
    /// The price that the strategies read.
    pub method: PriceMethod,
    /// Its price scale.
    pub scale: f64,
}

/// Eight cells of a timeframe.
#[derive(Debug)]
struct Block {
    program: usize,
    /// Cells that it has.
    members: u8,
    prices: Prices,
    /// By cell: the strategies of the program that run on its symbol, as a bit set.
    enabled: [u32; LANES],
    /// Bars taken.
    bars: [u32; LANES],
    memory: Vec<Line>,
    /// By step that settles: the cells for which it has.
    settled: Vec<u8>,
    /// By strategy of the program: the cells whose condition held at their last bar.
    held: Vec<u8>,
}

/// What the custom strategies of a cell remember, as it was saved.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomState {
    bars: u32,
    /// Bit k: the condition of strategy k of the program held.
    held: u32,
    memory: Vec<f64>,
}

impl CustomState {
    /// Takes off the front of an image what [`Programs::write_state`] wrote of a cell of this program. Allocates.
    ///
    /// # Errors
    /// The bytes are of a cell with other strategies.
    pub fn read(program: &Program, image: &mut &[u8]) -> Result<Self, BadImage> {
        let mut reader = ImageReader(std::mem::take(image));
        reader.expect("lines of memory of custom strategies", program.initial.len() as u64)?;
        let (bars, held) = (reader.word()?, reader.word()?);
        let bars = u32::try_from(bars).map_err(|_| BadImage::Other {
            what: "bars of custom strategies",
            found: bars,
            wanted: u64::from(u32::MAX),
        })?;
        let memory = program.initial.iter().map(|_| reader.real()).collect::<Result<_, _>>()?;
        *image = reader.0;
        Ok(Self { bars, held: held as u32, memory })
    }
}

/// The custom strategies of the cells of a worker, which are known by their numbers.
#[derive(Debug)]
pub struct Programs {
    /// By timeframe.
    programs: Vec<Arc<Program>>,
    isa: Isa,
    /// By cell.
    seats: Vec<Seat>,
    blocks: Vec<Block>,
    /// By timeframe: the block that is not full.
    open: Vec<Option<usize>>,
    /// By timeframe.
    registers: Vec<Registers>,
    undefined: u64,
}

impl Programs {
    /// Those of a plan's timeframes, for no cell yet. Allocates.
    #[must_use]
    pub fn new(programs: &[Arc<Program>]) -> Self {
        Self {
            open: vec![None; programs.len()],
            registers: programs.iter().map(|program| program.new_registers()).collect(),
            programs: programs.to_vec(),
            isa: Isa::best(),
            seats: Vec::new(),
            blocks: Vec::new(),
            undefined: 0,
        }
    }

    /// The same with other instructions than the best: for tests and benches. Without effect if the processor does not have
    /// them.
    #[must_use]
    pub fn with(mut self, isa: Isa) -> Self {
        if isa.is_here() {
            self.isa = isa;
        }
        self
    }

    /// Adds the next cell, of a symbol. Allocates, with every eighth of a timeframe the memory of eight.
    pub fn add(&mut self, cell: CustomCell, symbol: &str) {
        let index = cell.timeframe.index();
        let program = &self.programs[index];
        if program.is_empty() {
            self.seats.push(Seat::NONE);
            return;
        }
        let number = self.open[index].unwrap_or_else(|| {
            self.blocks.push(Block {
                program: index,
                members: 0,
                prices: Prices {
                    methods: [cell.method; LANES],
                    method: Some(cell.method),
                    scale: Line([cell.scale; LANES]),
                },
                enabled: [0; LANES],
                bars: [0; LANES],
                memory: program.initial.iter().map(|&word| Line([word; LANES])).collect(),
                settled: vec![0; program.ops.settling],
                held: vec![0; program.outcomes.len()],
            });
            self.blocks.len() - 1
        });
        let runs = |listed: &Vec<String>| listed.iter().any(|listed| listed == symbol);
        let bit = |(k, outcome): (usize, &Outcome)| u32::from(outcome.symbols.as_ref().is_none_or(runs)) << k;
        let enabled = program.outcomes.iter().enumerate().map(bit).fold(0, |bits, bit| bits | bit);
        let block = &mut self.blocks[number];
        block.enabled[usize::from(block.members)] = enabled;
        self.seats.push(Seat { block: number as u32, lane: block.members });
        let (prices, lane) = (&mut block.prices, usize::from(block.members));
        (prices.methods[lane], prices.scale.0[lane]) = (cell.method, cell.scale);
        prices.method = prices.method.filter(|method| *method == cell.method);
        block.members += 1;
        self.open[index] = (usize::from(block.members) < LANES).then_some(number);
    }

    /// Takes one bar of each of some different cells, by number of the cell; hands what is found to `on_signal` with the
    /// place of its bar among `bars`, the strategies of a bar in their order.
    #[inline]
    pub fn on_bars(&mut self, bars: &[(u32, &Bar)], mut on_signal: impl FnMut(usize, CustomStrategy, Candidate)) {
        let mut at = 0;
        while let Some(&(number, bar)) = bars.get(at) {
            let Seat { block, lane } = self.seats[number as usize];
            let mut group = Group { present: 1 << lane, bars: [bar; LANES], places: [at; LANES] };
            if let Some(row) = bars[at..].first_chunk()
                && self.is_row(block, row)
            {
                group = Group { present: u8::MAX, bars: row.map(|(_, bar)| bar), places: from_fn(|k| at + k) };
                at += LANES;
            } else {
                at += 1;
                if block == Seat::NONE.block {
                    continue;
                }
                while let Some(&(number, bar)) = bars.get(at) {
                    let seat = self.seats[number as usize];
                    if seat.block != block || group.present & 1 << seat.lane != 0 {
                        break;
                    }
                    let lane = usize::from(seat.lane) % LANES;
                    group.present |= 1 << lane;
                    (group.bars[lane], group.places[lane]) = (bar, at);
                    at += 1;
                }
            }
            self.step(block as usize, &group, &mut on_signal);
        }
    }

    /// Whether these are all cells of a block, in their order.
    #[inline]
    fn is_row(&self, block: u32, row: &[(u32, &Bar); LANES]) -> bool {
        row.iter().enumerate().all(|(k, (number, _))| self.seats[*number as usize] == Seat { block, lane: k as u8 })
    }

    /// Takes a bar of some cells of a block.
    #[inline]
    fn step(&mut self, block: usize, group: &Group<'_>, on_signal: &mut impl FnMut(usize, CustomStrategy, Candidate)) {
        let Group { present, bars, places } = group;
        let present = *present;
        let block = &mut self.blocks[block];
        let program = &*self.programs[block.program];
        let registers = &mut self.registers[block.program];
        let first = block.bars[present.trailing_zeros() as usize % LANES];
        for &(back, (line, mask)) in &program.looks {
            prefetch(block.memory.get((line + (first.wrapping_sub(back) & mask)) as usize));
        }
        let place = if present == u8::MAX && block.bars == [first; LANES] {
            Place { bars: block.bars, same: Some(first), present }
        } else {
            let differ = |k: usize| present >> k & 1 != 0 && block.bars[k] != first;
            Place { bars: block.bars, same: (!(0..LANES).any(differ)).then_some(first), present }
        };
        for (k, bars) in block.bars.iter_mut().enumerate() {
            *bars = bars.wrapping_add(u32::from(present >> k & 1));
        }
        let Registers { numbers, truths } = registers;
        let (memory, settled, ops) = (&mut block.memory, &mut block.settled, &program.ops);
        let given = Given { bars, prices: &block.prices, fields: &program.fields };
        run(self.isa, &mut Bench { ops: &ops.every_bar, memory, settled, numbers, truths, place }, Some(&given));
        let mut is_late = false;
        for ((number, outcome), held) in program.outcomes.iter().enumerate().zip(&mut block.held) {
            let holds = truths[usize::from(outcome.when)] & present;
            let fresh = if outcome.every_bar { holds } else { holds & !*held };
            *held = *held & !present | holds;
            if fresh != 0 && !is_late {
                is_late = true;
                run(self.isa, &mut Bench { ops: &ops.late, memory, settled, numbers, truths, place }, None);
            }
            for_each_lane(fresh, |k| {
                if block.enabled[k] & 1 << number == 0 {
                    return;
                }
                let confidence = numbers[usize::from(outcome.confidence)].0[k];
                self.undefined += u64::from(confidence.is_nan());
                let confidence = confidence.clamp(0.0, 1.0);
                if confidence >= outcome.min_confidence {
                    let (kind, side) = (SignalKind::of(outcome.strategy), outcome.side);
                    let candidate = Candidate { kind, side, confidence, factors: [0.0; MAX_FACTORS] };
                    on_signal(places[k], outcome.strategy, candidate);
                }
            });
        }
    }

    /// Conditions that held while their confidence was undefined, so that they gave no signal.
    #[inline]
    #[must_use]
    pub fn undefined(&self) -> u64 {
        self.undefined
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let block =
            |block: &Block| size_of::<Block>() + size_of_val(&*block.memory) + block.settled.len() + block.held.len();
        self.blocks.iter().map(block).sum::<usize>() + self.seats.capacity() * size_of::<Seat>()
    }

    /// Appends what the strategies of a cell remember; nothing where none run on its timeframe.
    pub fn write_state(&self, number: u32, out: &mut Vec<u8>) {
        let Some(Seat { block, lane }) = self.seats.get(number as usize).copied().filter(|seat| *seat != Seat::NONE)
        else {
            return;
        };
        let (block, lane) = (&self.blocks[block as usize], usize::from(lane));
        let held = block.held.iter().enumerate().fold(0, |bits, (k, held)| bits | u64::from(held >> lane & 1) << k);
        let mut writer = ImageWriter(out);
        writer.words(&[block.memory.len() as u64, u64::from(block.bars[lane]), held]);
        block.memory.iter().for_each(|line| writer.word(line.0[lane].to_bits()));
    }

    /// Goes on from the saved state of a cell.
    pub fn restore(&mut self, number: u32, state: &CustomState) {
        let Seat { block, lane } = self.seats[number as usize];
        let Some(block) = self.blocks.get_mut(block as usize) else { return };
        let lane = usize::from(lane);
        block.bars[lane] = state.bars;
        for (k, held) in block.held.iter_mut().enumerate() {
            *held = *held & !(1 << lane) | ((state.held >> k & 1) as u8) << lane;
        }
        block.settled.iter_mut().for_each(|settled| *settled &= !(1 << lane));
        for (line, word) in block.memory.iter_mut().zip(&state.memory) {
            line.0[lane] = *word;
        }
    }

    /// By step that settles, of the first block: the cells for which it has.
    #[cfg(test)]
    pub(super) fn settled(&self) -> &[u8] {
        &self.blocks[0].settled
    }

    /// The last value of the confidence of a strategy of a cell, before it is cut to what a confidence may be.
    #[cfg(test)]
    pub(super) fn raw(&self, number: u32, strategy: usize) -> f64 {
        let Seat { block, lane } = self.seats[number as usize];
        let program = self.blocks[block as usize].program;
        let register = self.programs[program].outcomes[strategy].confidence;
        self.registers[program].numbers[usize::from(register)].0[usize::from(lane)]
    }
}

/// Bars of cells of one block, by lane.
struct Group<'a> {
    /// Bit k: cell k takes a bar. The others have any.
    present: u8,
    bars: [&'a Bar; LANES],
    /// Where each stands among the bars that came together.
    places: [usize; LANES],
}

/// The numbers of the bits that are set.
#[inline]
fn for_each_lane(mut lanes: u8, mut each: impl FnMut(usize)) {
    while lanes != 0 {
        each(lanes.trailing_zeros() as usize);
        lanes &= lanes - 1;
    }
}
