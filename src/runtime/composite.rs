//! Several agents on one thread. Hot: one call and, only after work was done, one clock read per member.

use super::agent::{Agent, AgentError, Work};
use super::clock::{Clock, Now};
use super::waker::Interests;
use crate::telemetry::AgentCounters;
use crossbeam_utils::CachePadded;
use std::sync::Arc;

struct Member<A> {
    /// Name of the member that worked last, kept for the report of a failure after the agent is gone.
    name: String,
    agent: Option<A>,
    counters: Arc<CachePadded<AgentCounters>>,
}

/// Agents that share a thread. Each has one duty cycle per pass, in order, so that none starves another.
///
/// Agents of different types can share a composite as variants of an enum. A member that has finished is closed and
/// dropped at once, so that its outlets are abandoned and the members after it see the end of their inputs.
pub struct AgentGroup<A> {
    name: String,
    clock: Clock,
    members: Vec<Member<A>>,
    current: usize,
    live: usize,
}

impl<A: Agent> AgentGroup<A> {
    /// An empty composite; the clock measures each member's time.
    #[must_use]
    pub const fn new(name: String, clock: Clock) -> Self {
        Self { name, clock, members: Vec::new(), current: 0, live: 0 }
    }

    /// Adds an agent after the others; returns its counters.
    pub fn add(&mut self, agent: A) -> Arc<CachePadded<AgentCounters>> {
        let counters = AgentCounters::shared();
        let name = agent.name().to_owned();
        self.members.push(Member { name, agent: Some(agent), counters: Arc::clone(&counters) });
        self.live += 1;
        counters
    }

    /// Number of members that have not finished.
    #[must_use]
    pub const fn live(&self) -> usize {
        self.live
    }

    fn agents(&self) -> impl Iterator<Item = &A> {
        self.members.iter().filter_map(|member| member.agent.as_ref())
    }
}

impl<A: Agent> Agent for AgentGroup<A> {
    fn name(&self) -> &str {
        &self.name
    }

    fn on_start(&mut self, now: Now) -> Result<(), AgentError> {
        for (index, member) in self.members.iter_mut().enumerate() {
            self.current = index;
            if let Some(agent) = &mut member.agent {
                agent.on_start(now)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn do_work(&mut self, mut now: Now) -> Result<Work, AgentError> {
        let mut total = 0u32;
        for (index, member) in self.members.iter_mut().enumerate() {
            let Some(agent) = &mut member.agent else { continue };
            self.current = index;
            match agent.do_work(now)? {
                Work::Idle => member.counters.duty_cycles.bump(),
                Work::Busy(count) => {
                    let start_ns = now.ns;
                    now = self.clock.now();
                    member.counters.busy(count, now.ns.saturating_sub(start_ns));
                    total = total.saturating_add(count);
                }
                Work::Done => {
                    let closed = agent.on_close();
                    member.agent = None;
                    self.live -= 1;
                    total = total.saturating_add(1);
                    closed?;
                }
            }
        }
        Ok(if self.live == 0 { Work::Done } else { Work::of(total as usize) })
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.agents().filter_map(Agent::deadline_ns).min()
    }

    fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        self.agents().for_each(|agent| agent.interests(set));
    }

    /// Closes every member that has not finished, and returns the first error.
    fn on_close(&mut self) -> Result<(), AgentError> {
        let mut result = Ok(());
        for (index, member) in self.members.iter_mut().enumerate() {
            if let Some(mut agent) = member.agent.take() {
                let closed = agent.on_close();
                if result.is_ok() && closed.is_err() {
                    self.current = index;
                    result = closed;
                }
            }
        }
        self.live = 0;
        result
    }

    fn culprit(&self) -> &str {
        let Some(member) = self.members.get(self.current) else { return &self.name };
        member.agent.as_ref().map_or(&member.name, |agent| agent.culprit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Busy for `left` cycles, then finished.
    struct Job {
        name: &'static str,
        left: u32,
        deadline_ns: Option<u64>,
    }

    impl Agent for Job {
        fn name(&self) -> &str {
            self.name
        }
        fn do_work(&mut self, _: Now) -> Result<Work, AgentError> {
            match self.left {
                0 if self.name == "broken" => Err("out of order".into()),
                0 => Ok(Work::Done),
                _ => {
                    self.left -= 1;
                    Ok(Work::Busy(1))
                }
            }
        }
        fn deadline_ns(&self) -> Option<u64> {
            self.deadline_ns
        }
    }

    fn job(name: &'static str, left: u32) -> Job {
        Job { name, left, deadline_ns: Some(u64::from(left)) }
    }

    #[test]
    fn members_share_fairly_and_leave_one_by_one() {
        let (clock, _) = Clock::mock();
        let mut both = AgentGroup::new("both".to_owned(), clock.clone());
        let (a, b) = (both.add(job("a", 10)), both.add(job("b", 20)));
        assert_eq!(both.deadline_ns(), Some(10));
        for pass in 1..=10 {
            assert_eq!(both.do_work(clock.now()).unwrap(), Work::Busy(2));
            assert_eq!((a.work.get(), b.work.get()), (pass, pass));
        }
        assert_eq!(both.do_work(clock.now()).unwrap(), Work::Busy(2));
        assert_eq!(both.live(), 1);
        assert_eq!(both.do_work(clock.now()).unwrap(), Work::Busy(1));
        for _ in 0..8 {
            both.do_work(clock.now()).unwrap();
        }
        assert_eq!(both.do_work(clock.now()).unwrap(), Work::Done);
    }

    #[test]
    fn the_culprit_is_the_member() {
        let (clock, _) = Clock::mock();
        let mut both = AgentGroup::new("both".to_owned(), clock.clone());
        let _counters = [both.add(job("a", 10)), both.add(job("broken", 1)), both.add(job("c", 10))];
        both.do_work(clock.now()).unwrap();
        assert!(both.do_work(clock.now()).is_err());
        assert_eq!(both.culprit(), "broken");
    }
}
