//! The reader's and the aggregator's stage, one behind the other as the engine puts them.

use wagehood_engine::{
    aggregate::{OpenBars, TimeBarAggregator},
    config::{Final, Plan, StreamRule},
    feed::{Admission, AdmissionState, Admitted, Arrival, Closing, Record, Refusal},
    model::Bar,
    state::Column,
};

pub struct Stages {
    plan: Plan,
    pub admission: Admission,
    aggregator: TimeBarAggregator,
}

/// What the clock closes at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub moment: i64,
    pub seq: u64,
    pub bars: Vec<Bar>,
}

impl Stages {
    pub fn new(plan: &Plan) -> Self {
        Self { plan: plan.clone(), admission: Admission::new(plan), aggregator: TimeBarAggregator::new(plan) }
    }

    /// With input streams whose ids are times.
    pub fn live(plan: &Plan, streams: usize) -> Self {
        let mut stages = Self::new(plan);
        let rule = StreamRule { finality: Final::AtOnce, ..StreamRule::default() };
        stages.admission.set_streams(&vec![rule; streams], true);
        stages
    }

    fn record<'a>(&self, bar: &Bar, name: &'a [u8]) -> Record<'a> {
        let Bar { ts, open, high, low, close, volume, vwap, trades, timeframe, .. } = *bar;
        let interval = self.plan.timeframes[timeframe.index()];
        Record { symbol: name, ts, interval, open, high, low, close, volume, vwap, trades, ingest_ns: 0 }
    }

    /// Takes a record of a file; gives the bars that close with it.
    pub fn file(&mut self, bar: &Bar) -> Result<Vec<Bar>, Refusal> {
        let record = self.record(bar, b"S");
        let admitted = self.admission.admit(bar.symbol, bar.timeframe, &record, Arrival::File)?;
        let Admitted::Bar(admitted) = admitted else { panic!("a record of a file is not held") };
        let mut closed = Vec::new();
        let mut emit = |bar| closed.push(bar);
        if !self.admission.is_due() {
            self.aggregator.on_bar(&admitted, &mut emit);
            return Ok(closed);
        }
        let end = self.plan.timeframes[bar.timeframe.index()].end(admitted.ts, &Default::default());
        let closings = self.admission.close_due(bar.symbol);
        let (before, after): (Vec<_>, Vec<_>) =
            closings.iter().partition(|closing| (closing.end, closing.symbol) < (end, bar.symbol));
        let close = |closings: Vec<&Closing>, aggregator: &mut TimeBarAggregator, emit: &mut dyn FnMut(Bar)| {
            for closing in closings {
                aggregator.close(closing.symbol, closing.timeframes, &mut |bar| emit(bar));
            }
        };
        close(before, &mut self.aggregator, &mut emit);
        self.aggregator.on_bar(&admitted, &mut emit);
        close(after, &mut self.aggregator, &mut emit);
        Ok(closed)
    }

    /// What the clock closes up to a moment.
    pub fn clock(&mut self, until: i64) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(moment) = self.admission.next_moment(until) {
            let mut bars = Vec::new();
            for closing in self.admission.close(moment).to_vec() {
                self.aggregator.close(closing.symbol, closing.timeframes, &mut |bar| bars.push(bar));
            }
            events.push(Event { moment, seq: self.admission.seq(), bars });
        }
        events
    }

    /// Begins an entry of a stream; gives what the clock closes before it.
    pub fn entry(&mut self, stream: usize, wall: i64) -> Vec<Event> {
        let events = self.clock(wall);
        assert!(!self.admission.begin(stream as u8, wall), "a closing came too early");
        events
    }

    /// Takes a record of the entry; gives the bars that close with it.
    pub fn stream(&mut self, stream: usize, bar: &Bar) -> Result<Vec<Bar>, Refusal> {
        let record = self.record(bar, b"S");
        let admitted = self.admission.admit(bar.symbol, bar.timeframe, &record, Arrival::Stream(stream as u8))?;
        let Admitted::Bar(admitted) = admitted else { panic!("taken at once") };
        let mut closed = Vec::new();
        self.aggregator.on_bar(&admitted, &mut |bar| closed.push(bar));
        Ok(closed)
    }

    /// The same in another life, from a snapshot.
    pub fn reborn(&self, streams: usize) -> Self {
        let names: Vec<String> = self.plan.timeframes.iter().map(ToString::to_string).collect();
        let columns = || names.iter().map(|timeframe| Column { timeframe, hash: 1 });
        let symbols: Vec<&str> = self.plan.assets.iter().map(|asset| asset.symbol.as_str()).collect();
        let find = |name: &str| symbols.iter().position(|symbol| *symbol == name);
        let (mut reader, mut bars) = (Vec::new(), Vec::new());
        self.admission.save(|symbol| symbols[symbol.index()], &mut reader).unwrap();
        self.aggregator.save(columns(), |symbol| symbols[symbol.index()], &mut bars).unwrap();
        let state = AdmissionState::read(4, &mut &reader[..], &self.plan, find).unwrap();
        let open = OpenBars::read(3, &mut &bars[..], columns(), &self.plan, find).unwrap();
        let mut stages = Self::live(&self.plan, streams);
        stages.admission.restore(&state, |symbol, timeframe| open.end(symbol, timeframe));
        stages.aggregator.restore(&open);
        stages
    }
}
