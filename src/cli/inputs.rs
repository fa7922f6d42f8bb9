//! The files of a replay: looked at, opened, and brought into the order of time where they are not.

use super::{note::note, recorded::odd_base};
use crate::{
    engine::InputFile,
    feed::{
        BarFile, MergedSource, Sorter,
        dialect::FileOptions,
        look::{FileOrder, Look},
    },
    model::Refusal,
};
use anyhow::{Context, Result, bail};
use rustix::fd::OwnedFd;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Files that are open at a time, at most; each has a buffer and a descriptor. More are sorted together.
const OPEN_MAX: usize = 128;
/// Records sorted in memory, bytes; beyond it they are on the disk.
const SORT_BYTES: usize = 1 << 30;
/// Lines sorted between two looks at whether to stop.
const STOP_LINES: u64 = 1 << 16;
/// Lines about files, at most.
const TOLD: usize = 12;

/// What is known of a file's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It is by time.
    ByTime,
    /// Its beginning is by time.
    Beginning,
    /// It is to be sorted.
    Unsorted {
        /// It is newest first.
        backwards: bool,
    },
    /// Its bars are taken as they come.
    Live,
}

/// The inputs of a replay.
pub struct Inputs {
    files: Vec<InputFile>,
    options: FileOptions,
    known: Vec<Known>,
    /// What is to be told, and how many lines were more than are told.
    told: (Vec<String>, usize),
    quiet: bool,
    stop: Arc<AtomicBool>,
}

/// Opened inputs.
pub struct Opened {
    /// Their lines by time.
    pub lines: MergedSource,
    /// Descriptors of the pipes among them.
    pub bells: Vec<Arc<OwnedFd>>,
}

impl Inputs {
    /// The files behind the paths, each after a look at its beginning.
    ///
    /// # Errors
    /// A file that cannot be read or is not understood.
    pub fn new(paths: &[PathBuf], options: FileOptions, quiet: bool, stop: &Arc<AtomicBool>) -> Result<Self> {
        let files: Vec<InputFile> = paths
            .iter()
            .map(|path| InputFile::all(path))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect();
        let mut inputs = Self {
            known: vec![Known::Unsorted { backwards: false }; files.len()],
            files,
            options,
            told: (Vec::new(), 0),
            quiet,
            stop: Arc::clone(stop),
        };
        let many = inputs.files.len() > OPEN_MAX;
        for input in 0..inputs.files.len() {
            let file = inputs.files[input].clone();
            if file.is_live() {
                inputs.known[input] = Known::Live;
                continue;
            }
            let mut source = file.open(&inputs.options, stop)?.source;
            // They are all sorted, and looked at then.
            if many {
                continue;
            }
            let look = Look::at(&mut source, false)?;
            inputs.known[input] = match (look.order(), look.complete) {
                (FileOrder::ByTime, true) => Known::ByTime,
                (FileOrder::ByTime, false) => Known::Beginning,
                (order, _) => Known::Unsorted { backwards: order == FileOrder::NewestFirst },
            };
            if look.order() == FileOrder::ByTime {
                inputs.tell(&look, file.name(), &source);
            }
        }
        Ok(inputs)
    }

    /// Names of the files, as `source_id` has them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(InputFile::name)
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether something about a file's order is not known yet, though it could be.
    fn is_unsure(&self) -> bool {
        self.known.contains(&Known::Beginning)
    }

    /// Whether all files can be read again.
    fn is_repeatable(&self) -> bool {
        !self.known.contains(&Known::Live)
    }

