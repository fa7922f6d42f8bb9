//! The rules of the house, as tests: who may use whom, how long a file and a function may be, where `unsafe` stands, no
//! files that need each other, no public item that nobody uses.
#![allow(clippy::unwrap_used, clippy::panic)]

mod source;

use source::{Modules, Source, files, paths, tokens};
use std::collections::{BTreeMap, BTreeSet};

/// Lines of a file, and of a function.
const LONGEST: (usize, usize) = (500, 70);
/// The same of tests: one that tells a story from end to end is easier to read whole.
const LONGEST_OF_TESTS: (usize, usize) = (700, 120);

/// By folder of `src`: which others it may use. What every stage may use stands in [`STAGES_USE`].
const MAY_USE: [(&str, &[&str]); 21] = [
    ("text.rs", &[]),
    ("lanes", &[]),
    ("model", &["text"]),
    ("calendar", &["model"]),
    // A strategy declares its parameters in its own file; addresses are read by whoever connects to them.
    ("config", &["calendar", "model", "redis_io", "strategies", "text"]),
    ("state", &["model", "text"]),
    ("telemetry", &["model", "text"]),
    ("runtime", &["telemetry"]),
    ("redis_io", &["model", "text"]),
    ("feed", &[]),
    ("aggregate", &[]),
    ("indicators", &["lanes"]),
    // The conditions of a strategy read the rows of its indicators: one stage in two folders.
    ("strategies", &["lanes", "indicators"]),
    ("correlate", &[]),
    ("cross", &[]),
    ("judge", &[]),
    // It writes commands, and its own alone: with the encoder that the links send from.
    ("publish", &["redis_io"]),
    (
        "engine",
        &[
            "aggregate",
            "config",
            "correlate",
            "cross",
            "feed",
            "indicators",
            "judge",
            "lanes",
            "model",
            "publish",
            "redis_io",
            "runtime",
            "state",
            "strategies",
            "telemetry",
            "text",
        ],
    ),
    ("ingest", &["config", "engine", "feed", "model", "redis_io", "runtime", "text"]),
    ("ops", &["config", "engine", "model", "publish", "redis_io", "runtime", "telemetry", "text"]),
    (
        "lab",
        &[
            "aggregate",
            "config",
            "correlate",
            "engine",
            "feed",
            "model",
            "publish",
            "redis_io",
            "runtime",
            "state",
            "strategies",
            "telemetry",
            "text",
        ],
    ),
];
const STAGES: [&str; 8] = ["feed", "aggregate", "indicators", "strategies", "correlate", "cross", "judge", "publish"];
const STAGES_USE: [&str; 4] = ["model", "config", "state", "text"];

/// What breaks the rule, and why it may: (file, folder, reason).
const EXCEPTIONS: [(&str, &str, &str); 7] = [
    ("src/model/mod.rs", "strategies", "the list of strategies gives the enum of them"),
    ("src/model/signal.rs", "strategies", "as above, for the kinds of their signals"),
    ("src/config/resolve.rs", "indicators", "how far back a cell must look is for its indicators to say"),
    ("src/state/codec.rs", "indicators", "one of the reasons why saved state cannot be taken is a bad image of a cell"),
    ("src/feed/streams/cut.rs", "redis_io", "what is cut are the replies to XREAD"),
    ("src/feed/streams/lanes.rs", "redis_io", "a lane holds the cursor of its stream's reply"),
    ("src/feed/streams/stream.rs", "redis_io", "as a lane"),
];

/// Files that may hold `unsafe`.
const UNSAFE: [&str; 15] = [
    "src/indicators/prefetch.rs",
    "src/indicators/side_by_side.rs",
    "src/lab/bench/child.rs",
    "src/lab/doctor/timex.rs",
    "src/lanes/avx2.rs",
    "src/lanes/avx512.rs",
    "src/lanes/tests.rs",
    "src/model/saved.rs",
    "src/strategies/cells.rs",
    "src/strategies/custom/run.rs",
    "src/strategies/step.rs",
    "src/telemetry/thread_usage.rs",
    "tests/allocations.rs",
    "tests/fuzz/edges.rs",
    "tests/fuzz/memory.rs",
];

fn folder(path: &str) -> &str {
    path.strip_prefix("src/").unwrap().split('/').next().unwrap()
}

/// Tests beside the code have files of their own.
fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.ends_with("testing.rs")
}

fn code() -> Vec<Source> {
    files("src").into_iter().filter(|source| !is_test(&source.path)).collect()
}

fn complain(what: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{what}\n  {}", faults.join("\n  "));
}

