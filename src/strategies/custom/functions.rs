//! The functions of the language: how they are written, and how many values they take.

/// What a function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    Number,
    Truth,
}

/// One function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    pub name: &'static str,
    /// How it is written.
    pub form: &'static str,
    /// Fewest and most values.
    pub takes: (usize, usize),
    pub gives: Gives,
}

const fn number(name: &'static str, form: &'static str, fewest: usize, most: usize) -> Function {
    Function { name, form, takes: (fewest, most), gives: Gives::Number }
}

const fn truth(name: &'static str, form: &'static str, fewest: usize, most: usize) -> Function {
    Function { name, form, takes: (fewest, most), gives: Gives::Truth }
}

/// Values that a function without an upper bound may take.
pub(super) const MANY: usize = 64;

/// All of them.
pub(super) const FUNCTIONS: &[Function] = &[
    number("sma", "sma(n) or sma(x, n)", 1, 2),
    number("ema", "ema(n) or ema(x, n)", 1, 2),
    number("rsi", "rsi(n) or rsi(x, n)", 1, 2),
    number("macd", "macd(fast, slow, signal)", 3, 3),
    number("macd_signal", "macd_signal(fast, slow, signal)", 3, 3),
    number("macd_histogram", "macd_histogram(fast, slow, signal)", 3, 3),
    number("bollinger_upper", "bollinger_upper(n, k)", 2, 2),
    number("bollinger_middle", "bollinger_middle(n, k)", 2, 2),
    number("bollinger_lower", "bollinger_lower(n, k)", 2, 2),
    number("stddev", "stddev(n) or stddev(x, n)", 1, 2),
    number("atr", "atr(n)", 1, 1),
    number("donchian_upper", "donchian_upper(n)", 1, 1),
    number("donchian_middle", "donchian_middle(n)", 1, 1),
    number("donchian_lower", "donchian_lower(n)", 1, 1),
    number("stochastic_k", "stochastic_k(n)", 1, 1),
    number("stochastic_d", "stochastic_d(n, m)", 2, 2),
    number("volume_average", "volume_average(n)", 1, 1),
    number("volume_ratio", "volume_ratio(n), or volume_ratio for 20 bars", 1, 1),
    number("highest", "highest(n) or highest(x, n)", 1, 2),
    number("lowest", "lowest(n) or lowest(x, n)", 1, 2),
    number("previous", "previous(x) or previous(x, n)", 1, 2),
    number("count", "count(condition, n)", 2, 2),
    number("if", "if(condition, a, b)", 3, 3),
    number("abs", "abs(x)", 1, 1),
    number("min", "min(a, b, …)", 2, MANY),
    number("max", "max(a, b, …)", 2, MANY),
    number("clamp", "clamp(x) or clamp(x, low, high)", 1, 3),
    truth("crosses_above", "crosses_above(a, b)", 2, 2),
    truth("crosses_below", "crosses_below(a, b)", 2, 2),
    truth("rising", "rising(n) or rising(x, n)", 1, 2),
    truth("falling", "falling(n) or falling(x, n)", 1, 2),
];

/// The function with a name.
pub(super) fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}
