//! Runs one target: seeds first, then mutations of them and of whatever gave a new outcome; each input alone must keep
//! within bounds of memory and time.

use crate::mutate::{LONGEST, Random, mutate};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    any::Any,
    cell::Cell,
    collections::HashSet,
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Most inputs that are kept for mutation.
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

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, which counts what the thread holds.
pub struct Counting;

fn count(bytes: isize) {
    // A thread that ends has no counters any more.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
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
    pub seeds: usize,
    /// Outcomes that no seed had.
    pub found: usize,
    pub slowest: Duration,
    pub peak_bytes: isize,
}

impl Outcome {
    pub const HEADER: [&'static str; 7] =
        ["target", "executions", "a second", "seeds", "new outcomes", "slowest", "peak memory"];

    pub fn row(&self) -> [String; 7] {
        let text = |value: &dyn Display| value.to_string();
        [
            text(&self.name),
            text(&self.executions),
            format!("{:.0}", self.executions as f64 / self.took.as_secs_f64()),
            text(&self.seeds),
            text(&self.found),
            format!("{:.1?}", self.slowest),
            format!("{} kB", self.peak_bytes / 1_000),
        ]
    }
}

/// One input: what it gives, the processor time and the memory it takes; a panic or an excess is a text. What takes too
/// long must do so three times: a busy host counts as processor time what it does for others.
fn execute(target: &Target, input: &[u8]) -> Result<(u64, Duration, isize), String> {
    let time_max = Duration::from_millis(200) + Duration::from_micros(10) * input.len() as u32;
    let mut result = once(target, input)?;
    for _ in 0..2 {
        if result.1 <= time_max {
            break;
        }
        result = once(target, input)?;
    }
    let took = result.1;
    if took > time_max {
        return Err(format!("{took:?} for an input of {} bytes; allowed: {time_max:?}", input.len()));
    }
    Ok(result)
}

fn once(target: &Target, input: &[u8]) -> Result<(u64, Duration, isize), String> {
    let live = LIVE.with(Cell::get);
    PEAK.with(|peak| peak.set(live));
    let begin = cpu();
    let result = catch_unwind(AssertUnwindSafe(|| (target.check)(input)));
    let (took, peak) = (cpu().saturating_sub(begin), PEAK.with(Cell::get) - live);
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
    let files = std::fs::read_dir(seeds(target.name)).unwrap();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = files.iter().map(|file| std::fs::read(file).unwrap());
    (target.made)().into_iter().chain(read).collect()
}

/// Runs a target for a time.
pub fn run(target: &Target, seed: u64, time: Duration) -> Outcome {
    let mut kept = corpus(target);
    let mut outcomes = HashSet::new();
    let mut random = Random(seed ^ u64::from(crc32fast::hash(target.name.as_bytes())));
    let (mut slowest, mut peak) = (Duration::ZERO, 0);
    let mut attempt = |input: &[u8]| match execute(target, input) {
        Ok((outcome, took, bytes)) => {
            slowest = slowest.max(took);
            peak = peak.max(bytes);
            outcomes.insert(outcome)
        }
        Err(why) => fail(target.name, input, seed, &why),
    };
    for input in &kept {
        attempt(input);
    }
    let seeds = kept.len();
    let (began, mut executions, mut found) = (Instant::now(), seeds as u64, 0);
    while began.elapsed() < time {
        // The newest are the least known.
        let newest = random.below(3) == 0;
        let index = if newest { kept.len() - 1 - random.below(kept.len().min(32)) } else { random.below(kept.len()) };
        let mut input = kept[index].clone();
        mutate(&mut input, &kept, target.words, &mut random);
        (target.mend)(&mut input, &mut random);
        input.truncate(LONGEST);
        executions += 1;
        if attempt(&input) {
            found += 1;
            if kept.len() < KEPT_MAX {
                kept.push(input);
            }
        }
    }
    Outcome { name: target.name, executions, took: began.elapsed(), seeds, found, slowest, peak_bytes: peak }
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
    match execute(target, &input) {
        Ok((outcome, took, bytes)) => eprintln!("{}: good: {outcome:016x}, {took:?}, {bytes} bytes", target.name),
        Err(why) => panic!("{}: {why}", target.name),
    }
}
