//! What one operation costs: measured by a calibration, or read from a file that one wrote.

use crate::lab::bench::bars::Form;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::Path;
use toml::Table;

/// A measured cost: the median over the turns, and its least and greatest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The median; the model uses it.
    pub median: f64,
    /// The least of a turn.
    pub least: f64,
    /// The greatest of a turn.
    pub most: f64,
}

impl Cost {
    /// The cost over these turns; nothing costs less than nothing.
    #[must_use]
    pub fn of(turns: &[f64]) -> Self {
        let mut sorted: Vec<f64> = turns.iter().map(|value| value.max(0.0)).collect();
        sorted.sort_by(f64::total_cmp);
        let median = match sorted.len() {
            0 => 0.0,
            count if count % 2 == 1 => sorted[count / 2],
            count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
        };
        let edge = |value: Option<&f64>| value.copied().unwrap_or_default();
        Self { median, least: edge(sorted.first()), most: edge(sorted.last()) }
    }

    /// Half of the range as a share of the median; 0 if there is none.
    #[must_use]
    pub fn spread(&self) -> f64 {
        if self.median > 0.0 { (self.most - self.least) / (2.0 * self.median) } else { 0.0 }
    }
}

/// Declares the costs of a form once: field, unit, meaning.
macro_rules! form_costs {
    ($($(#[doc = $text:literal])+ $field:ident,)*) => {
        /// What the bars of one form cost.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct FormCosts {
            /// Bars of an entry when it was measured.
            pub frame: usize,
            $($(#[doc = $text])+ pub $field: Cost,)*
        }

        impl FormCosts {
            /// Every cost with its name, which ends in its unit, and its meaning.
            #[must_use]
            pub fn all(&self) -> Vec<(&'static str, &'static str, Cost)> {
                vec![$((stringify!($field), concat!($($text),+).trim_ascii(), self.$field),)*]
            }

            /// The costs, each over its turns.
            #[must_use]
            pub fn of(turns: &[Self]) -> Self {
                Self {
                    frame: turns.first().map_or(1, |turn| turn.frame),
                    $($field: Cost::of(&turns.iter().map(|turn| turn.$field.median).collect::<Vec<_>>()),)*
                }
            }
        }
    };
}

form_costs! {
    /// Bytes of a bar on its way to the server.
    bar_in_bytes,
    /// Bytes of a bar on its way to the engine.
    bar_out_bytes,
    /// Bytes of a signal on its way to the server.
    signal_in_bytes,
    /// Bytes of a signal on its way to a reader.
    signal_out_bytes,
    /// Memory of the server for a bar that it keeps, bytes.
    bar_kept_bytes,
    /// Time of redis-server to take an entry of bars, µs.
    write_us,
    /// Time of redis-server to give an entry of bars, µs.
    read_us,
    /// Time of redis-server for a read, and for waking up for it, µs.
    call_us,
    /// Time of redis-server for a transaction, beside its signals, µs.
    commit_us,
    /// Time of redis-server to take a signal, µs.
    signal_us,
    /// Time of redis-server to give a signal to a reader, µs.
    signal_read_us,
    /// Time of the engine for a bar, ns.
    bar_ns,
    /// Time of the engine for a signal, ns.
    signal_ns,
    /// Time of the engine for a read and a transaction, beside bars and signals, µs.
    cycle_us,
    /// Signals of a bar.
    signals_per_bar,
    /// Time of the bench itself to send an entry, µs.
    send_us,
}

/// What is measured once, whatever the form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommonCosts {
    /// From one process to another on one host, one way, µs: half of an exchange of nothing.
    pub hop_us: Cost,
    /// From the start of an engine to its first transaction, with the snapshot of one symbol, ms.
    pub takeover_ms: Cost,
    /// The same for each further symbol, ms.
    pub takeover_symbol_ms: Cost,
    /// Memory of an engine without symbols, MiB.
    pub engine_mib: Cost,
    /// Memory of an engine for a symbol, KiB.
    pub symbol_kib: Cost,
}

impl CommonCosts {
    /// Every cost with its name and its meaning.
    #[must_use]
    pub fn all(&self) -> Vec<(&'static str, &'static str, Cost)> {
        vec![
            ("hop_us", "From one process to another on one host, one way, µs.", self.hop_us),
            ("takeover_ms", "From the start of an engine to its first transaction, one symbol, ms.", self.takeover_ms),
            ("takeover_symbol_ms", "The same for each further symbol, ms.", self.takeover_symbol_ms),
            ("engine_mib", "Memory of an engine without symbols, MiB.", self.engine_mib),
            ("symbol_kib", "Memory of an engine for a symbol, KiB.", self.symbol_kib),
        ]
    }
}

/// One figure, as the model has it and as it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Bars per second of the run.
    pub bars_per_s: f64,
    /// What it is.
    pub what: String,
    /// Its unit.
    pub unit: String,
    /// The model's figure.
    pub model: f64,
    /// The measured one.
    pub measured: f64,
}

impl Compared {
    /// How far the model is off, as a share of what was measured; positive where it says more.
    #[must_use]
    pub fn error(&self) -> f64 {
        if self.measured > 0.0 { self.model / self.measured - 1.0 } else { 0.0 }
    }
}

/// All costs, and where they were measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// Turns of the calibration.
    pub turns: u32,
    /// Timeframes of the engine that was measured.
    pub timeframes: Vec<String>,
    /// Its settings.
    pub settings: Vec<String>,
    /// Whatever the form.
    pub common: CommonCosts,
    /// An entry a bar, signals in fields.
    pub legacy: Option<FormCosts>,
    /// Frames in, frames out.
    pub compact: Option<FormCosts>,
    /// The model against a small real set, if it was compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checked: Vec<Compared>,
    /// The host, as runs describe it.
    pub host: Table,
}

