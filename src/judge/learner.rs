//! The calibrated confidence: an online logistic regression, one for each symbol. Hot.

use crate::{
    model::{Roster, SURROUNDINGS, Side, SignalKind, TimeframeId},
    state::{SavedTable, StateError, put, take},
};
use wincode::{SchemaRead, SchemaWrite};

/// Numbers that describe a signal beside its timeframe and kind.
pub(super) const FEATURES: usize = 3 + SURROUNDINGS;

/// The numbers that describe a signal.
pub(super) type Features = [f64; FEATURES];

/// A weight with the sum of the squares of its gradients.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
struct Weight {
    w: f64,
    g: f64,
}

impl Weight {
    const START: Self = Self { w: 0.0, g: 1.0 };

    /// Whether it is one that learning can have made.
    fn is_sound(self) -> bool {
        self.w.is_finite() && self.g.is_finite() && self.g >= Self::START.g
    }

    #[inline]
    fn learn(&mut self, gradient: f64, rate: f64) {
        self.g += gradient * gradient;
        self.w -= rate * gradient / self.g.sqrt();
    }
}

/// What describes a signal.
#[inline]
pub(super) fn features(
    confidence: f64,
    support: f64,
    opposition: f64,
    side: Side,
    around: &[f64; SURROUNDINGS],
) -> Features {
    let all = 1.0 + support + opposition;
    let mut features = [0.0; FEATURES];
    features[0] = 4.0 * (confidence - 0.75);
    features[1] = (support - opposition) / all;
    features[2] = (support + opposition) / all;
    features[3] = around[0];
    for (to, moved) in features[4..].iter_mut().zip(&around[1..]) {
        *to = side.dir() * moved;
    }
    features
}

/// The weights of all symbols, and how many outcomes each has learned.
#[derive(Debug)]
pub(super) struct Learners {
    timeframes: usize,
    roster: Roster,
    /// Number of kinds.
    kinds: usize,
    rate: f64,
    /// By symbol: bias, timeframes, timeframes by kinds, features.
    weights: Vec<Weight>,
    learned: Vec<u32>,
}

/// The weights of a timeframe as they were saved: its own, and by kind.
type SavedColumn = (Weight, Vec<(SignalKind, Weight)>);

fn weights_of((own, kinds): &SavedColumn) -> impl Iterator<Item = Weight> {
    std::iter::once(*own).chain(kinds.iter().map(|(_, weight)| *weight))
}

/// A symbol's weights as they were saved, by the timeframes of a plan.
#[derive(Debug, Default)]
pub(super) struct SavedLearner {
    learned: u32,
    bias: Option<Weight>,
    features: Vec<Weight>,
    /// By timeframe.
    timeframes: Vec<Option<SavedColumn>>,
}

impl SavedLearner {
    /// Whether nothing was saved.
    pub fn is_new(&self) -> bool {
        self.bias.is_none()
    }

    /// Takes off the front what [`Learners::save`] wrote.
    ///
    /// # Errors
    /// The bytes do not decode to weights.
    pub fn read(bytes: &mut &[u8], table: &SavedTable, roster: &Roster) -> Result<Self, StateError> {
        let (learned, bias): (u32, Weight) = take(bytes)?;
        let features: Vec<Weight> = take(bytes)?;
        let mut saved: Vec<Option<SavedColumn>> = Vec::new();
        for _ in 0..table.width() {
            let own: Weight = take(bytes)?;
            let kinds: Vec<(String, Weight)> = take(bytes)?;
            let known = kinds.into_iter().filter_map(|(name, weight)| Some((roster.kind_named(&name)?, weight)));
            saved.push(Some((own, known.collect())));
        }
        let all = [bias].into_iter().chain(features.iter().copied()).chain(saved.iter().flatten().flat_map(weights_of));
        if features.len() != FEATURES || !all.into_iter().all(Weight::is_sound) {
            return Err(StateError::Shape("the weights of a symbol"));
        }
        let timeframes =
            table.columns().map(|column| column.and_then(|column| saved.get_mut(column)?.take())).collect();
        Ok(Self { learned, bias: Some(bias), features, timeframes })
    }
}

impl Learners {
    /// Of no symbol yet.
    pub fn new(timeframes: usize, roster: &Roster, rate: f64) -> Self {
        Self { timeframes, roster: *roster, kinds: roster.kind_count(), rate, weights: Vec::new(), learned: Vec::new() }
    }

