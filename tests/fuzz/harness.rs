//! Runs one target: seeds first, then mutations of them and of whatever was new; each input alone must keep within bounds
//! of memory and time.

use crate::{
    edges::Edges,
    memory,
    mutate::{LONGEST, Random, mutate},
};
use std::{
    any::Any,
    collections::HashSet,
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Most inputs that a run keeps for mutation.
const KEPT_MAX: usize = 2_000;

/// What is fuzzed.
pub struct Target {
    pub name: &'static str,
    /// Checks an input, by assertions; what it gives tells outcomes apart.
    pub check: fn(&[u8]) -> u64,
    /// Mends what mutations break and would otherwise hide everything else, such as a checksum.
    pub mend: fn(&mut Vec<u8>, &mut Random),
    /// What the inputs are made of.
    pub words: &'static [&'static str],
    /// Most memory that one input may take, bytes: so much, and so much for each of its bytes.
    pub memory: (usize, usize),
    /// Seeds that are made anew each time, because their form belongs to the version.
    pub made: fn() -> Vec<Vec<u8>>,
}

/// Processor time of this thread: others on the machine do not count.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

/// What became of a target.
pub struct Outcome {
    pub name: &'static str,
    pub executions: u64,
    pub took: Duration,
    /// Inputs that the run began with.
    pub seeds: usize,
    /// Inputs that were new.
    pub found: usize,
    /// Edges that the seeds reached, and that all inputs reached, where they are counted.
    pub edges: Option<[usize; 2]>,
    pub slowest: Duration,
    pub peak_bytes: isize,
}

impl Outcome {
    pub const HEADER: [&'static str; 8] =
        ["target", "executions", "a second", "seeds", "new", "edges", "slowest", "peak memory"];

    pub fn row(&self) -> [String; 8] {
        let text = |value: &dyn Display| value.to_string();
        [
            text(&self.name),
            text(&self.executions),
            format!("{:.0}", self.executions as f64 / self.took.as_secs_f64()),
            text(&self.seeds),
            text(&self.found),
            self.edges.map_or("-".to_owned(), |[before, after]| format!("{before} → {after}")),
            format!("{:.1?}", self.slowest),
            format!("{} kB", self.peak_bytes / 1_000),
        ]
    }
}

/// What tells inputs apart: those that are new are kept.
struct Guide {
    outcomes: HashSet<u64>,
    /// Where the program counts its edges.
    edges: Option<Edges>,
    /// Whether an input is new by its edges rather than by its outcome.
    by_edges: bool,
}

impl Guide {
    fn new(by: Option<&str>) -> Self {
        let edges = Edges::new();
        let by_edges = match by {
            None => edges.is_some(),
            Some("outcomes") => false,
            Some("edges") if edges.is_some() => true,
            Some("edges") => panic!("FUZZ_GUIDE=edges: this build does not count them; `make fuzz-coverage` does"),
            Some(other) => panic!("FUZZ_GUIDE={other}: there are edges and outcomes"),
        };
        Self { outcomes: HashSet::new(), edges, by_edges }
    }

    /// Whether the last input, with this outcome, is new. Outcomes count beside edges: what a check tells apart may pass
    /// the same ones.
    fn is_new(&mut self, outcome: u64) -> bool {
        // Edges are noted where they do not guide, too: the table says what it has come to.
        let by_edges = self.edges.as_mut().is_some_and(Edges::is_new);
        self.outcomes.insert(outcome) || (self.by_edges && by_edges)
    }

    fn reached(&self) -> Option<usize> {
        self.edges.as_ref().map(Edges::reached)
    }
}

/// One input: what it gives, the processor time and the memory it takes; a panic or an excess is a text. What takes too
/// long must do so three times: a busy host counts as processor time what it does for others.
fn execute(target: &Target, input: &[u8], edges: &mut Option<Edges>) -> Result<(u64, Duration, isize), String> {
    let time_max = Duration::from_millis(200) + Duration::from_micros(10) * input.len() as u32;
    let mut result = once(target, input, edges)?;
    for _ in 0..2 {
        if result.1 <= time_max {
            break;
        }
        result = once(target, input, edges)?;
    }
    let took = result.1;
    if took > time_max {
        return Err(format!("{took:?} for an input of {} bytes; allowed: {time_max:?}", input.len()));
    }
    Ok(result)
}

fn once(target: &Target, input: &[u8], edges: &mut Option<Edges>) -> Result<(u64, Duration, isize), String> {
    if let Some(edges) = edges {
        edges.start();
    }
    let live = memory::start();
    let begin = cpu();
    let result = catch_unwind(AssertUnwindSafe(|| (target.check)(input)));
    let (took, peak) = (cpu().saturating_sub(begin), memory::peak() - live);
    if let Some(edges) = edges {
        edges.stop();
    }
    let outcome = result.map_err(|panic| words(&*panic))?;
    let (fixed, per_byte) = target.memory;
    let bytes_max = fixed + per_byte * input.len();
    if peak > bytes_max as isize {
        return Err(format!("{peak} bytes of memory for an input of {}; allowed: {bytes_max}", input.len()));
    }
    Ok((outcome, took, peak))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

/// The folder of a target's seeds.
pub fn seeds(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name)
}

/// All seeds of a target: those that are made, and the files in the order of their names.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    (target.made)().into_iter().chain(files(&seeds(target.name))).collect()
}

