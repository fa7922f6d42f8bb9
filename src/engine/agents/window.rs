//! A worker's window: messages that have been taken from its ring together, so that the bars of different cells of one
//! timeframe among them can be computed side by side, and what was found, until it is sent in the messages' order.

use crate::{
    model::{Bar, BarMessage, Candidate, Control, Strategy},
    runtime::Inlet,
    strategies::{CellLayout, Cells, custom::Programs},
};

/// Messages of a window: two full rows of cells, and not many more than the innermost cache has room for the cells of.
pub(super) const WINDOW: usize = 16;
/// Messages at most, where the last of them are of cells that it would be a loss to take apart: room for eight symbols
/// with a bar on each of five timeframes and what is said of their records.
pub(super) const LONGEST: usize = 3 * WINDOW;

/// The number of a cell that there is none of.
const NONE: u32 = u32::MAX;

/// Bars of cells of one layout that wait for each other.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// Numbers of the cells and of the messages.
    cells: [u32; Cells::LANES],
    messages: [u8; Cells::LANES],
    count: usize,
}

/// The messages in hand: `sent <= evaluated <= messages.len()`.
#[derive(Debug)]
pub(super) struct Window {
    messages: Vec<BarMessage>,
    /// The cell of each message that is a bar.
    cells: [u32; LONGEST],
    evaluated: usize,
    sent: usize,
    /// Bit k of each: strategy k gave the candidate that lies below.
    fired: [u64; LONGEST],
    candidates: Box<[[Candidate; Strategy::COUNT]; LONGEST]>,
    /// By message and place: those of the custom strategies, of which there are so many.
    custom: Box<[Candidate]>,
    customs: usize,
    /// By layout.
    rows: Vec<Row>,
    /// The layouts that have bars in their rows; some may be there twice.
    begun: Vec<u32>,
}

/// What a bar's strategies have found.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// The number of its cell.
    pub(super) cell: u32,
    /// Bit k: strategy k gave candidate k.
    pub(super) fired: u64,
    pub(super) candidates: &'a [Candidate; Strategy::COUNT],
    /// Those of the custom strategies, by place.
    pub(super) custom: &'a [Candidate],
}

const _: () = assert!(Strategy::SLOTS <= 64, "a bit of a word for every strategy");

impl Window {
    /// An empty window for so many layouts and custom strategies. Allocates, and is the last to.
    pub(super) fn new(layouts: usize, customs: usize) -> Self {
        Self {
            messages: Vec::with_capacity(LONGEST),
            cells: [NONE; LONGEST],
            evaluated: 0,
            sent: 0,
            fired: [0; LONGEST],
            candidates: Box::new([[Candidate::PROBE; Strategy::COUNT]; LONGEST]),
            custom: vec![Candidate::PROBE; LONGEST * customs].into(),
            customs,
            rows: vec![Row::default(); layouts],
            begun: Vec::with_capacity(LONGEST),
        }
    }

    /// Whether everything in it has been sent.
    #[inline]
    pub(super) fn is_spent(&self) -> bool {
        self.sent == self.messages.len()
    }

    /// Takes what waits, up to a [barrier](is_barrier), when everything before has been sent; false where nothing does.
    /// When it has enough, it goes on to a bar that is the last of a block, while it has the first of another timeframe's
    /// and not the last. `lane` gives the place of a bar's cell in its block.
    #[inline]
    pub(super) fn refill(&mut self, inlet: &mut Inlet<BarMessage>, mut lane: impl FnMut(&Bar) -> usize) -> bool {
        let messages = &mut self.messages;
        // Bit k: a block of timeframe k has begun.
        let mut begun = 0u64;
        messages.clear();
        (self.evaluated, self.sent) = (0, 0);
        let taken = inlet.drain_while(LONGEST, |message| {
            messages.push(message);
            match &message {
                BarMessage::Bar(bar) => {
                    let (lane, timeframe) = (lane(bar), 1 << (bar.timeframe.index() % 64));
                    begun = if lane == 0 { begun | timeframe } else { begun };
                    let ends = lane == Cells::LANES - 1;
                    begun = if ends { begun & !timeframe } else { begun };
                    messages.len() < WINDOW || !ends || begun != 0
                }
                BarMessage::Control(_) => !is_barrier(&message),
            }
        });
        taken > 0
    }

    /// The messages in hand.
    #[inline]
    pub(super) fn messages(&self) -> &[BarMessage] {
        &self.messages
    }

