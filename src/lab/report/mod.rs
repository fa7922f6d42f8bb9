//! `report`: reads runs and HdrHistogram files; prints, compares and draws them.

mod chart;
mod compare;
mod deployments;
mod distribution;
mod encoding;
mod hgrm;
mod hlog;
mod html;
mod json;
mod pictures;
mod png;
mod rates;
mod run;
mod summary;
mod svg;
mod throughput;
mod titles;
mod views;

#[cfg(test)]
mod tests;

pub use compare::{Change, Row, compare};
pub use deployments::scale_pictures;
pub use distribution::{Distribution, Interval, Series};
pub use hgrm::read_hgrm;
pub use hlog::{read_hlog, write_hlog};
pub use html::html;
pub use json::{rates_json, runs_json};
pub use pictures::{Picture, Theme, overlay, pictures};
pub use png::{PngError, draw_png};
pub use rates::{rates, rates_html};
pub use run::{CoreInfo, EchoInfo, Run, RunInfo, SliceInfo, StepInfo};
pub use summary::{comparison_text, run_text, summary_markdown};
pub use throughput::{RateRow, ThroughputRun, compare_rates, rates_text};
pub use titles::titles;
pub use views::{write_picture, write_text, write_views};
