//! Results as files: signals as JSON lines, bars and indicators as CSV.

use super::Group;
use crate::{
    indicators::Reading,
    judge::Settled,
    model::{Directory, IndicatorRow, Indicators, TimeframeId, WindowStatistics},
    publish::{
        BAR_CSV_HEADER, FileError, FileSink, Labels, Switched, bar_csv, indicator_csv, indicator_csv_header,
        outcome_json_line, signal_json_line, statistics_csv, statistics_csv_header, switch_json_line,
    },
};
use std::path::PathBuf;

/// Bytes after which a file is written without waiting for the end of the batch.
const FLUSH_BYTES: usize = 1 << 18;

/// Which files to write.
#[derive(Debug, Clone, Default)]
pub struct FileOutputOptions {
    /// Signals, JSON lines.
    pub signals: Option<PathBuf>,
    /// Closed bars that were made of shorter ones, CSV.
    pub bars: Option<PathBuf>,
    /// Indicators of the bars of some cells, CSV.
    pub indicators: Option<PathBuf>,
    /// What became of the signals, JSON lines.
    pub outcomes: Option<PathBuf>,
    /// Switches of the selection, JSON lines.
    pub selection: Option<PathBuf>,
    /// Statistics of the windows of the bars of some cells, CSV.
    pub statistics: Option<PathBuf>,
    /// Bars of each window.
    pub windows: Vec<u32>,
    /// The correlation across assets after each interval, JSON lines.
    pub correlation: Option<PathBuf>,
    /// These cells: names of the symbol and the timeframe.
    pub cells: Vec<(String, TimeframeId)>,
    /// Whether the signals go behind what is in their file.
    pub append: bool,
    /// Whether these are the indicators that the strategies read, not the published ones.
    pub as_read: bool,
}

/// The open files.
#[derive(Debug)]
pub struct FileOutput {
    signals: Option<FileSink>,
    bars: Option<FileSink>,
    indicators: Option<FileSink>,
    outcomes: Option<FileSink>,
    selection: Option<FileSink>,
    statistics: Option<FileSink>,
    windows: usize,
    correlation: Option<FileSink>,
    cells: Vec<(String, TimeframeId)>,
    failed: Option<FileError>,
    finished_bytes: u64,
    /// Lines since the last flush.
    lines: usize,
}

impl FileOutput {
    /// Creates the files, with their header lines.
    ///
    /// # Errors
    /// A file that cannot be created.
    pub fn create(options: FileOutputOptions) -> Result<Self, FileError> {
        let open = |path: Option<PathBuf>, header: &str| -> Result<Option<FileSink>, FileError> {
            let Some(path) = path else { return Ok(None) };
            let mut sink = FileSink::open(&path, FLUSH_BYTES, options.append)?;
            sink.lines().extend_from_slice(header.as_bytes());
            Ok(Some(sink))
        };
        let names = if options.as_read { &Reading::COLUMNS } else { &Indicators::COLUMN_NAMES };
        Ok(Self {
            signals: open(options.signals, "")?,
            bars: open(options.bars, BAR_CSV_HEADER)?,
            indicators: open(options.indicators, &indicator_csv_header(names))?,
            outcomes: open(options.outcomes, "")?,
            selection: open(options.selection, "")?,
            statistics: open(options.statistics, &statistics_csv_header(&options.windows))?,
            windows: options.windows.len(),
            correlation: open(options.correlation, "")?,
            cells: options.cells,
            failed: None,
            finished_bytes: 0,
            lines: 0,
        })
    }

    /// Takes the results of a group.
    #[inline]
    pub fn group(&mut self, group: &Group<'_>, labels: Labels<'_>) {
        for row in group.rows {
            self.row(row, labels.directory);
        }
        self.statistics(group.statistics, labels.directory);
        if let Some(file) = &mut self.signals {
            for weighed in group.signals.iter() {
                signal_json_line(file.lines(), &weighed, labels);
                self.lines += 1;
            }
        }
    }

    /// Takes what became of a signal.
    #[inline]
    pub fn outcome(&mut self, settled: &Settled, labels: Labels<'_>) {
        if let Some(file) = &mut self.outcomes {
            outcome_json_line(file.lines(), &settled.outcome, settled.composite, settled.calibrated, labels);
            self.failed = self.failed.take().or(file.flush_if_full().err());
            self.lines += 1;
        }
    }

    /// Takes a switch of the selection.
    pub fn switched(&mut self, switched: Switched<'_>, directory: &Directory) {
        if let Some(file) = &mut self.selection {
            switch_json_line(file.lines(), switched, directory);
            self.lines += 1;
        }
    }

    /// Whether the correlation across assets is written.
    #[must_use]
    pub fn wants_matrix(&self) -> bool {
        self.correlation.is_some()
    }

    /// Takes a line of the correlation across assets.
    pub fn matrix(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(file) = &mut self.correlation {
            write(file.lines());
            self.failed = self.failed.take().or(file.flush_if_full().err());
            self.lines += 1;
        }
    }

    #[inline]
    fn row(&mut self, row: &IndicatorRow, directory: &Directory) {
        let timeframe = row.bar.timeframe;
        if let Some(file) = &mut self.bars
            && row.bar.is_built()
        {
            bar_csv(file.lines(), &row.bar, directory);
            self.failed = self.failed.take().or(file.flush_if_full().err());
            self.lines += 1;
        }
        if let Some(file) = &mut self.indicators
            && self.cells.iter().any(|(name, tf)| *tf == timeframe && name == directory.symbol(row.bar.symbol))
        {
            indicator_csv(file.lines(), row, directory);
            self.failed = self.failed.take().or(file.flush_if_full().err());
            self.lines += 1;
        }
    }

    /// Takes the statistics of bars, those of the windows of one together.
    #[inline]
    fn statistics(&mut self, all: &[WindowStatistics], directory: &Directory) {
        let Some(file) = &mut self.statistics else { return };
        for windows in all.chunks(self.windows.max(1)) {
            statistics_csv(file.lines(), windows, directory);
            self.failed = self.failed.take().or(file.flush_if_full().err());
            self.lines += 1;
        }
    }

    /// Every file that is open.
    fn open(&mut self) -> impl Iterator<Item = &mut Option<FileSink>> {
        [
            &mut self.signals,
            &mut self.bars,
            &mut self.indicators,
            &mut self.outcomes,
            &mut self.selection,
            &mut self.statistics,
            &mut self.correlation,
        ]
        .into_iter()
    }

    /// Whether something waits to be written.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.lines > 0
    }

    /// Lines that wait to be written.
    #[inline]
    #[must_use]
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn flush(&mut self) -> Result<(), FileError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.lines = 0;
        self.open().flatten().try_for_each(FileSink::flush)
    }

    /// Writes what waits, has the system bring it to the disk, and closes the files.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(&mut self) -> Result<(), FileError> {
        self.flush()?;
        let mut bytes = 0;
        let finished = self.open().filter_map(Option::take).try_for_each(|file| {
            bytes += file.finish()?;
            Ok(())
        });
        self.finished_bytes += bytes;
        finished
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        let Self { signals, bars, indicators, outcomes, selection, statistics, correlation, .. } = self;
        let open = [signals, bars, indicators, outcomes, selection, statistics, correlation].into_iter().flatten();
        self.finished_bytes + open.map(FileSink::written_bytes).sum::<u64>()
    }
}
