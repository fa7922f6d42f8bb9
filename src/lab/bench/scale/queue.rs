//! Queues in front of processes that share cores: first come, first served, one piece of work at a time. Pure.

use std::collections::VecDeque;

/// A process that does one piece of work at a time, while it has a core of its machine.
#[derive(Debug)]
struct Station<T> {
    machine: usize,
    queue: VecDeque<T>,
    running: bool,
    /// When what runs ends, ns.
    ends: u64,
    /// Whether it stands in the queue for a core.
    asks: bool,
    /// Changes when the process dies, so that the end of work that died with it is no longer taken for one.
    life: u32,
    /// Work done, by second, ns.
    busy_ns: Vec<u64>,
}

/// Cores, and the processes that wait for one.
#[derive(Debug)]
struct Machine {
    free: usize,
    queue: VecDeque<usize>,
    /// Work done on all of its cores, by second, ns.
    busy_ns: Vec<u64>,
}

/// Processes on machines.
#[derive(Debug)]
pub struct Stations<T> {
    machines: Vec<Machine>,
    stations: Vec<Station<T>>,
}

/// When a piece of work ends, and in which life of its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The process.
    pub station: usize,
    /// Its life.
    pub life: u32,
    /// The end, ns.
    pub at: u64,
}

// Derived, it would want the work to have a default.
impl<T> Default for Stations<T> {
    fn default() -> Self {
        Self { machines: Vec::new(), stations: Vec::new() }
    }
}

impl<T> Stations<T> {
    /// A machine with so many cores; returns its number.
    pub fn machine(&mut self, cores: usize) -> usize {
        self.machines.push(Machine { free: cores, queue: VecDeque::new(), busy_ns: Vec::new() });
        self.machines.len() - 1
    }

    /// A process on a machine; returns its number.
    pub fn station(&mut self, machine: usize) -> usize {
        self.stations.push(Station {
            machine,
            queue: VecDeque::new(),
            running: false,
            ends: 0,
            asks: false,
            life: 0,
            busy_ns: Vec::new(),
        });
        self.stations.len() - 1
    }

    /// Work arrives, at the end of the queue or as the next to be done. Returns whether the process starts now: then
    /// ask for [`next`](Self::next) and [`begin`](Self::begin) it.
    pub fn offer(&mut self, station: usize, work: T, first: bool) -> bool {
        let own = &mut self.stations[station];
        // What runs stands at the front until it ends.
        match (first, own.running) {
            (false, _) => own.queue.push_back(work),
            (true, false) => own.queue.push_front(work),
            (true, true) => own.queue.insert(1, work),
        }
        self.ask(station)
    }

    /// Whether the process gets a core now.
    fn ask(&mut self, station: usize) -> bool {
        let own = &mut self.stations[station];
        if own.running || own.asks || own.queue.is_empty() {
            return false;
        }
        let machine = &mut self.machines[own.machine];
        if machine.free == 0 {
            own.asks = true;
            machine.queue.push_back(station);
            return false;
        }
        machine.free -= 1;
        own.running = true;
        true
    }

    /// The work that a process starts with.
    pub fn next(&mut self, station: usize) -> Option<&mut T> {
        self.stations[station].queue.front_mut()
    }

    /// Begins the next work, which takes so long.
    pub fn begin(&mut self, station: usize, now: u64, takes_ns: u64) -> Ending {
        let own = &mut self.stations[station];
        own.ends = now + takes_ns;
        for busy_ns in [&mut own.busy_ns, &mut self.machines[own.machine].busy_ns] {
            note(busy_ns, now, takes_ns, |sum, part| sum + part);
        }
        Ending { station, life: own.life, at: now + takes_ns }
    }

    /// The work that has ended, and the process that starts now, if one does. `None` if it died before.
    pub fn end(&mut self, ending: Ending) -> Option<(T, Option<usize>)> {
        let own = &mut self.stations[ending.station];
        if own.life != ending.life || !own.running {
            return None;
        }
        own.running = false;
        let work = own.queue.pop_front()?;
        let machine = own.machine;
        self.machines[machine].free += 1;
        // Behind those that wait for the core, if any do.
        if !self.stations[ending.station].queue.is_empty() {
            self.stations[ending.station].asks = true;
            self.machines[machine].queue.push_back(ending.station);
        }
        Some((work, self.wake(machine)))
    }

    /// The process of a machine that gets a free core.
    fn wake(&mut self, machine: usize) -> Option<usize> {
        let own = &mut self.machines[machine];
        if own.free == 0 {
            return None;
        }
        let station = own.queue.pop_front()?;
        own.free -= 1;
        let station_of = &mut self.stations[station];
        (station_of.asks, station_of.running) = (false, true);
        Some(station)
    }

    /// A process dies, and lives on at a machine, without what it had. Returns that, and who gets its core.
    pub fn fail(&mut self, station: usize, onto: usize, now: u64) -> (VecDeque<T>, Option<usize>) {
        let own = &mut self.stations[station];
        own.life += 1;
        let (machine, ran, asked) = (own.machine, own.running, own.asks);
        if ran {
            // What it would have done from now on is not done.
            for busy_ns in [&mut own.busy_ns, &mut self.machines[machine].busy_ns] {
                note(busy_ns, now, own.ends.saturating_sub(now), u64::saturating_sub);
            }
        }
        (own.running, own.asks, own.machine) = (false, false, onto);
        let lost = std::mem::take(&mut own.queue);
        if asked {
            self.machines[machine].queue.retain(|&waiting| waiting != station);
        }
        self.machines[machine].free += usize::from(ran);
        (lost, if ran { self.wake(machine) } else { None })
    }