    /// Weights of a symbol.
    const fn width(&self) -> usize {
        1 + self.timeframes * (1 + self.kinds) + FEATURES
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self) {
        self.weights.resize(self.weights.len() + self.width(), Weight::START);
        self.learned.push(0);
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.weights.capacity() * size_of::<Weight>() + self.learned.capacity() * size_of::<u32>()
    }

    /// Outcomes that a symbol's weights have learned.
    #[inline]
    pub fn learned(&self, symbol: usize) -> u32 {
        self.learned[symbol]
    }

    #[inline]
    fn kind_place(&self, timeframe: TimeframeId, kind: SignalKind) -> usize {
        1 + self.timeframes + timeframe.index() * self.kinds + kind.index()
    }

    #[inline]
    fn own(&mut self, symbol: usize) -> &mut [Weight] {
        let width = self.width();
        &mut self.weights[symbol * width..][..width]
    }

    /// The probability that a signal wins.
    #[inline]
    pub fn predict(&self, symbol: usize, timeframe: TimeframeId, kind: SignalKind, features: &Features) -> f64 {
        let width = self.width();
        let own = &self.weights[symbol * width..][..width];
        let mut margin = own[0].w + own[1 + timeframe.index()].w + own[self.kind_place(timeframe, kind)].w;
        for (weight, value) in own[width - FEATURES..].iter().zip(features) {
            margin += weight.w * value;
        }
        1.0 / (1.0 + (-margin).exp())
    }

    /// Learns whether a signal has won.
    #[inline]
    pub fn learn(&mut self, symbol: usize, timeframe: TimeframeId, kind: SignalKind, features: &Features, won: bool) {
        let off = self.predict(symbol, timeframe, kind, features) - f64::from(u8::from(won));
        let (rate, place, width) = (self.rate, self.kind_place(timeframe, kind), self.width());
        let own = self.own(symbol);
        own[0].learn(off, rate);
        own[1 + timeframe.index()].learn(off, rate);
        own[place].learn(off, rate);
        for (weight, value) in own[width - FEATURES..].iter_mut().zip(features) {
            if *value != 0.0 {
                weight.learn(off * value, rate);
            }
        }
        self.learned[symbol] = self.learned[symbol].saturating_add(1);
    }

    /// The weights and sums of squares of a symbol, by coordinate: for tests and studies.
    pub fn coordinates(
        &self,
        symbol: usize,
        mut each: impl FnMut(Option<TimeframeId>, Option<SignalKind>, usize, [f64; 2]),
    ) {
        let width = self.width();
        let own = &self.weights[symbol * width..][..width];
        let of = |weight: &Weight| [weight.w, weight.g];
        each(None, None, 0, of(&own[0]));
        for timeframe in (0..self.timeframes).map(TimeframeId::new) {
            each(Some(timeframe), None, 0, of(&own[1 + timeframe.index()]));
            for kind in self.roster.kinds() {
                each(Some(timeframe), Some(kind), 0, of(&own[self.kind_place(timeframe, kind)]));
            }
        }
        for (number, weight) in own[width - FEATURES..].iter().enumerate() {
            each(None, None, 1 + number, of(weight));
        }
    }

    /// Appends the weights of a symbol.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save(&self, symbol: usize, out: &mut Vec<u8>) -> Result<(), StateError> {
        let width = self.width();
        let own = &self.weights[symbol * width..][..width];
        put(out, &(self.learned[symbol], own[0]))?;
        put(out, &&own[width - FEATURES..])?;
        for timeframe in (0..self.timeframes).map(TimeframeId::new) {
            put(out, &own[1 + timeframe.index()])?;
            put(out, &(self.kinds as u64))?;
            for kind in self.roster.kinds() {
                put(out, &(kind.name(), own[self.kind_place(timeframe, kind)]))?;
            }
        }
        Ok(())
    }

    /// Goes on from the saved weights of a symbol.
    pub fn restore(&mut self, symbol: usize, saved: &SavedLearner) {
        let Some(bias) = saved.bias else { return };
        self.learned[symbol] = saved.learned;
        let (width, timeframes, all) = (self.width(), self.timeframes, self.kinds);
        let own = self.own(symbol);
        own[0] = bias;
        own[width - FEATURES..].copy_from_slice(&saved.features);
        for (index, column) in saved.timeframes.iter().enumerate().take(timeframes) {
            let Some((weight, kinds)) = column else { continue };
            own[1 + index] = *weight;
            for (kind, weight) in kinds {
                own[1 + timeframes + index * all + kind.index()] = *weight;
            }
        }
    }
}
