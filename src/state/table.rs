//! Tables whose rows and columns are saved by name, so that a plan with other names or another order can find them.

use super::codec::{StateError, put, take};
use wincode::{SchemaRead, SchemaWrite};

/// A column of a saved table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Column<'a> {
    /// Name of the timeframe.
    pub timeframe: &'a str,
    /// Hash of what the numbers of its cell depend on; 0 where the cell is not calculated.
    pub hash: u64,
}

/// By wanted column: its place among the saved ones, if one has the same name and hash.
#[must_use]
pub fn align<'a>(saved: &[Column<'_>], wanted: impl Iterator<Item = Column<'a>>) -> Vec<Option<usize>> {
    let place = |column: Column<'_>| saved.iter().position(|saved| *saved == column).filter(|_| column.hash != 0);
    wanted.map(place).collect()
}

/// The head of one symbol's tables by timeframe and strategy.
#[derive(Debug, Clone, SchemaWrite, SchemaRead)]
struct TableHead<'a> {
    columns: Vec<Column<'a>>,
    strategies: Vec<&'a str>,
}

/// Where a plan finds its numbers in saved tables by timeframe and strategy.
#[derive(Debug, Clone)]
pub struct SavedTable {
    /// By wanted timeframe and by wanted strategy: the place among the saved ones.
    columns: Vec<Option<usize>>,
    strategies: Vec<Option<usize>>,
    /// Saved timeframes and strategies.
    width: usize,
    depth: usize,
}

impl SavedTable {
    /// Appends the head of tables of these timeframes and strategies. Allocates only if `out` has to grow.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save<'a>(
        columns: impl ExactSizeIterator<Item = Column<'a>>,
        strategies: impl ExactSizeIterator<Item = &'a str>,
        out: &mut Vec<u8>,
    ) -> Result<(), StateError> {
        put(out, &(columns.len() as u64))?;
        for column in columns {
            put(out, &column)?;
        }
        put(out, &(strategies.len() as u64))?;
        for strategy in strategies {
            put(out, &strategy)?;
        }
        Ok(())
    }

    /// Reads the head that [`save`](Self::save) wrote, and finds these timeframes and strategies in it.
    ///
    /// # Errors
    /// The bytes do not decode to this state.
    pub fn read<'a>(
        bytes: &mut &[u8],
        columns: impl Iterator<Item = Column<'a>>,
        strategies: impl Iterator<Item = &'a str>,
    ) -> Result<Self, StateError> {
        let head: TableHead<'_> = take(bytes)?;
        let strategy = |name: &str| head.strategies.iter().position(|saved| *saved == name);
        Ok(Self {
            columns: align(&head.columns, columns),
            strategies: strategies.map(strategy).collect(),
            width: head.columns.len(),
            depth: head.strategies.len(),
        })
    }

    /// By wanted timeframe: its place among the saved ones.
    pub fn columns(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        self.columns.iter().copied()
    }

    /// The wanted timeframe that was saved at this place.
    #[must_use]
    pub fn wanted(&self, column: usize) -> Option<usize> {
        self.columns.iter().position(|place| *place == Some(column))
    }

    /// The place of a wanted strategy among the saved ones.
    #[must_use]
    pub fn strategy(&self, strategy: usize) -> Option<usize> {
        self.strategies.get(strategy).copied().flatten()
    }

    /// Saved timeframes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Saved strategies.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Numbers in a table by timeframe and strategy.
    #[must_use]
    pub fn len(&self) -> usize {
        self.width * self.depth
    }

    /// Whether nothing was saved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place in such a table of a saved column and a wanted strategy.
    #[must_use]
    pub fn place(&self, column: usize, strategy: usize) -> Option<usize> {
        self.strategy(strategy).filter(|_| column < self.width).map(|strategy| column * self.depth + strategy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_hash() {
        let column = |timeframe, hash| Column { timeframe, hash };
        let saved = [column("1m", 1), column("5m", 2), column("1h", 0)];
        let wanted = [column("5m", 2), column("1m", 9), column("1d", 1), column("1h", 0), column("1m", 1)];
        assert_eq!(align(&saved, wanted.into_iter()), [Some(1), None, None, None, Some(0)]);
    }

    #[test]
    fn a_table_is_found_again_among_other_timeframes_and_strategies() {
        let column = |timeframe, hash| Column { timeframe, hash };
        let mut bytes = Vec::new();
        SavedTable::save([column("1m", 1), column("5m", 2)].into_iter(), ["x", "y", "z"].into_iter(), &mut bytes)
            .unwrap();
        bytes.push(9);
        let wanted = [column("1s", 1), column("5m", 2)];
        let mut rest = bytes.as_slice();
        let table = SavedTable::read(&mut rest, wanted.into_iter(), ["z", "w", "x"].into_iter()).unwrap();
        assert_eq!((rest, table.len()), (&[9][..], 6));
        assert_eq!(table.columns().collect::<Vec<_>>(), [None, Some(1)]);
        assert_eq!([0, 1, 2].map(|strategy| table.place(1, strategy)), [Some(5), None, Some(3)]);
        assert_eq!((table.wanted(1), table.wanted(0)), (Some(1), None));
    }
}
