//! The newest closed bar of every cell, and which strategies outside have spoken of it. Kept where such are read alone; hot,
//! allocates only when a symbol is added.

use super::Refusal;
use wincode::{SchemaRead, SchemaWrite};

/// The newest bar of a cell.
#[derive(Debug, Clone, Copy)]
struct NewestBar {
    /// Its end, Unix ms; `i64::MIN` before the first.
    end: i64,
    /// The strategies outside that have spoken of it, as a bit set.
    said: u32,
}

/// The newest bar of a cell, as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct SavedNewestBar {
    /// Symbol and timeframe of the cell.
    pub symbol: String,
    /// See above.
    pub timeframe: String,
    /// End of the bar, Unix ms.
    pub end: i64,
    /// The strategies that have spoken of it.
    pub said: Vec<String>,
}

/// The newest bars of all cells, by symbol and timeframe.
#[derive(Debug, Clone, Default)]
pub struct NewestBars {
    bars: Vec<NewestBar>,
}

impl NewestBars {
    /// Makes room for so many cells. Allocates.
    pub fn grow(&mut self, cells: usize) {
        self.bars.resize(cells, NewestBar { end: i64::MIN, said: 0 });
    }

    /// A bar of a cell that ends there has closed. Costs a comparison where nothing is kept.
    #[inline]
    pub fn closed(&mut self, cell: usize, end: i64) {
        if let Some(own) = self.bars.get_mut(cell)
            && end > own.end
        {
            *own = NewestBar { end, said: 0 };
        }
    }

    /// A strategy outside, by its bit, speaks of the bar of a cell that ends there.
    ///
    /// # Errors
    /// [`Refusal::NoSuchBar`] where it has not closed, [`Refusal::SaidLate`] where a newer one has, and
    /// [`Refusal::SaidAlready`] where the strategy has spoken of it before.
    pub fn say(&mut self, cell: usize, end: i64, strategy: usize) -> Result<(), Refusal> {
        let own = self.bars.get_mut(cell).ok_or(Refusal::NoSuchBar)?;
        let bit = 1 << (strategy % 32);
        match end.cmp(&own.end) {
            std::cmp::Ordering::Greater => Err(Refusal::NoSuchBar),
            std::cmp::Ordering::Less => Err(Refusal::SaidLate),
            std::cmp::Ordering::Equal if own.said & bit != 0 => Err(Refusal::SaidAlready),
            std::cmp::Ordering::Equal => {
                own.said |= bit;
                Ok(())
            }
        }
    }

    /// By cell that has had a bar: its number, the bar's end, and who has spoken of it, as a bit set.
    pub fn all(&self) -> impl Iterator<Item = (usize, i64, u32)> {
        let had = self.bars.iter().enumerate().filter(|(_, bar)| bar.end != i64::MIN);
        had.map(|(cell, bar)| (cell, bar.end, bar.said))
    }

    /// Goes on from what was saved of a cell.
    pub fn restore(&mut self, cell: usize, end: i64, said: u32) {
        if let Some(own) = self.bars.get_mut(cell) {
            *own = NewestBar { end, said };
        }
    }

    /// Memory held, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bars.capacity() * size_of::<NewestBar>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_strategy_speaks_once_of_the_newest_bar() {
        let mut bars = NewestBars::default();
        bars.closed(0, 60);
        assert_eq!(bars.say(0, 60, 0), Err(Refusal::NoSuchBar), "nothing is kept");
        bars.grow(2);
        assert_eq!(bars.say(0, 60, 0), Err(Refusal::NoSuchBar), "nothing has closed");
        bars.closed(0, 60);
        assert_eq!(bars.say(0, 60, 0), Ok(()));
        assert_eq!(bars.say(0, 60, 1), Ok(()));
        assert_eq!(bars.say(0, 60, 1), Err(Refusal::SaidAlready));
        assert_eq!(bars.say(0, 120, 1), Err(Refusal::NoSuchBar));
        bars.closed(0, 120);
        bars.closed(0, 60);
        assert_eq!(bars.say(0, 60, 2), Err(Refusal::SaidLate));
        assert_eq!(bars.say(0, 120, 1), Ok(()));
        assert_eq!(bars.all().collect::<Vec<_>>(), [(0, 120, 2)]);
        let mut again = NewestBars::default();
        again.grow(2);
        again.restore(0, 120, 2);
        assert_eq!(again.say(0, 120, 1), Err(Refusal::SaidAlready));
    }
}