#[test]
fn a_folder_uses_only_what_is_below_it() {
    let (mut faults, mut unused) = (Vec::new(), (0..EXCEPTIONS.len()).collect::<Vec<_>>());
    for source in code() {
        let own = folder(&source.path);
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == own) else { continue };
        let stage: &[&str] = if STAGES.contains(&own) { &STAGES_USE } else { &[] };
        let used: BTreeSet<String> = paths(&source.code)
            .into_iter()
            .filter(|path| path[0] == "crate" && path.len() > 1 && path[1].starts_with(|c: char| c.is_lowercase()))
            .map(|path| path[1].clone())
            .collect();
        for name in used.iter().map(String::as_str) {
            let excused = EXCEPTIONS.iter().position(|(file, folder, _)| *file == source.path && *folder == name);
            unused.retain(|&k| Some(k) != excused);
            if name != own && !allowed.contains(&name) && !stage.contains(&name) && excused.is_none() {
                faults.push(format!("{} uses {name}", source.path));
            }
        }
    }
    faults.extend(unused.iter().map(|&k| format!("no longer an exception: {:?}", EXCEPTIONS[k])));
    complain("src/lib.rs says which folder sees which; move the code, or allow it by name with a reason:", &faults);
}

/// What stands at the top, beside files that begin with a dot, the lock file and licences.
const TOP: [&str; 8] = ["Cargo.toml", "Makefile", "README.md", "benches", "config", "perf", "src", "tests"];

#[test]
fn the_top_holds_what_it_was_meant_to() {
    let git = std::process::Command::new("git").args(["ls-files"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    // Without git, as from an archive, nobody adds files.
    let Some(listed) = git.ok().filter(|git| git.status.success()) else { return };
    let listed = String::from_utf8(listed.stdout).unwrap();
    let top: BTreeSet<&str> = listed.lines().map(|path| path.split('/').next().unwrap()).collect();
    let named = |name: &&str| !name.starts_with('.') && !name.starts_with("LICENSE") && *name != "Cargo.lock";
    assert_eq!(top.into_iter().filter(named).collect::<Vec<_>>(), TOP);
}

#[test]
fn files_and_functions_are_short() {
    let mut faults = Vec::new();
    for source in ["src", "tests", "benches", "perf"].into_iter().flat_map(files) {
        let is_of_tests = source.path.starts_with("tests/") || is_test(&source.path);
        let (longest_file, longest_function) = if is_of_tests { LONGEST_OF_TESTS } else { LONGEST };
        let lines = source.text.lines().count();
        if lines > longest_file {
            faults.push(format!("{}: {lines} lines", source.path));
        }
        for (name, line, length) in functions(&source::strip(&source.text)) {
            if length > longest_function {
                faults.push(format!("{}:{line}: fn {name}: {length} lines", source.path));
            }
        }
    }
    complain("look for the part that wants its own name:", &faults);
}

/// Name, first line and length of every function with a body.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    let bytes = code.as_bytes();
    for (at, _) in code.match_indices("fn ") {
        if at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_') {
            continue;
        }
        let Some(open) = code[at..].find(['{', ';']).map(|k| at + k).filter(|&k| bytes[k] == b'{') else { continue };
        let mut depth = 0;
        let close = code[open..].char_indices().find(|(_, c)| {
            depth += i32::from(*c == '{') - i32::from(*c == '}');
            depth == 0
        });
        let Some((length, _)) = close else { continue };
        let name: String = code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let lines = |text: &str| text.matches('\n').count() + 1;
        if !name.is_empty() {
            found.push((name, lines(&code[..at]), lines(&code[at..open + length])));
        }
    }
    found
}

#[test]
fn unsafe_stands_where_it_is_known() {
    let everywhere = ["src", "tests", "benches", "perf"].into_iter().flat_map(files);
    let found: Vec<String> = everywhere.filter(|s| tokens(&s.code).contains(&"unsafe")).map(|s| s.path).collect();
    assert_eq!(found, UNSAFE, "the list of files with `unsafe` in them is not up to date");
}

#[test]
fn no_file_needs_one_that_needs_it() {
    let sources = code();
    let arrows = Modules::new(&sources).arrows();
    assert!(arrows.values().map(BTreeSet::len).sum::<usize>() > 300, "the imports are no longer read: {arrows:?}");
    let faults: Vec<String> = circles(&arrows).iter().map(|circle| circle.join(" ⇄ ")).collect();
    complain("circles of files; give what ties them a place of its own:", &faults);
}