/// The files of a folder, in the order of their names.
fn files(dir: &Path) -> impl Iterator<Item = Vec<u8>> {
    let files = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).unwrap())
}

/// Inputs that are kept from run to run.
struct Store(PathBuf);

impl Store {
    fn new(dir: &Path, name: &str) -> Self {
        let dir = dir.join(name);
        std::fs::create_dir_all(&dir).unwrap_or_else(|error| panic!("FUZZ_KEPT: {}: {error}", dir.display()));
        Self(dir)
    }

    /// What earlier runs have kept, the shortest first: of two that show the same, the longer is not needed.
    fn earlier(&self) -> Vec<Vec<u8>> {
        let mut inputs: Vec<Vec<u8>> = files(&self.0).collect();
        inputs.sort_by_key(Vec::len);
        inputs
    }

    fn keep(&self, input: &[u8]) {
        std::fs::write(self.file(input), input).unwrap();
    }

    fn forget(&self, input: &[u8]) {
        // Someone else may have put it there under another name.
        let _ = std::fs::remove_file(self.file(input));
    }

    fn file(&self, input: &[u8]) -> PathBuf {
        self.0.join(format!("{:08x}", crc32fast::hash(input)))
    }
}

/// How a target is run.
pub struct Options {
    /// Repeats the mutations.
    pub seed: u64,
    pub time: Duration,
    /// What makes an input new: `edges` or `outcomes`. By default edges, where they are counted.
    pub guide: Option<String>,
    /// Folder of the inputs that are kept for the next run, if any are.
    pub kept: Option<PathBuf>,
}

/// Runs a target for a time.
pub fn run(target: &Target, options: &Options) -> Outcome {
    let seed = options.seed;
    let store = options.kept.as_deref().map(|dir| Store::new(dir, target.name));
    let mut guide = Guide::new(options.guide.as_deref());
    let mut random = Random(seed ^ u64::from(crc32fast::hash(target.name.as_bytes())));
    let (mut slowest, mut peak) = (Duration::ZERO, 0);
    let mut attempt = |input: &[u8], guide: &mut Guide| match execute(target, input, &mut guide.edges) {
        Ok((outcome, took, bytes)) => {
            slowest = slowest.max(took);
            peak = peak.max(bytes);
            guide.is_new(outcome)
        }
        Err(why) => fail(target.name, input, seed, &why),
    };
    let mut kept = corpus(target);
    for input in &kept {
        attempt(input, &mut guide);
    }
    for (store, input) in store.iter().flat_map(|store| store.earlier().into_iter().map(move |input| (store, input))) {
        if attempt(&input, &mut guide) {
            kept.push(input);
        } else {
            store.forget(&input);
        }
    }
    let (seeds, before) = (kept.len(), guide.reached());
    let (began, mut executions, mut found) = (Instant::now(), seeds as u64, 0);
    while began.elapsed() < options.time {
        // The newest are the least known.
        let newest = random.below(3) == 0;
        let mut any = || {
            let below = if newest { kept.len().min(32) } else { kept.len() };
            &kept[kept.len() - 1 - random.below(below)]
        };
        // The shorter of two: it shows what it shows in less time, and a change is likelier to meet what matters.
        let mut picked = any();
        if guide.by_edges {
            let other = any();
            picked = if other.len() < picked.len() { other } else { picked };
        }
        let mut input = picked.clone();
        mutate(&mut input, &kept, target.words, &mut random);
        (target.mend)(&mut input, &mut random);
        input.truncate(LONGEST);
        executions += 1;
        if attempt(&input, &mut guide) {
            found += 1;
            if kept.len() < KEPT_MAX {
                store.iter().for_each(|store| store.keep(&input));
                kept.push(input);
            }
        }
    }
    let edges = before.zip(guide.reached()).map(|(before, after)| [before, after]);
    Outcome { name: target.name, executions, took: began.elapsed(), seeds, found, edges, slowest, peak_bytes: peak }
}

/// Keeps the input and says how to see it again.
fn fail(name: &str, input: &[u8], seed: u64, why: &str) -> ! {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join(format!("{name}-{:08x}", crc32fast::hash(input)));
    std::fs::write(&file, input).unwrap();
    panic!(
        "{name} (SEED={seed}): {why}\nthe input is in {file}; to see it again:\n  \
         FUZZ_TARGET={name} FUZZ_INPUT={file} cargo test --test fuzz\nonce mended, keep it as a seed: cp {file} {}/",
        seeds(name).display(),
        file = file.display(),
    )
}

/// Runs a target on one file.
pub fn replay(target: &Target, file: &Path) {
    let input = std::fs::read(file).unwrap();
    match execute(target, &input, &mut None) {
        Ok((outcome, took, bytes)) => eprintln!("{}: good: {outcome:016x}, {took:?}, {bytes} bytes", target.name),
        Err(why) => panic!("{}: {why}", target.name),
    }
}
