//! Refused records, kept as they came, within limits. Allocates only if the buffer has to grow.

use super::names::OutputNames;
use crate::redis_io::Commands;
use crate::text::push_u64;

/// How much of a refused record is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetterLimits {
    /// Longest value, bytes; the rest is cut off.
    pub value_bytes_max: usize,
    /// Longest field name, bytes; the rest is cut off.
    pub name_bytes_max: usize,
    /// Most fields; the rest is left out.
    pub fields_max: usize,
}

impl Default for DeadLetterLimits {
    fn default() -> Self {
        Self { value_bytes_max: 64 << 10, name_bytes_max: 256, fields_max: 64 }
    }
}

/// A refused record.
#[derive(Debug, Clone)]
pub struct DeadLetter<'a, I> {
    /// Why it was refused: the name of a [`Refusal`](crate::model::Refusal).
    pub reason: &'a str,
    /// Name of the stream or file it came from.
    pub source_stream: &'a str,
    /// Its identity there, such as the id of its entry.
    pub source_id: &'a [u8],
    /// Its fields as they came.
    pub fields: I,
}

/// Appends an `XADD` of a refused record to the dead-letter stream: `reason`, `source_stream`, `source_id`, `truncated`
/// if something was cut (the number of names and values cut and fields left out), and the original fields.
pub fn xadd_dead_letter<'a, I>(
    commands: &mut Commands,
    names: &mut OutputNames,
    letter: &DeadLetter<'a, I>,
    limits: &DeadLetterLimits,
) where
    I: Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
{
    let (mut fields, mut cut) = (0usize, 0u64);
    for (name, value) in letter.fields.clone() {
        fields += 1;
        let over = fields > limits.fields_max;
        cut += u64::from(over || name.len() > limits.name_bytes_max || value.len() > limits.value_bytes_max);
    }
    let kept = fields.min(limits.fields_max);
    let mut command = names.dead_letter.xadd(commands, 3 + usize::from(cut > 0) + kept);
    command.field("reason", letter.reason).field("source_stream", letter.source_stream);
    command.field("source_id", letter.source_id);
    if cut > 0 {
        command.field_with("truncated", |out| push_u64(out, cut));
    }
    for (name, value) in letter.fields.clone().take(kept) {
        command.arg(&name[..name.len().min(limits.name_bytes_max)]);
        command.arg(&value[..value.len().min(limits.value_bytes_max)]);
    }
}
