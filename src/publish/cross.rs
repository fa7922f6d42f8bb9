//! The correlation across assets, as a line of JSON an interval and as fields of a hash. Allocates nothing but room in the
//! buffer.

use super::{
    json::{Object, push_number, push_string},
    names::OutputNames,
};
use crate::redis_io::Commands;

/// What is written of an interval. Symbols go by their places in the matrix.
pub trait MatrixView {
    /// Intervals so far.
    fn interval(&self) -> u64;
    /// The end of the last one, Unix ms.
    fn end(&self) -> i64;
    /// Symbols that there are places for.
    fn places(&self) -> usize;
    /// Whether a symbol has traded; only of those is anything written.
    fn is_seen(&self, symbol: usize) -> bool;
    /// Whether it is left out, having had no bar for long.
    fn is_left_out(&self, symbol: usize) -> bool;
    /// Its name.
    fn name(&self, symbol: usize) -> &str;
    /// Its correlation with the mean return of the others; NaN where it has none.
    fn market_correlation(&self, symbol: usize) -> f64;
    /// The correlation of two symbols; NaN where they have none.
    fn correlation(&self, one: usize, other: usize) -> f64;
}

fn push_list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, mut push: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (k, item) in items.enumerate() {
        if k > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

fn seen<V: MatrixView>(view: &V) -> impl Iterator<Item = usize> {
    (0..view.places()).filter(|&symbol| view.is_seen(symbol))
}

fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Appends all of it, as it is before a sequence, as one line of JSON, its line feed included: the lower triangle with the
/// diagonal.
pub fn matrix_json_line<V: MatrixView>(out: &mut Vec<u8>, view: &V, seq: u64) {
    let name = |out: &mut Vec<u8>, symbol| push_string(out, view.name(symbol));
    let mut object = Object::open(out);
    object.int("interval", int(view.interval())).int("end", view.end()).int("seq", int(seq));
    object.value("symbols", |out| push_list(out, seen(view), name));
    object.value("left_out", |out| push_list(out, seen(view).filter(|&symbol| view.is_left_out(symbol)), name));
    object.value("rho", |out| {
        push_list(out, seen(view), |out, one| {
            let before = seen(view).take_while(|&other| other <= one);
            push_list(out, before, |out, other| push_number(out, view.correlation(one, other)));
        });
    });
    object.value("market", |out| {
        push_list(out, seen(view), |out, one| push_number(out, view.market_correlation(one)));
    });
    object.close();
    out.push(b'\n');
}

/// Appends an `HSET` of a symbol: what it has in common with the others.
pub fn hset_matrix_row<V: MatrixView>(commands: &mut Commands, names: &OutputNames, view: &V, one: usize) {
    let mut command = commands.command(4);
    command.arg("HSET").arg(&names.market_correlation).arg(view.name(one));
    command.arg_with(|out| {
        let mut object = Object::open(out);
        object.int("interval", int(view.interval())).int("end", view.end());
        object.float("market_correlation", view.market_correlation(one));
        let is_left_out = view.is_left_out(one);
        object.value("left_out", |out| out.extend_from_slice(if is_left_out { b"true" } else { b"false" }));
        object.value("rho", |out| push_row(out, view, one));
        object.close();
    });
}

/// Appends the correlations of a symbol with the others as an object.
fn push_row<V: MatrixView>(out: &mut Vec<u8>, view: &V, one: usize) {
    out.push(b'{');
    let known = |other: usize| Some((other, view.correlation(one, other))).filter(|(_, rho)| !rho.is_nan());
    for (k, (other, rho)) in seen(view).filter(|&other| other != one).filter_map(known).enumerate() {
        if k > 0 {
            out.push(b',');
        }
        push_string(out, view.name(other));
        out.push(b':');
        push_number(out, rho);
    }
    out.push(b'}');
}