    /// Makes sure of the order of all files where a replay could not start over: where what it has written is out of
    /// its hands, or a pipe is read.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn settle(&mut self, final_at_once: bool) -> Result<()> {
        if self.is_unsure() && (final_at_once || !self.is_repeatable()) { self.look_whole() } else { Ok(()) }
    }

    /// Reads the files whose order is not known to their ends.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn look_whole(&mut self) -> Result<()> {
        for input in 0..self.files.len() {
            if self.known[input] != Known::Beginning {
                continue;
            }
            let mut source = self.files[input].open(&self.options, &self.stop)?.source;
            let order = Look::at(&mut source, true)?.order();
            self.known[input] = match order {
                FileOrder::ByTime => Known::ByTime,
                order => Known::Unsorted { backwards: order == FileOrder::NewestFirst },
            };
        }
        Ok(())
    }

    /// Makes sure that no file has a bad record.
    ///
    /// # Errors
    /// The first that has one, with the line and what would mend it.
    pub fn check_strictly(&self) -> Result<()> {
        for file in self.files.iter().filter(|file| !file.is_live()) {
            let mut source = file.open(&self.options, &self.stop)?.source;
            while let Some(line) = source.next()? {
                if let Err(reason) = line.result
                    && reason != Refusal::NoTrade
                {
                    let text = String::from_utf8_lossy(&line.text[..line.text.len().min(200)]).into_owned();
                    bail!("--strict: {}:{} ({}): {text}; {}", file.name(), line.number, reason.name(), reason.advice());
                }
            }
        }
        Ok(())
    }

    /// Opens the files, sorting those that are not by time.
    ///
    /// # Errors
    /// A file that cannot be read; no room to sort.
    pub fn open(&mut self) -> Result<Opened> {
        let mut sources = Vec::new();
        let mut bells = Vec::new();
        let mut sorter: Option<Sorter> = None;
        for input in 0..self.files.len() {
            let file = self.files[input].clone();
            let mut opened = file.open(&self.options, &self.stop)?;
            if let Known::Unsorted { backwards } = self.known[input] {
                if backwards {
                    opened.source.set_backwards();
                }
                let sorter = sorter.get_or_insert_with(|| Sorter::new(SORT_BYTES));
                let look =
                    sort(input, &mut opened.source, sorter, &self.stop).with_context(|| file.name().to_owned())?;
                self.tell(&look, file.name(), &opened.source);
                continue;
            }
            if self.known[input] == Known::Live && !self.quiet {
                let symbol = opened.source.dialect().symbol.as_deref().unwrap_or_default();
                let of = if symbol.is_empty() { String::new() } else { format!(" of {}", symbol.escape_ascii()) };
                note(&format!("{}: {}, bars{of} as they come", file.name(), opened.source.dialect().shape));
            }
            bells.extend(opened.take_bell());
            sources.push((input, opened.source));
        }
        let sorted = sorter.map(|sorter| sorter.finish(self.options.base)).transpose()?;
        self.say();
        let lines = MergedSource::of(sources, sorted);
        // What comes from a pipe is taken as it is.
        Ok(Opened { lines: if self.is_repeatable() { lines.watched() } else { lines }, bells })
    }

    fn tell(&mut self, look: &Look, name: &str, source: &BarFile) {
        if self.told.0.len() >= TOLD {
            self.told.1 += 1;
            return;
        }
        self.told.0.push(look.understood(name, source));
        self.told.0.extend(odd_base(name, look, self.options.base).map(|line| format!("note: {line}")));
    }

    /// Says what was understood.
    fn say(&mut self) {
        let (lines, more) = std::mem::take(&mut self.told);
        if self.quiet {
            return;
        }
        lines.iter().for_each(|line| note(line));
        if more > 0 {
            note(&format!("… and {more} more files; wagehood-engine inspect tells of all"));
        }
    }
}

/// Puts all lines of a file into the sorter, and looks at them.
fn sort(input: usize, source: &mut BarFile, sorter: &mut Sorter, stop: &AtomicBool) -> Result<Look> {
    let base = source.base();
    let mut look = Look::new(base);
    let mut start = i64::MIN;
    while let Some(line) = source.next()? {
        if let Ok(record) = &line.result {
            start = base.utc_span(record.ts).start;
        }
        if line.number.is_multiple_of(STOP_LINES) && stop.load(Ordering::Relaxed) {
            bail!("stopped while it was sorted");
        }
        look.line(&line);
        sorter.take(input, start, &line)?;
    }
    look.complete = true;
    Ok(look)
}
