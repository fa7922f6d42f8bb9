//! Samples of refused records, to show what is wrong with the input. Off the hot path.
#![allow(clippy::disallowed_types, reason = "of refused records alone, which are off the hot path")]

use super::RawFields;
use crate::{feed::Refusal, model::SourceId};
use std::sync::{Mutex, PoisonError};

/// Samples kept of each reason.
const SAMPLES: usize = 3;
/// Bytes kept of a sample.
const SAMPLE_BYTES: usize = 200;

/// One refused record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The reason.
    pub reason: Refusal,
    /// The entry it came in.
    pub source: SourceId,
    /// The beginning of its text.
    pub text: String,
}

/// The first few refused records of each reason. Written by the reader, a bounded number of times; read by the thread that
/// reports.
#[derive(Debug, Default)]
pub struct RefusalLog {
    samples: Mutex<Vec<Sample>>,
}

impl RefusalLog {
    /// Keeps the record if it is one of the first of its reason.
    pub fn note(&self, reason: Refusal, source: SourceId, fields: &RawFields) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.iter().filter(|sample| sample.reason == reason).count() >= SAMPLES {
            return;
        }
        let mut text = String::new();
        for (name, value) in fields {
            if text.len() >= SAMPLE_BYTES {
                text.truncate(text.floor_char_boundary(SAMPLE_BYTES));
                text.push('…');
                break;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            if &**name != b"line" {
                text.push_str(&name[..name.len().min(32)].escape_ascii().to_string());
                text.push('=');
            }
            text.push_str(&value[..value.len().min(SAMPLE_BYTES)].escape_ascii().to_string());
        }
        samples.push(Sample { reason, source, text });
    }

    /// The samples so far, from the `from`-th on.
    #[must_use]
    pub fn since(&self, from: usize) -> Vec<Sample> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.get(from..).unwrap_or_default().to_vec()
    }
}
