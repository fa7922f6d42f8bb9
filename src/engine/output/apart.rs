//! Latest values where the server is a cluster: their keys are of no partition, so they go beside the transactions, on a thread
//! that may wait for the nodes. The publisher hands them over once the batch that they were made with is acknowledged, and keeps
//! what is new meanwhile to itself: only the newest is written, and nothing waits for it.
//!
//! An older process may still be about to write when another has taken over: it leaves off once its lease may have passed, and
//! whoever takes over writes all values again.

use crate::{
    engine::Incidents,
    redis_io::{Commands, Nodes, Scattered},
    runtime::Clock,
    telemetry::PublisherCounters,
};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel},
    },
    time::Duration,
};

/// Longest wait for the last values, at the very end.
const END: Duration = Duration::from_millis(500);

/// Values that may be written until then, ns.
struct Parcel {
    commands: Commands,
    until_ns: u64,
}

/// What has become of them, and their buffer.
type Done = (Commands, Scattered);

/// The way to the thread that writes latest values.
#[derive(Debug)]
pub struct LatestWriter {
    to: Option<SyncSender<Parcel>>,
    back: Receiver<Done>,
    /// The buffer, if it is here: with values that wait for their batch, or empty.
    own: Option<Commands>,
    /// Parcels on their way.
    out: usize,
    /// Whether the last ones could not be written.
    failing: bool,
    incidents: Arc<Incidents>,
}

impl LatestWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system starts none.
    pub fn start(mut nodes: Nodes, clock: Clock, incidents: Arc<Incidents>) -> std::io::Result<Self> {
        // One is on its way, and the last one may come behind it.
        let (to, inbox) = sync_channel::<Parcel>(2);
        let (give, back) = sync_channel::<Done>(2);
        std::thread::Builder::new().name("latest values".to_owned()).spawn(move || {
            while let Ok(Parcel { mut commands, until_ns }) = inbox.recv() {
                let done = nodes.write(&commands, || clock.ns() < until_ns);
                commands.clear();
                if give.send((commands, done)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { to: Some(to), back, own: Some(Commands::default()), out: 0, failing: false, incidents })
    }

    /// Takes back what is done: counts it, and says whether anything has to be written again.
    pub(super) fn take_back(&mut self, counters: &PublisherCounters) -> bool {
        let mut again = false;
        loop {
            match self.back.try_recv() {
                Ok((commands, done)) => {
                    self.out -= 1;
                    self.own.get_or_insert(commands);
                    again |= self.is_done(&done, counters);
                }
                // Whoever hands over next says that the thread has failed.
                Err(TryRecvError::Disconnected) if self.out > 0 => {
                    self.out = 0;
                    self.own.get_or_insert_default();
                }
                Err(_) => return again,
            }
        }
    }

    fn is_done(&mut self, done: &Scattered, counters: &PublisherCounters) -> bool {
        counters.latest_apart.add(done.written);
        counters.latest_failed.add(done.failed);
        let (failed, why) = (done.failed, done.why.as_deref().unwrap_or("the nodes do not say why"));
        match (failed > 0, std::mem::replace(&mut self.failing, failed > 0)) {
            (true, false) => self.incidents.note(format!(
                "warning: publisher: {failed} latest values were not written: {why}; all are written again, until that succeeds"
            )),
            (false, true) => self.incidents.note("publisher: the latest values are written again".to_owned()),
            _ => {}
        }
        failed > 0
    }

    /// Whether there is an empty buffer, and nothing on its way.
    pub(super) fn has_room(&self) -> bool {
        self.out == 0 && self.own.as_ref().is_some_and(|own| own.count() == 0)
    }

    /// The values that go with the next batch.
    pub(super) fn values(&mut self) -> &mut Commands {
        self.own.get_or_insert_default()
    }

    /// The batch is acknowledged: its values may be written until then, ns.
    #[inline]
    pub(super) fn acknowledged(&mut self, until_ns: impl FnOnce() -> u64) {
        if self.own.as_ref().is_some_and(|own| own.count() > 0) {
            self.hand_over(until_ns());
        }
    }

    fn hand_over(&mut self, until_ns: u64) {
        let (Some(to), Some(commands)) = (&self.to, self.own.take()) else { return };
        match to.try_send(Parcel { commands, until_ns }) {
            Ok(()) => self.out += 1,
            // They go with the next batch.
            Err(TrySendError::Full(parcel)) => self.own = Some(parcel.commands),
            Err(TrySendError::Disconnected(_)) => {
                self.to = None;
                self.incidents.note(
                    "warning: publisher: the thread that writes latest values has failed: none are written before the next start"
                        .to_owned(),
                );
            }
        }
    }

    /// Waits for the last values, for a while.
    pub(super) fn finish(&mut self, counters: &PublisherCounters) {
        self.to = None;
        while self.out > 0 {
            let Ok((_, done)) = self.back.recv_timeout(END) else {
                counters.latest_failed.bump();
                self.incidents.note(
                    "warning: publisher: the last latest values may not have been written: the nodes did not answer in time; the \
                     next start writes them"
                        .to_owned(),
                );
                return;
            };
            self.out -= 1;
            self.is_done(&done, counters);
        }
    }
}