impl Costs {
    /// Reads a file.
    ///
    /// # Errors
    /// It is not there, or holds something else.
    pub fn open(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no file of `--save-costs`", path.display()))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// It holds something else, or a cost below zero.
    pub fn parse(text: &str) -> Result<Self> {
        let costs: Self = toml::from_str(text)?;
        let forms = [&costs.legacy, &costs.compact].into_iter().flatten().flat_map(FormCosts::all);
        for (name, _, Cost { median, .. }) in forms.chain(costs.common.all()) {
            if !(median.is_finite() && median >= 0.0) {
                bail!("{name} is {median}: a cost is 0 or more");
            }
        }
        Ok(costs)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The costs of a form.
    ///
    /// # Errors
    /// It was not measured.
    pub fn form(&self, form: Form) -> Result<&FormCosts> {
        let (name, found) = match form {
            Form::Legacy => ("legacy", &self.legacy),
            Form::Compact => ("compact", &self.compact),
        };
        found.as_ref().with_context(|| format!("the costs of the form {name} were not measured: calibrate with it"))
    }

    /// Puts the costs of a form in their place.
    pub fn set(&mut self, form: Form, costs: FormCosts) {
        match form {
            Form::Legacy => self.legacy = Some(costs),
            Form::Compact => self.compact = Some(costs),
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// Costs near those of a host of today, without any spread.
    pub fn costs() -> Costs {
        let exact = |value| Cost::of(&[value]);
        let legacy = FormCosts {
            frame: 1,
            bar_in_bytes: exact(300.0),
            bar_out_bytes: exact(250.0),
            signal_in_bytes: exact(700.0),
            signal_out_bytes: exact(600.0),
            bar_kept_bytes: exact(120.0),
            write_us: exact(2.0),
            read_us: exact(1.0),
            call_us: exact(5.0),
            commit_us: exact(10.0),
            signal_us: exact(4.0),
            signal_read_us: exact(2.0),
            bar_ns: exact(400.0),
            signal_ns: exact(800.0),
            cycle_us: exact(12.0),
            signals_per_bar: exact(0.12),
            send_us: exact(1.0),
        };
        let compact = FormCosts {
            frame: 64,
            write_us: exact(6.0),
            read_us: exact(3.0),
            bar_in_bytes: exact(80.0),
            bar_out_bytes: exact(80.0),
            bar_ns: exact(200.0),
            signal_us: exact(0.4),
            signal_read_us: exact(0.3),
            ..legacy.clone()
        };
        let common = CommonCosts {
            hop_us: exact(20.0),
            takeover_ms: exact(300.0),
            takeover_symbol_ms: exact(0.1),
            engine_mib: exact(30.0),
            symbol_kib: exact(60.0),
        };
        Costs { turns: 1, common, legacy: Some(legacy), compact: Some(compact), ..Costs::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::costs, *};

    #[test]
    fn a_cost_is_the_median_of_its_turns() {
        let cost = Cost::of(&[3.0, 1.0, 2.0]);
        assert_eq!((cost.median, cost.least, cost.most, cost.spread()), (2.0, 1.0, 3.0, 0.5));
        assert_eq!(Cost::of(&[1.0, 3.0]).median, 2.0);
        assert_eq!((Cost::of(&[-1.0]).median, Cost::of(&[]).spread()), (0.0, 0.0));
    }

    #[test]
    fn costs_are_read_as_they_were_written() {
        let text = toml::to_string(&costs()).unwrap();
        assert_eq!(Costs::parse(&text).unwrap(), costs());
        let error = Costs::parse(&text.replace("turns", "turn")).unwrap_err().to_string();
        assert!(error.contains("turn"), "{error}");
        let error = Costs::parse(&text.replacen("median = 300.0", "median = -1.0", 1)).unwrap_err().to_string();
        assert!(error.contains("a cost is 0 or more"), "{error}");
        let error = Costs { legacy: None, ..costs() }.form(Form::Legacy).unwrap_err().to_string();
        assert!(error.contains("legacy"), "{error}");
    }
}
