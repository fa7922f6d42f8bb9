//! Statistics of the windows of a cell: a key of latest values, and rows of CSV.

use super::{bars::push_csv_text, json::Object, names::OutputNames};
use crate::{
    model::{CELL_STATISTICS, Directory, WINDOW_STATISTICS, WindowStatistics, time::push_iso8601},
    redis_io::Commands,
    text::{push_f64, push_i64},
};

/// Header of [`statistics_csv`]'s rows, with a line feed; a name of a window ends with its bars.
#[must_use]
pub fn statistics_csv_header(windows: &[u32]) -> String {
    let of_windows = windows.iter().flat_map(|bars| WINDOW_STATISTICS.map(|name| format!("{name}_{bars}")));
    let names = CELL_STATISTICS.map(str::to_owned).into_iter().chain(of_windows);
    let columns = ["ts", "symbol", "timeframe"].map(str::to_owned).into_iter().chain(names);
    columns.collect::<Vec<_>>().join(",") + "\n"
}

/// Appends the statistics of all windows of a bar as a row of CSV; a value that is not ready is empty.
pub fn statistics_csv(out: &mut Vec<u8>, windows: &[WindowStatistics], directory: &Directory) {
    let Some(first) = windows.first() else { return };
    push_i64(out, first.ts);
    out.push(b',');
    push_csv_text(out, directory.symbol(first.symbol));
    out.push(b',');
    out.extend_from_slice(directory.timeframe_name(first.timeframe).as_bytes());
    let of_cell = first.values.of_cell();
    for value in of_cell.into_iter().chain(windows.iter().flat_map(|of| of.values.of_window())) {
        out.push(b',');
        if !value.is_nan() {
            push_f64(out, value);
        }
    }
    out.push(b'\n');
}

/// Appends a `SET` of the statistics of a cell, of its windows at one bar: an object by the bars of each window. A value that
/// is not ready is absent.
pub fn set_statistics(
    commands: &mut Commands,
    names: &OutputNames,
    windows: &[Option<WindowStatistics>],
    directory: &Directory,
) {
    let Some(first) = windows.iter().flatten().next() else { return };
    let labels = [directory.symbol(first.symbol), directory.timeframe_name(first.timeframe)];
    names.statistics.set(commands, labels, directory.timeframe(first.timeframe), |out| {
        let mut object = Object::open(out);
        object.text("symbol", labels[0]).text("timeframe", labels[1]);
        object.text_with("timestamp", |out| push_iso8601(out, first.ts));
        object.int("event_ts", first.event_ts);
        for (name, value) in CELL_STATISTICS.iter().zip(first.values.of_cell()) {
            object.float_if_finite(name, value);
        }
        object.object("windows", |all| windows.iter().flatten().for_each(|of| fill_window(all, of)));
        object.close();
    });
}

fn fill_window(all: &mut Object<'_>, of: &WindowStatistics) {
    let mut name = Digits::default();
    all.object(name.of(of.bars), |object| {
        for (name, value) in WINDOW_STATISTICS.iter().zip(of.values.of_window()) {
            object.float_if_finite(name, value);
        }
    });
}

/// Room for the digits of a number.
#[derive(Default)]
struct Digits {
    digits: [u8; 10],
}

impl Digits {
    fn of(&mut self, number: u32) -> &str {
        let (mut at, mut rest) = (self.digits.len(), number);
        loop {
            at -= 1;
            self.digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        // Digits are text.
        std::str::from_utf8(&self.digits[at..]).unwrap_or_default()
    }
}