/// Sets of files each of which reaches all others of its set.
fn circles<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<Vec<&'a str>> {
    let reach = |from: &'a str| {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![from]);
        while let Some(file) = todo.pop() {
            todo.extend(arrows.get(file).into_iter().flatten().copied().filter(|next| seen.insert(*next)));
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> = arrows.keys().map(|file| (*file, reach(file))).collect();
    let of = |file: &&'a str| -> Vec<&'a str> {
        reached[file]
            .iter()
            .copied()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(file)))
            .collect()
    };
    arrows.keys().map(of).filter(|circle| circle.len() > 1).collect()
}

/// Names that several public types share, and why they may.
const SHARED_NAMES: [(&str, &str); 3] = [
    ("Clock", "the clock of a host, and the hands of one: a time of day"),
    ("Entry", "one item of a stream: as the server sends it, and decoded"),
    ("Origin", "where a value of the configuration comes from, and where a record does"),
];

#[test]
fn public_types_have_names_of_their_own() {
    const TYPES: [&str; 5] = ["struct", "enum", "trait", "type", "union"];
    let mut declared: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in code() {
        for near in tokens(&source.code).windows(3) {
            if near[0] == "pub" && TYPES.contains(&near[1]) && near[2].starts_with(char::is_uppercase) {
                declared.entry(near[2].to_owned()).or_default().push(source.path.clone());
            }
        }
    }
    assert!(declared.len() > 200, "the declarations are no longer read: {declared:?}");
    let is_shared = |name: &str| declared.get(name).is_some_and(|files| files.len() > 1);
    let excused = |name: &str| SHARED_NAMES.iter().any(|(shared, _)| *shared == name);
    let mut faults: Vec<String> = declared
        .iter()
        .filter(|(name, _)| is_shared(name) && !excused(name))
        .map(|(name, files)| format!("{name}: {}", files.join(", ")))
        .collect();
    faults.extend(SHARED_NAMES.iter().filter(|(name, _)| !is_shared(name)).map(|row| format!("no longer: {row:?}")));
    complain("two public types of one name; give one of them another:", &faults);
}

#[test]
fn no_public_item_is_dead() {
    let everywhere: Vec<Source> = ["src", "tests", "benches", "perf"].into_iter().flat_map(files).collect();
    // A test that stands beside an item, in its file or in one of its folder, and a `pub use` that hands it on do not use it.
    let (mut uses, mut in_tests) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, BTreeSet<&str>>::new());
    for source in &everywhere {
        let is_beside = source.path.starts_with("src/") && is_test(&source.path);
        let (code, tests, of) = match source.path.rsplit_once('/').filter(|_| is_beside) {
            Some((folder, _)) => ("", source.code.as_str(), folder),
            None => (source.code.as_str(), source.tests.as_str(), source.path.as_str()),
        };
        for token in not_imported(&tokens(code)) {
            *uses.entry(token).or_default() += 1;
        }
        for token in tokens(tests) {
            in_tests.entry(token).or_default().insert(of);
        }
    }
    let mut faults = Vec::new();
    for source in code() {
        let tokens = tokens(&source.code);
        for (k, _) in tokens.iter().enumerate().filter(|(_, token)| **token == "pub") {
            // Past `pub(crate)` and the like, and past `const fn`, `async fn`.
            let rest = tokens[k + 1..].iter().skip_while(|token| !KINDS.contains(token)).take(3);
            let near = tokens[k + 1..].iter().position(|token| KINDS.contains(token)).is_some_and(|n| n <= 4);
            let Some(name) = rest.copied().find(|token| !KINDS.contains(token) && *token != "mut").filter(|_| near)
            else {
                continue;
            };
            let elsewhere = in_tests.get(name).is_some_and(|of| of.iter().any(|of| !source.path.starts_with(of)));
            if uses.get(name).copied().unwrap_or(0) < 2 && !elsewhere {
                faults.push(format!("{}: {name}", source.path));
            }
        }
    }
    faults.dedup();
    complain("public, and used nowhere:", &faults);
}

/// The tokens outside `use` lines, and what these give another name.
fn not_imported<'a>(tokens: &[&'a str]) -> Vec<&'a str> {
    let (mut kept, mut importing) = (Vec::new(), false);
    for (k, token) in tokens.iter().enumerate() {
        importing = (importing || *token == "use") && *token != ";";
        if !importing || tokens.get(k + 1) == Some(&"as") {
            kept.push(*token);
        }
    }
    kept
}

const KINDS: [&str; 8] = ["fn", "struct", "enum", "trait", "const", "type", "static", "union"];
