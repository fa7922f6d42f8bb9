//! What the statistics of a window need of the last bars beside their history, and the statistics, made when somebody reads
//! them. Hot where bars are kept: a row a bar. Allocates when made.

use super::History;
use crate::{
    model::{Bar, Statistics, change},
    state::{StateError, is_sound_time, put, take},
};
use wincode::{SchemaRead, SchemaWrite};

/// Bars of the average true range.
const ATR: u8 = 14;

/// What is kept of a bar beside its price, high, low and volume.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
struct Row {
    open: f64,
    vwap: f64,
    /// The square of its return; its sign is negative where the calendar has a bar before it that did not come.
    square: f64,
}

impl Row {
    const NONE: Self = Self { open: f64::NAN, vwap: f64::NAN, square: f64::NAN };
}

/// What a cell says of its last bar.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
struct Newest {
    /// Its close; NaN before the first.
    close: f64,
    /// Its end, Unix ms; `i64::MIN` before the first.
    end: i64,
    /// Average of the true ranges; their sum until there are [`ATR`].
    atr: f64,
    /// True ranges in it, at most [`ATR`].
    ranges: u8,
}

/// The last bars of one cell, beside its [`History`], which keeps at least as many.
#[derive(Debug, Clone, PartialEq)]
pub struct Recent {
    /// A power of two.
    rows: Box<[Row]>,
    head: u32,
    /// Bars without a gap in what is known of them, up to the newest.
    kept: u32,
    newest: Newest,
}

impl Recent {
    /// Of a cell before its first bar. It keeps `capacity` bars, rounded up to a power of two. Allocates.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let rows = vec![Row::NONE; capacity.max(4).next_power_of_two()].into_boxed_slice();
        let newest = Newest { close: f64::NAN, end: i64::MIN, atr: 0.0, ranges: 0 };
        Self { rows, head: 0, kept: 0, newest }
    }

    /// Bars that the longest window of it may have.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.rows.len()
    }

    /// Bars that a window may have by now.
    #[inline]
    #[must_use]
    pub fn kept(&self) -> usize {
        self.kept as usize
    }

    /// End of the newest bar, Unix ms; `i64::MIN` where there is none.
    #[must_use]
    pub const fn end(&self) -> i64 {
        self.newest.end
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.rows)
    }

    /// Takes a closed bar from one moment to another, the `first` of its cell or not; `missing` counts the spans between two
    /// moments. Where bars before the first one that it sees were not seen, that one is not whole: nobody knows what it
    /// comes from.
    #[inline]
    pub fn on_bar(&mut self, bar: &Bar, first: bool, (start, end): (i64, i64), missing: impl FnOnce(i64, i64) -> i64) {
        let Newest { close: before, end: ended, .. } = self.newest;
        (self.newest.close, self.newest.end) = (bar.close, end);
        let unseen = ended == i64::MIN;
        if unseen && !first {
            return;
        }
        let gap = !unseen && start != ended && missing(ended, start) > 0;
        let ret = if unseen { 0.0 } else { change(before, bar.close) };
        let square = ret * ret;
        if !unseen {
            self.range((bar.high - bar.low).max((bar.high - before).abs()).max((bar.low - before).abs()));
        }
        let next = (self.head as usize + 1) & (self.rows.len() - 1);
        self.rows[next] = Row { open: bar.open, vwap: bar.vwap, square: if gap { -square } else { square } };
        self.head = next as u32;
        self.kept = (self.kept + 1).min(self.rows.len() as u32);
    }

    #[inline]
    fn range(&mut self, range: f64) {
        let (atr, count) = (&mut self.newest.atr, f64::from(ATR));
        if self.newest.ranges == ATR {
            *atr = (*atr * (count - 1.0) + range) / count;
            return;
        }
        *atr += range;
        self.newest.ranges += 1;
        if self.newest.ranges == ATR {
            *atr /= count;
        }
    }

    fn row(&self, back: usize) -> Row {
        self.rows[(self.head as usize).wrapping_sub(back) & (self.rows.len() - 1)]
    }

    /// Statistics of the last `bars` bars, with the history of the same cell; `spans` is how many bars a year has. `sorted` is
    /// room for their prices. Where there are not so many bars, only what is of the cell is there. Does not allocate if
    /// the room is large enough.
    #[must_use]
    pub fn statistics(&self, history: &History, bars: usize, spans: f64, sorted: &mut Vec<f64>) -> Statistics {
        let Newest { close, atr, ranges, .. } = self.newest;
        let atr = if ranges == ATR { atr } else { f64::NAN };
        let of_cell = Statistics { atr, atr_pct: 100.0 * atr / close.abs(), ..Statistics::NONE };
        if bars == 0 || bars > self.kept().min(history.capacity()) {
            return of_cell;
        }
        let sums = Sums::of(self, history, bars);
        let n = bars as f64;
        let flat = sums.least == sums.most;
        let mean = if flat { sums.least } else { sums.shift + sums.moved / n };
        let sd = if flat { 0.0 } else { deviation(history, bars, mean) };
        let Sums { high, low, volume, .. } = sums;
        let vwap = if volume > 0.0 { sums.first_vwap + sums.weighted / volume } else { (high + low + close) / 3.0 };
        // Of so many volumes before the newest there is one more than in the window.
        let before = if self.kept() > bars && history.capacity() > bars {
            (1..=bars).rev().map(|back| history.volume(back)).sum::<f64>() / n
        } else {
            0.0
        };
        let realized_vol = sums.squares.sqrt();
        sorted.clear();
        sorted.extend((0..bars).map(|back| history.price(back)));
        let [q25, q50, q75] = quartiles(sorted);
        Statistics {
            change_pct: 100.0 * change(self.row(bars - 1).open, close),
            high,
            low,
            range_position: if high > low { (close - low) / (high - low) } else { 0.5 },
            mean,
            sd,
            z_score: if sd > 0.0 { (history.price(0) - mean) / sd } else { 0.0 },
            volume,
            dollar_volume: sums.dollars,
            vwap: vwap.max(low).min(high),
            relative_volume: if before > 0.0 { history.volume(0) / before } else { f64::NAN },
            realized_vol,
            realized_vol_year: realized_vol * (spans / n).sqrt(),
            flat_share: f64::from(sums.flats) / n,
            gap_share: f64::from(sums.gaps) / n,
            q25,
            q50,
            q75,
            ..of_cell
        }
    }

    /// Appends the state.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        put(out, &self.newest)?;
        put(out, &self.kept)?;
        (0..self.kept()).rev().try_for_each(|back| put(out, &self.row(back)))
    }

    /// Takes off the front what [`save`](Self::save) wrote. Allocates.
    ///
    /// # Errors
    /// The bytes do not decode to the last bars of a cell.
    pub fn read(bytes: &mut &[u8]) -> Result<Self, StateError> {
        let newest: Newest = take(bytes)?;
        let kept: u32 = take(bytes)?;
        // What is there bounds what is asked for.
        if newest.ranges > ATR || !is_sound_time(newest.end) || kept as usize > bytes.len() / size_of::<Row>() {
            return Err(StateError::Shape("the last bars of a cell"));
        }
        let mut recent = Self { newest, ..Self::new(kept as usize) };
        for _ in 0..kept {
            recent.push(take(bytes)?);
        }
        Ok(recent)
    }

    fn push(&mut self, row: Row) {
        let next = (self.head as usize + 1) & (self.rows.len() - 1);
        self.rows[next] = row;
        self.head = next as u32;
        self.kept = (self.kept + 1).min(self.rows.len() as u32);
    }

    /// Keeps so many bars from now on, as [`History::resize`] does. Allocates where that changes anything.
    pub fn resize(&mut self, capacity: usize) {
        let mut other = Self::new(capacity);
        if other.longest() != self.longest() {
            other.restore(self);
            *self = other;
        }
    }

    /// Goes on from saved bars: as many as fit, and as the cell's own history still has.
    pub fn restore(&mut self, saved: &Self) {
        let fit = saved.kept().min(self.longest());
        (self.head, self.kept, self.newest) = (0, 0, saved.newest);
        (0..fit).rev().for_each(|back| self.push(saved.row(back)));
    }
}

