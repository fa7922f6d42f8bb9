//! What a snapshot says of the correlation across assets, and of the limits of a second.

use super::{Decoder, ends};
use crate::{
    aggregate::SavedCloses,
    correlate::RateState,
    cross::SavedCross,
    state::{RecordOf, StateError, take},
};

impl Decoder<'_> {
    /// The body of a record; none where the snapshot has none that this version can read.
    fn readable(&self, part: RecordOf<'_>) -> Option<&[u8]> {
        self.snapshot.record(part).filter(|record| record.is_readable(part)).map(|record| record.bytes)
    }

    /// What had been used of the limits of a second; none where the snapshot does not say.
    pub(super) fn rate(&self) -> Result<Option<RateState>, StateError> {
        let Some(mut bytes) = self.readable(RecordOf::Rate) else { return Ok(None) };
        let rate = take(&mut bytes)?;
        ends(bytes, "the limits of a second")?;
        Ok(Some(rate))
    }

    /// The closes that the correlation across assets waits for; none where the snapshot has none of its timeframe.
    pub(super) fn closes(&self) -> Result<Option<SavedCloses>, StateError> {
        let Some(rules) = self.keys.plan().cross_asset else { return Ok(None) };
        let Some(mut bytes) = self.readable(RecordOf::Closes) else { return Ok(None) };
        let closes = SavedCloses::read(&mut bytes, rules.timeframe)?;
        ends(bytes, "the closes of intervals")?;
        Ok(closes)
    }

    /// The correlation across assets; none where the snapshot has none of its timeframe, or not all of it.
    pub(super) fn cross(&self) -> Result<Option<SavedCross>, StateError> {
        let Some(rules) = self.keys.plan().cross_asset else { return Ok(None) };
        let Some(mut bytes) = self.readable(RecordOf::Cross) else { return Ok(None) };
        let Some(mut saved) = SavedCross::read(&mut bytes, rules.timeframe)? else { return Ok(None) };
        ends(bytes, "the correlation across assets")?;
        while let Some(name) = saved.symbols().first().cloned() {
            let Some(mut bytes) = self.readable(RecordOf::CrossRow(&name)) else { return Ok(None) };
            saved.read_row(&mut bytes)?;
            ends(bytes, "the covariances of a symbol")?;
        }
        Ok(Some(saved))
    }
}
