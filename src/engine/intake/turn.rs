//! The beginning of a duty cycle. Hot.

use super::Intake;
use crate::runtime::Now;

impl Intake {
    /// A duty cycle begins: adapts how many messages may be in flight.
    #[inline]
    pub fn turn(&mut self, now: Now) {
        self.bars.ring.turn(now.ns);
        self.notes.iter_mut().for_each(|notes| notes.turn(now.ns));
    }
}