/// Sums over a window.
struct Sums {
    high: f64,
    low: f64,
    /// The least and the greatest price.
    least: f64,
    most: f64,
    /// The first price, and the sum of how far the others are from it.
    shift: f64,
    moved: f64,
    volume: f64,
    dollars: f64,
    /// The first vwap, and the sum of how far the others are from it, by volume.
    first_vwap: f64,
    weighted: f64,
    squares: f64,
    flats: u32,
    gaps: u32,
}

impl Sums {
    fn of(recent: &Recent, history: &History, bars: usize) -> Self {
        let first_vwap = recent.row(bars - 1).vwap;
        let shift = history.price(bars - 1);
        let mut sums = Self {
            high: f64::NEG_INFINITY,
            low: f64::INFINITY,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            shift,
            moved: 0.0,
            volume: 0.0,
            dollars: 0.0,
            first_vwap,
            weighted: 0.0,
            squares: 0.0,
            flats: 0,
            gaps: 0,
        };
        for back in (0..bars).rev() {
            let Row { vwap, square, .. } = recent.row(back);
            let (price, high, low, volume) =
                (history.price(back), history.high(back), history.low(back), history.volume(back));
            (sums.high, sums.low) = (sums.high.max(high), sums.low.min(low));
            (sums.least, sums.most) = (sums.least.min(price), sums.most.max(price));
            sums.moved += price - shift;
            sums.volume += volume;
            sums.dollars += volume * vwap;
            sums.weighted += volume * (vwap - first_vwap);
            sums.squares += square.abs();
            sums.flats += u32::from(high == low);
            sums.gaps += u32::from(square.is_sign_negative());
        }
        sums
    }
}

/// Standard deviation of the last prices from their mean.
fn deviation(history: &History, bars: usize, mean: f64) -> f64 {
    let square = |back| (history.price(back) - mean) * (history.price(back) - mean);
    ((0..bars).rev().map(square).sum::<f64>() / bars as f64).sqrt()
}

/// The quartiles of prices: of each the first that so many do not exceed. Reorders them.
fn quartiles(prices: &mut [f64]) -> [f64; 3] {
    let place = |quarters: usize| (quarters * prices.len()).div_ceil(4) - 1;
    let [first, second, third] = [place(1), place(2), place(3)];
    let (below, middle, above) = prices.select_nth_unstable_by(second, f64::total_cmp);
    let q50 = *middle;
    let q25 = if first == second { q50 } else { *below.select_nth_unstable_by(first, f64::total_cmp).1 };
    let q75 = if third == second { q50 } else { *above.select_nth_unstable_by(third - second - 1, f64::total_cmp).1 };
    [q25, q50, q75]
}
