//! The list of the strategies, and everything that is made of it.

#[cfg(test)]
use super::added;
use super::{
    BarView, CustomStrategy, Findings, Fired, bollinger_breakout, common,
    found::Found,
    kinds::{KindSpec, Kinds},
    look_back::LookBack,
    ma_crossover, macd_rsi,
    memory::{LINE, Memory, Word, nothing},
    params::ParamTable,
    past::{Past, Source},
    pivots::PivotRows,
    row::Row,
    rsi_trend,
    rules::Rules,
    sr_breakout,
};
use crate::{
    indicators::Needs,
    lanes::{Line, One, Vector},
    model::saved_as,
};
use serde::{Deserialize, Serialize};
use wincode::error::{ReadError, WriteError};

/// The parameters of a section of the configuration, by name.
pub(crate) type Pick = fn(&mut StrategyParams) -> &mut dyn ParamTable;

/// Makes everything of the list: `Variant = module,`, in the order in which signals are published and weighed.
macro_rules! strategies {
    ($($(#[$meta:meta])* $variant:ident = $module:ident,)+) => {
        /// The strategies, in the order in which their signals are published.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Strategy {
            $(
                $(#[$meta])*
                #[doc = concat!("See [`", stringify!($module), "`](crate::strategies::", stringify!($module), ").")]
                $variant,
            )+
                /// Not a strategy: fires on every bar, to measure the path of a signal. See
                /// [`Candidate::PROBE`](crate::model::Candidate::PROBE).
            Probe,
            /// One that the configuration defines.
            Custom(CustomStrategy),
        }

        /// The places of the built-in strategies.
        enum Place {
            $($(#[$meta])* $variant,)+
        }

        impl Strategy {
            /// Number of built-in strategies, without the probe. Those of a configuration are in its
            /// [`Roster`](crate::strategies::Roster).
            pub const COUNT: usize = NAMES.len() - 1;
            /// Slots of a table with room for the strategies of every configuration and the probe.
            pub const SLOTS: usize = Self::COUNT + CustomStrategy::MAX + 1;
            /// The built-in strategies, in order of publication, without the probe.
            pub const ALL: [Self; Self::COUNT] = [$($(#[$meta])* Self::$variant),+];

            /// Index into tables of strategies: the built-in ones, those of the configuration, and the probe, which is the
            /// last of [`SLOTS`](Self::SLOTS).
            #[inline]
            #[must_use]
            pub const fn index(self) -> usize {
                match self {
                    $($(#[$meta])* Self::$variant => Place::$variant as usize,)+
                    Self::Custom(custom) => Self::COUNT + custom.place(),
                    Self::Probe => Self::SLOTS - 1,
                }
            }

            /// Name in the existing system.
            #[must_use]
            pub fn old_name(self) -> &'static str {
                match self {
                    $($(#[$meta])* Self::$variant => concat!(stringify!($module), "_strategy"),)+
                    Self::Probe => "probe",
                    Self::Custom(custom) => custom.old_name(),
                }
            }
        }

        const NAMES: &[&str] = &[$($(#[$meta])* stringify!($module),)+ "probe"];

        /// All parameters of the strategies of one timeframe.
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct StrategyParams {
            /// Terms that several strategies share.
            pub common: common::Params,
            $(
                $(#[$meta])*
                #[doc = concat!("Parameters of `", stringify!($module), "`.")]
                pub $module: $module::Params,
            )+
        }

        /// The sections of the configuration.
        pub(crate) const TABLES: &[(&str, Pick)] =
            &[("common", |p| &mut p.common), $($(#[$meta])* (stringify!($module), |p| &mut p.$module)),+];

        const SPECS: &[&[KindSpec]] = &[
            $($(#[$meta])* <<$module::Params as Rules>::Kind as Kinds>::ALL,)+
            &[KindSpec { name: "probe", factors: &[] }],
        ];
        const CONDITIONS: &[u32] = &[$($(#[$meta])* <$module::Params as Rules>::CONDITIONS),+];
        const EDGES_OF: &[Fired] = &[$($(#[$meta])* <$module::Params as Rules>::EDGES),+];
        /// First what is shared.
        const WORDS_OF: &[&[Word]] = &[
            <common::Memory<One> as Memory<One>>::WORDS,
            &[Word::Bits],
            $($(#[$meta])* <<$module::Params as Rules>::Memory<One> as Memory<One>>::WORDS),+
        ];

        /// What all strategies remember, of a row of cells.
        pub(super) struct Memories<V: Vector> {
            pub(super) common: common::Memory<V>,
            /// The conditions that held at the bar before.
            held: V::B,
            $($(#[$meta])* $module: <$module::Params as Rules>::Memory<V>,)+
        }

        impl<V: Vector> Memories<V> {
            /// Takes it out of the lines. `far` are, by word, the older halves of histories: before this bar, and at it.
            #[inline(always)]
            pub(super) fn load(lines: &[[V::F; LINE]; LINES], far: &[[u64; 2]; WORDS]) -> Self {
                Self {
                    common: Memory::<V>::load(lines, far, 0),
                    held: V::to_bits(lines[HELD / LINE][HELD % LINE]),
                    $(
                        $(#[$meta])*
                        $module: Memory::<V>::load(lines, far, const { first_word(Strategy::$variant) }),
                    )+
                }
            }

            /// Puts it back.
            #[inline(always)]
            pub(super) fn store(&self, lines: &mut [[V::F; LINE]; LINES]) {
                Memory::<V>::store(&self.common, lines, 0);
                lines[HELD / LINE][HELD % LINE] = V::from_bits(self.held);
                $($(#[$meta])* Memory::<V>::store(&self.$module, lines, const { first_word(Strategy::$variant) });)+
            }

            /// Lets every strategy look at its bar; the conditions that hold and, of edges, did not at the bar before.
            #[inline(always)]
            pub(super) fn fires<C: PivotRows<V>>(&mut self, params: &StrategyParams, row: &Row<V>, cells: &mut C) -> V::B {
                let mut found = Findings::<V>::none();
                $(
                    $(#[$meta])*
                    {
                        found.first = const { first_condition(Strategy::$variant) };
                        params.$module.fires(row, &mut self.$module, cells, &mut found);
                    }
                )+
                let fresh = V::without(found.bits, V::masked(self.held, EDGES));
                self.held = found.bits;
                fresh
            }

            /// Looks at some of what has been found once more; what is left.
            #[inline(always)]
            pub(super) fn look_again<C: PivotRows<V>>(
                &self,
                params: &StrategyParams,
                row: &Row<V>,
                cells: &C,
                mut found: V::B,
            ) -> V::B {
                $(
                    $(#[$meta])*
                    if <$module::Params as Rules>::LOOKS_AGAIN {
                        let own = const { conditions_of(Strategy::$variant) };
                        if V::some(V::any(found, own)) {
                            let may = params.$module.look_again(row, &self.$module, cells);
                            let others = V::from_bits(V::masked(found, !own));
                            found = V::to_bits(V::pick(may, V::from_bits(found), others));
                        }
                    }
                )+
                found
            }
        }

        impl StrategyParams {
            /// The indicators that the strategies read.
            #[must_use]
            pub fn needs(&self) -> Needs {
                let mut needs = Needs::default();
                self.common.needs(&mut needs);
                $($(#[$meta])* self.$module.needs(&mut needs);)+
                needs
            }

            /// How far the strategies look back, each by itself.
            fn look_backs(&self) -> impl Iterator<Item = LookBack> {
                [self.common.look_back(), $($(#[$meta])* self.$module.look_back()),+].into_iter()
            }

            /// The conditions of the strategies that run.
            pub(super) fn enabled_conditions(&self) -> u64 {
                let mut all = 0;
                $(
                    $(#[$meta])*
                    if self.$module.enabled() {
                        all |= conditions_of(Strategy::$variant);
                    }
                )+
                all
            }

            /// Whether a built-in strategy runs; the probe is none.
            #[must_use]
            pub fn runs(&self, strategy: Strategy) -> bool {
                match strategy {
                    $($(#[$meta])* Strategy::$variant => self.$module.enabled(),)+
                    Strategy::Probe | Strategy::Custom(_) => false,
                }
            }

            /// What the strategies find where conditions hold that hold, in the order of the strategies, with the
            /// number of its kind.
            #[inline(never)]
            pub(super) fn weigh(
                &self,
                view: &BarView<'_>,
                source: Source<'_>,
                all: u64,
                on_found: &mut impl FnMut(Strategy, Found<usize>),
            ) {
                $(
                    $(#[$meta])*
                    if all & const { conditions_of(Strategy::$variant) } != 0 {
                        let (first, count) = const {
                            (first_condition(Strategy::$variant), <$module::Params as Rules>::CONDITIONS)
                        };
                        let past = Past { source, first: const { first_word(Strategy::$variant) } };
                        if let Some(found) = self.$module.candidate(view, Fired::of(all, first, count), past) {
                            let kind = const { first_kind(Strategy::$variant) } + found.kind.index();
                            let (side, confidence, factors) = (found.side, found.confidence, found.factors);
                            on_found(Strategy::$variant, Found { kind, side, confidence, factors });
                        }
                    }
                )+
            }
        }
    };
}

strategies! {
    MacdRsi = macd_rsi,
    MaCrossover = ma_crossover,
    RsiTrend = rsi_trend,
    BollingerBreakout = bollinger_breakout,
    SrBreakout = sr_breakout,
    #[cfg(test)] Added = added,
}

/// As which a custom strategy is saved: which it is says the table that it stands in.
const SAVED_CUSTOM: u32 = 0x100;

impl Strategy {
    /// Name as configured and published.
    #[inline]
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Custom(custom) => custom.name(),
            Self::Probe => NAMES[Self::COUNT],
            built_in => NAMES[built_in.index()],
        }
    }

    /// Whether it runs outside, and its signals come in with the input.
    #[must_use]
    pub fn is_outside(self) -> bool {
        matches!(self, Self::Custom(custom) if custom.is_outside())
    }

    /// As an enum of the built-in ones would be written.
    #[allow(clippy::unnecessary_wraps, reason = "others that are saved as something else can fail")]
    fn form(self) -> Result<u32, WriteError> {
        Ok(match self {
            Self::Custom(_) => SAVED_CUSTOM,
            Self::Probe => Self::COUNT as u32,
            built_in => built_in.index() as u32,
        })
    }

    fn of_form(number: u32) -> Result<Self, ReadError> {
        match number {
            SAVED_CUSTOM => Ok(Self::Custom(CustomStrategy::UNKNOWN)),
            number if number as usize == Self::COUNT => Ok(Self::Probe),
            number => Self::ALL.get(number as usize).copied().ok_or(ReadError::InvalidTagEncoding(number as usize)),
        }
    }
}

saved_as!(Strategy, u32, Strategy::form, Strategy::of_form);

impl StrategyParams {
    /// Names of the strategies that cannot run on a symbol whose prices may be zero or less: the ratio of two prices is what
    /// they are about.
    pub const ABOVE_ZERO: [&'static str; 1] = ["sr_breakout"];

    /// Bars of a cell that the strategies and their indicators look back over, the present one included.
    #[must_use]
    pub fn look_back_bars(&self) -> usize {
        self.look_backs().map(|back| back.bars).fold(self.needs().longest_window(), usize::max)
    }

    /// How far all of them look back together, without their indicators.
    pub(super) fn look_back(&self) -> LookBack {
        self.look_backs().fold(LookBack::default(), |all, one| LookBack {
            bars: all.bars.max(one.bars),
            conditions: all.conditions.max(one.conditions),
            first_bar: all.first_bar.max(one.first_bar),
        })
    }
}

/// Words of all lists.
const fn total(lists: &[&[Word]]) -> usize {
    let (mut sum, mut k) = (0, 0);
    while k < lists.len() {
        sum += lists[k].len();
        k += 1;
    }
    sum
}

/// The place of the word of the conditions that held.
const HELD: usize = WORDS_OF[0].len();
/// Words that the strategies remember, and the lines that hold them.
pub(super) const WORDS: usize = total(WORDS_OF);
pub(super) const LINES: usize = WORDS.div_ceil(LINE);

/// What each word is.
pub(super) const WORD_KINDS: [Word; WORDS] = {
    let mut kinds = [Word::Bits; WORDS];
    let (mut k, mut list) = (0, 0);
    while list < WORDS_OF.len() {
        let mut i = 0;
        while i < WORDS_OF[list].len() {
            kinds[k] = WORDS_OF[list][i];
            (k, i) = (k + 1, i + 1);
        }
        list += 1;
    }
    kinds
};
/// What the words are before the first bar.
pub(super) const NO_MEMORY: [Line; LINES] = nothing(WORD_KINDS);

/// The first word of a strategy.
pub(super) const fn first_word(strategy: Strategy) -> usize {
    let (mut at, mut k) = (0, 0);
    while k < strategy.index() + 2 {
        at += WORDS_OF[k].len();
        k += 1;
    }
    at
}

/// The bit of the first condition of a strategy among those of all.
const fn first_condition(strategy: Strategy) -> u32 {
    let (mut at, mut k) = (0, 0);
    while k < strategy.index() {
        at += CONDITIONS[k];
        k += 1;
    }
    at
}

/// The bits of the conditions of a strategy.
const fn conditions_of(strategy: Strategy) -> u64 {
    (u64::MAX >> (64 - CONDITIONS[strategy.index()])) << first_condition(strategy)
}

const _: () = {
    let mut k = 0;
    while k < CONDITIONS.len() {
        assert!(CONDITIONS[k] >= 1 && CONDITIONS[k] <= 32, "a strategy has one condition or more, at most 32");
        assert!(first_condition(Strategy::ALL[k]) + CONDITIONS[k] <= 64, "all strategies together have 64 conditions");
        k += 1;
    }
};

/// The conditions that are edges.
const EDGES: u64 = {
    let (mut edges, mut k) = (0, 0);
    while k < EDGES_OF.len() {
        edges |= EDGES_OF[k].within_all(first_condition(Strategy::ALL[k]));
        k += 1;
    }
    edges
};

/// Kinds of signals, that of the probe included.
pub(super) const KIND_COUNT: usize = kinds_before(Strategy::COUNT) + 1;

/// The number of the first kind of a built-in strategy.
pub(super) const fn first_kind(strategy: Strategy) -> usize {
    kinds_before(strategy.index())
}

/// Kinds of so many strategies.
const fn kinds_before(strategies: usize) -> usize {
    let (mut at, mut k) = (0, 0);
    while k < strategies {
        at += SPECS[k].len();
        k += 1;
    }
    at
}

/// All kinds by their numbers.
pub(super) static KINDS: [KindSpec; KIND_COUNT] = {
    let mut kinds = [SPECS[0][0]; KIND_COUNT];
    let (mut k, mut strategy) = (0, 0);
    while strategy < SPECS.len() {
        let mut i = 0;
        while i < SPECS[strategy].len() {
            kinds[k] = SPECS[strategy][i];
            (k, i) = (k + 1, i + 1);
        }
        strategy += 1;
    }
    kinds
};