    /// What waits or runs, of all processes.
    pub fn waiting(&self) -> impl Iterator<Item = &T> {
        self.stations.iter().flat_map(|station| &station.queue)
    }

    /// Work done by a process, by second, cores.
    pub fn of_station(&self, station: usize, seconds: usize) -> Vec<f64> {
        cores(&self.stations[station].busy_ns, seconds)
    }

    /// Work done on a machine, by second, cores.
    pub fn of_machine(&self, machine: usize, seconds: usize) -> Vec<f64> {
        cores(&self.machines[machine].busy_ns, seconds)
    }
}

const SECOND_NS: u64 = 1_000_000_000;

fn cores(busy_ns: &[u64], seconds: usize) -> Vec<f64> {
    (0..seconds).map(|second| busy_ns.get(second).map_or(0.0, |&ns| ns as f64 / SECOND_NS as f64)).collect()
}

/// Notes work in the seconds in which it is done, or takes it back.
fn note(busy_ns: &mut Vec<u64>, mut from: u64, mut takes_ns: u64, change: fn(u64, u64) -> u64) {
    while takes_ns > 0 {
        let second = (from / SECOND_NS) as usize;
        let here = takes_ns.min(SECOND_NS - from % SECOND_NS);
        if busy_ns.len() <= second {
            busy_ns.resize(second + 1, 0);
        }
        busy_ns[second] = change(busy_ns[second], here);
        (from, takes_ns) = (from + here, takes_ns - here);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::bench::scale::dice::Dice;
    use proptest::prelude::*;

    /// Runs Poisson arrivals through a process, each of which takes 1000 ns; returns mean and longest wait, ns.
    fn wait(utilisation: f64, count: usize, seed: u64) -> (f64, u64) {
        let mut stations = Stations::default();
        let machine = stations.machine(1);
        let station = stations.station(machine);
        let (mut dice, mut at) = (Dice::new(seed), 0.0);
        let mut arrivals: VecDeque<u64> = (0..count)
            .map(|_| {
                at += dice.exponential(1_000.0 / utilisation);
                at as u64
            })
            .collect();
        let (mut running, mut waits): (Option<Ending>, Vec<u64>) = (None, Vec::new());
        let mut start = |stations: &mut Stations<u64>, now: u64| {
            let arrived = *stations.next(station).unwrap();
            waits.push(now - arrived);
            Some(stations.begin(station, now, 1_000))
        };
        while !arrivals.is_empty() || running.is_some() {
            match (arrivals.front().copied(), running) {
                (arrival, Some(ending)) if arrival.is_none_or(|at| ending.at <= at) => {
                    let (_, next) = stations.end(ending).unwrap();
                    running = next.and_then(|_| start(&mut stations, ending.at));
                }
                (Some(arrival), _) => {
                    arrivals.pop_front();
                    if stations.offer(station, arrival, false) {
                        running = start(&mut stations, arrival);
                    }
                }
                (None, _) => unreachable!(),
            }
        }
        assert_eq!(waits.len(), count, "all that came was done");
        (waits.iter().sum::<u64>() as f64 / count as f64, *waits.iter().max().unwrap())
    }

    #[test]
    fn the_mean_wait_is_that_of_the_formula() {
        for utilisation in [0.2, 0.5, 0.7, 0.8] {
            // Pollaczek and Khinchine, for work that always takes the same.
            let wanted = 1_000.0 * utilisation / (2.0 * (1.0 - utilisation));
            let (mean, _) = wait(utilisation, 400_000, 7);
            assert!((mean / wanted - 1.0).abs() < 0.04, "{utilisation}: {mean} instead of {wanted}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn below_one_the_wait_is_bounded_and_above_it_grows(utilisation in 0.1f64..0.85, seed: u64) {
            let (mean, longest) = wait(utilisation, 20_000, seed);
            let formula = 1_000.0 * utilisation / (2.0 * (1.0 - utilisation));
            prop_assert!(mean < 2.0 * formula + 100.0, "{mean} {formula}");
            prop_assert!((longest as f64) < 40.0 * (formula + 1_000.0), "{longest} {formula}");
            let (more, _) = wait(1.2 + utilisation, 20_000, seed);
            prop_assert!(more > 1_000.0 * 20_000.0 / 20.0, "{more}");
        }
    }

    #[test]
    fn processes_share_the_cores_of_their_machine() {
        let mut stations = Stations::default();
        let machine = stations.machine(2);
        let all: Vec<usize> = (0..3).map(|_| stations.station(machine)).collect();
        let starts: Vec<bool> = all.iter().map(|&station| stations.offer(station, 'a', false)).collect();
        assert_eq!(starts, [true, true, false]);
        let first = stations.begin(all[0], 0, 1_500_000_000);
        let second = stations.begin(all[1], 0, 10);
        // The one that waits for a core comes before the one that has more to do.
        assert!(!stations.offer(all[1], 'b', false) && !stations.offer(all[1], 'c', true));
        assert_eq!(stations.end(second), Some(('a', Some(all[2]))));
        let third = stations.begin(all[2], 10, 10);
        // A process that dies gives its core to the next, and what it did is no longer done.
        let (lost, next) = stations.fail(all[0], machine, 1_200_000_000);
        assert_eq!((lost.len(), next, stations.end(first)), (1, Some(all[1]), None));
        assert_eq!(stations.next(all[1]), Some(&mut 'c'));
        assert_eq!(stations.end(third), Some(('a', None)));
        assert_eq!(stations.waiting().count(), 2);
        assert_eq!(stations.of_station(all[0], 3), [1.0, 0.2, 0.0]);
        assert!(stations.of_machine(machine, 1)[0] > 1.0);
    }
}
