//! Questions about the last bars of a cell, from a thread that may wait, and their answers by the worker that owns the cell.
//!
//! The worker looks at one number a duty cycle, which nobody writes while nobody asks. Neither side allocates or blocks on
//! the other: who asks looks for the answer as often as he likes, and gives up when he likes.

use crate::{
    model::{Statistics, SymbolId, TimeframeId},
    runtime::Waker,
};
use crossbeam_utils::CachePadded;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// What is asked for: the statistics of so many bars of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowQuestion {
    /// The symbol of the cell.
    pub symbol: SymbolId,
    /// Its timeframe.
    pub timeframe: TimeframeId,
    /// Bars of the window.
    pub bars: u32,
}

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowAnswer {
    /// Bars that the cell has had.
    pub seen: u64,
    /// Bars that a window may have by now, and ever.
    pub kept: u32,
    /// Bars that the longest window may have.
    pub longest: u32,
    /// Time of the newest bar, Unix ms; `i64::MIN` where there is none.
    pub end: i64,
    /// The statistics; of the cell alone where the window has more bars than are kept.
    pub values: Statistics,
}

/// Words of an answer.
const WORDS: usize = 4 + Statistics::COUNT;

/// An answer of one worker.
#[derive(Debug)]
struct Slot {
    /// The question that it answers, as it was asked.
    answers: AtomicU64,
    words: [AtomicU64; WORDS],
}

/// One question at a time, and an answer of each worker.
#[derive(Debug)]
pub struct Questions {
    asked: CachePadded<AtomicU64>,
    slots: Vec<CachePadded<Slot>>,
    wakers: Vec<Waker>,
}

impl Questions {
    /// None yet, to so many workers; these wake their threads.
    #[must_use]
    pub fn new(workers: usize, wakers: Vec<Waker>) -> Self {
        let slot = || Slot { answers: AtomicU64::new(0), words: [const { AtomicU64::new(0) }; WORDS] };
        Self { asked: CachePadded::default(), slots: (0..workers).map(|_| CachePadded::new(slot())).collect(), wakers }
    }

    /// Asks. Only one thread may, one question after the other. Returns the number by which the answer is found.
    pub fn ask(&self, question: WindowQuestion) -> u64 {
        // The newest 16 bits tell a question from the one before it; 0 is none.
        let number = (self.asked.load(Relaxed) as u16).wrapping_add(1).max(1);
        let WindowQuestion { symbol, timeframe, bars } = question;
        let cell = u64::from(symbol.0) << 8 | timeframe.index() as u64;
        let asked = cell << 40 | u64::from(bars.min(0xff_ffff)) << 16 | u64::from(number);
        self.asked.store(asked, Release);
        self.wakers.iter().for_each(Waker::wake);
        asked
    }

    /// The answer to a question, once it is there.
    #[must_use]
    pub fn answer_to(&self, asked: u64) -> Option<WindowAnswer> {
        let slot = self.slots.iter().find(|slot| slot.answers.load(Acquire) == asked)?;
        let word = |k: usize| slot.words[k].load(Relaxed);
        let mut values = [0.0; Statistics::COUNT];
        values.iter_mut().enumerate().for_each(|(k, value)| *value = f64::from_bits(word(4 + k)));
        Some(WindowAnswer {
            seen: word(0),
            kept: word(1) as u32,
            longest: word(2) as u32,
            end: word(3).cast_signed(),
            values: Statistics::from_values(values),
        })
    }

    /// What was asked last: the number, which is not that of the question before.
    #[inline]
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.asked.load(Acquire)
    }

    /// The question of a number.
    #[must_use]
    pub fn question(asked: u64) -> WindowQuestion {
        let cell = asked >> 40;
        WindowQuestion {
            symbol: SymbolId((cell >> 8) as u16),
            timeframe: TimeframeId::new((cell & 0xff) as usize),
            bars: (asked >> 16 & 0xff_ffff) as u32,
        }
    }

    /// Answers, as this worker.
    pub fn answer(&self, worker: usize, asked: u64, answer: &WindowAnswer) {
        let Some(slot) = self.slots.get(worker) else { return };
        let WindowAnswer { seen, kept, longest, end, values } = *answer;
        let head = [seen, kept.into(), longest.into(), end.cast_unsigned()];
        let words = head.into_iter().chain(values.values().map(f64::to_bits));
        slot.words.iter().zip(words).for_each(|(place, word)| place.store(word, Relaxed));
        slot.answers.store(asked, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_of_the_question_that_was_asked_last() {
        let questions = Questions::new(2, Vec::new());
        let question = |symbol, bars| WindowQuestion { symbol: SymbolId(symbol), timeframe: TimeframeId::new(3), bars };
        for k in 0..70_000u32 {
            let asked = questions.ask(question((k % 60_000) as u16, k));
            assert_eq!(questions.asked(), asked);
            assert_eq!(Questions::question(asked), question((k % 60_000) as u16, k));
            assert_eq!(questions.answer_to(asked), None);
            let answer = WindowAnswer {
                seen: u64::from(k),
                kept: k,
                longest: 256,
                end: -i64::from(k),
                values: Statistics { mean: f64::from(k), ..Statistics::from_values([0.5; Statistics::COUNT]) },
            };
            questions.answer(k as usize % 2, asked, &answer);
            assert_eq!(questions.answer_to(asked), Some(answer));
        }
    }
}
