//! A ring of bars, in runs that share a head.

use crate::{
    model::{Bar, BarMessage, Control, Head},
    runtime::Outlet,
};

/// The sending end of a ring of bars. It sends a head only if the last one does not fit the bar.
#[derive(Debug)]
pub struct BarOutlet {
    /// The ring.
    pub ring: Outlet<BarMessage>,
    head: Option<Head>,
}

impl BarOutlet {
    /// The sending end of this ring.
    #[must_use]
    pub fn new(ring: Outlet<BarMessage>) -> Self {
        Self { ring, head: None }
    }

    /// Sends a bar that belongs to the record of this head.
    #[inline]
    pub fn bar(&mut self, head: &Head, mut bar: Bar) {
        if let Some(last) = &self.head
            && last.arrival_ns == head.arrival_ns
            && last.source == head.source
            && head.seq - last.seq < u64::from(Bar::BUILT)
        {
            bar.seq_delta = bar.seq_delta & Bar::BUILT | (head.seq - last.seq) as u8;
        } else {
            self.head(head);
            bar.seq_delta &= Bar::BUILT;
        }
        self.ring.send(BarMessage::Bar(bar));
    }

    /// Sends a head alone.
    #[inline]
    pub fn head(&mut self, head: &Head) {
        self.ring.send(BarMessage::Control(Control::Head(*head)));
        self.head = Some(*head);
    }

    /// Sends a control message.
    #[inline]
    pub fn control(&mut self, control: Control) {
        self.ring.send(BarMessage::Control(control));
    }
}