    /// Computes the bars that come next, up to the first whose cell has one among them already. `cell_of` gives the number
    /// of a bar's cell and its layout.
    #[inline]
    pub(super) fn evaluate(
        &mut self,
        cells: &mut Cells,
        layouts: &[CellLayout],
        programs: &mut Option<Programs>,
        mut cell_of: impl FnMut(&Bar) -> (u32, usize),
    ) {
        let from = self.evaluated;
        while let Some(message) = self.messages.get(self.evaluated) {
            let k = self.evaluated;
            self.fired[k] = 0;
            match message {
                BarMessage::Bar(bar) => {
                    let (cell, layout) = cell_of(bar);
                    if self.cells[from..k].contains(&cell) {
                        break;
                    }
                    self.cells[k] = cell;
                    let row = &self.rows[layout];
                    if row.count > 0 && !cells.go_together(row.cells[row.count - 1], cell) {
                        self.compute(cells, layouts, programs, layout);
                    }
                    let row = &mut self.rows[layout];
                    if row.count == 0 {
                        self.begun.push(layout as u32);
                    }
                    (row.cells[row.count], row.messages[row.count]) = (cell, k as u8);
                    row.count += 1;
                    if row.count == Cells::LANES {
                        self.compute(cells, layouts, programs, layout);
                    }
                }
                BarMessage::Control(_) => self.cells[k] = NONE,
            }
            self.evaluated += 1;
        }
        for k in 0..self.begun.len() {
            self.compute(cells, layouts, programs, self.begun[k] as usize);
        }
        self.begun.clear();
    }

    #[inline]
    fn compute(&mut self, cells: &mut Cells, layouts: &[CellLayout], programs: &mut Option<Programs>, layout: usize) {
        let row = &mut self.rows[layout];
        let count = std::mem::take(&mut row.count);
        if count == 0 {
            return;
        }
        let (row, messages) = (*row, &self.messages);
        let bar = |k: usize| match &messages[usize::from(row.messages[k])] {
            BarMessage::Bar(bar) => Some((row.cells[k], bar)),
            BarMessage::Control(_) => None,
        };
        let Some(first) = bar(0) else { return };
        let mut bars = [first; Cells::LANES];
        for (k, to) in bars.iter_mut().enumerate().take(count).skip(1) {
            *to = bar(k).unwrap_or(first);
        }
        let (fired, candidates) = (&mut self.fired, &mut self.candidates);
        cells.on_bars(&layouts[layout], &bars[..count], |k, strategy, candidate| {
            let message = usize::from(row.messages[k]);
            fired[message] |= 1 << strategy.index();
            candidates[message][strategy.index()] = candidate;
        });
        if let Some(programs) = programs {
            let (custom, customs) = (&mut self.custom, self.customs);
            programs.on_bars(&bars[..count], |k, strategy, candidate| {
                let message = usize::from(row.messages[k]);
                fired[message] |= 1 << Strategy::Custom(strategy).index();
                custom[message * customs + strategy.place()] = candidate;
            });
        }
    }

    /// The next message and its place; `None` where it has still to be computed, or there is none.
    #[inline]
    pub(super) fn next(&mut self) -> Option<(usize, BarMessage)> {
        if self.sent == self.evaluated {
            return None;
        }
        let k = self.sent;
        self.sent += 1;
        Some((k, self.messages[k]))
    }

    /// What the bar at a place has given.
    #[inline]
    pub(super) fn found(&self, k: usize) -> Found<'_> {
        let custom = &self.custom[k * self.customs..][..self.customs];
        Found { cell: self.cells[k], fired: self.fired[k], candidates: &self.candidates[k], custom }
    }
}

/// Whether the cells must be at a message as the bars before it have made them: the last one of its window.
fn is_barrier(message: &BarMessage) -> bool {
    match message {
        BarMessage::Bar(_) => false,
        BarMessage::Control(control) => match control {
            Control::Head(_)
            | Control::Progress { .. }
            | Control::Close { .. }
            | Control::Feeds { .. }
            | Control::Intervals { .. }
            | Control::Crossing(_)
            | Control::Drift(_)
            | Control::Numbers(_) => false,
            Control::External(_)
            | Control::Forming(_)
            | Control::Incomplete { .. }
            | Control::Snapshot { .. }
            | Control::End => true,
        },
    }
}
