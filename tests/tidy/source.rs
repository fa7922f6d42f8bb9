//! Rust files as the rules look at them: without comments, texts and test modules, and what each takes from the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A file of the crate.
#[derive(Debug)]
pub struct Source {
    /// Path from the root of the repository.
    pub path: String,
    /// As it is.
    pub text: String,
    /// Without comments, the contents of texts, and the test module at its end; line breaks stay.
    pub code: String,
    /// The test module at its end, in the same form.
    pub tests: String,
}

/// All Rust files below a folder, in the order of their paths.
pub fn files(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join(folder), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut code = strip(&text);
        let tests = code.split_off(code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len()));
        let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        Source { path, code, tests, text }
    };
    paths.into_iter().map(read).collect()
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, into);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            into.push(path);
        }
    }
}

/// The code without comments and without what stands between quotes.
pub fn strip(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < bytes.len() {
        let rest = &text[i..];
        if rest.starts_with("//") {
            i += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            i += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if let Some(hashes) = raw_text(rest) {
            let close = format!("\"{}", "#".repeat(hashes));
            let begin = hashes + 2;
            let length = rest[begin..].find(&close).map_or(rest.len() - begin, |end| end + close.len());
            keep_lines(&rest[..begin + length], &mut out);
            i += begin + length;
        } else if bytes[i] == b'"' {
            let mut end = i + 1;
            while end < bytes.len() && bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            keep_lines(&text[i..(end + 1).min(text.len())], &mut out);
            i = end + 1;
        } else if let Some(length) = character(bytes, i) {
            out.push_str("' '");
            i += length;
        } else {
            let next = rest.chars().next().unwrap();
            out.push(next);
            i += next.len_utf8();
        }
    }
    out
}

/// The number of hashes of the raw text that begins here.
fn raw_text(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// The length of the character literal that begins here; lifetimes are none.
fn character(bytes: &[u8], i: usize) -> Option<usize> {
    if bytes[i] != b'\'' {
        return None;
    }
    if bytes.get(i + 1) == Some(&b'\\') {
        return bytes[i + 3..].iter().position(|&b| b == b'\'').map(|end| end + 4);
    }
    let length = match bytes.get(i + 1)? {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    (bytes.get(i + 1 + length) == Some(&b'\'')).then_some(length + 2)
}

fn keep_lines(text: &str, out: &mut String) {
    out.push('"');
    out.extend(text.chars().filter(|&c| c == '\n'));
    out.push('"');
}

/// Every path that begins with `crate`, `super` or `self`, written out: `crate::a::{b, c::d}` is `crate a b` and
/// `crate a c d`.
pub fn paths(code: &str) -> Vec<Vec<String>> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    for (k, token) in tokens.iter().enumerate() {
        let begins = matches!(*token, "crate" | "super" | "self") && tokens.get(k + 1) == Some(&"::");
        if begins && (k == 0 || tokens[k - 1] != "::") {
            tree(&tokens, k, &[], &mut found);
        }
    }
    found
}

/// Names, `::` and single signs.
pub fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while !rest.is_empty() {
        let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = match name {
            0 if rest.starts_with("::") => 2,
            0 => rest.chars().next().unwrap().len_utf8(),
            _ => name,
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Reads one branch of a tree of paths from token `k` on; gives the token behind it.
fn tree(tokens: &[&str], mut k: usize, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(k) {
            Some(&"{") => {
                k += 1;
                while tokens.get(k).is_some_and(|token| *token != "}") {
                    k = tree(tokens, k, &path, found).max(k + 1);
                }
                return k + 1;
            }
            Some(name) if name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '*') => {
                path.push((*name).to_owned());
                k += 1;
            }
            _ => break,
        }
        if tokens.get(k) == Some(&"::") {
            k += 1;
        } else {
            break;
        }
    }
    if tokens.get(k) == Some(&"as") {
        k += 2;
    }
    if path.len() > before.len() {
        found.push(path);
    }
    k
}

/// The files of the crate by their module, and what each takes from which.
#[derive(Debug)]
pub struct Modules<'a> {
    of: BTreeMap<Vec<String>, &'a Source>,
}

impl<'a> Modules<'a> {
    pub fn new(sources: &'a [Source]) -> Self {
        let module = |source: &'a Source| {
            let path = source.path.strip_prefix("src/")?.strip_suffix(".rs")?;
            let mut names: Vec<String> = path.split('/').map(str::to_owned).collect();
            if matches!(names.last().map(String::as_str), Some("mod" | "lib")) {
                names.pop();
            }
            Some((names, source))
        };
        Self { of: sources.iter().filter_map(module).collect() }
    }

    /// The module of a path that is written in `from`.
    fn absolute(&self, from: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut at = match path.first()?.as_str() {
            "crate" => Vec::new(),
            _ => from.to_vec(),
        };
        for name in path.iter().take_while(|name| matches!(name.as_str(), "super" | "self" | "crate")) {
            if name == "super" {
                at.pop()?;
            }
        }
        at.extend(path.iter().skip_while(|name| matches!(name.as_str(), "super" | "self" | "crate")).cloned());
        Some(at)
    }

    /// The file that defines what an absolute path names, through the `pub use` lines of the modules on the way.
    fn definer(&self, path: &[String], depth: usize) -> Option<&'a Source> {
        let length = (0..=path.len()).rev().find(|&n| self.of.contains_key(&path[..n]))?;
        let source = self.of[&path[..length]];
        let Some(name) = path.get(length).filter(|_| depth < 8) else { return Some(source) };
        let tokens = tokens(&source.code);
        for (k, _) in tokens.iter().enumerate().filter(|(_, token)| **token == "use") {
            let mut found = Vec::new();
            tree(&tokens, k + 1, &[], &mut found);
            for handed in found.iter().filter(|handed| handed.last() == Some(name)) {
                let target = match handed[0].as_str() {
                    "crate" | "super" | "self" => self.absolute(&path[..length], handed)?,
                    _ => [&path[..length], handed].concat(),
                };
                let inner = self.of.contains_key(&target[..target.len() - 1]) && target.len() - 1 > 0;
                if inner && target != path {
                    return self.definer(&target, depth + 1);
                }
            }
        }
        Some(source)
    }

    /// By file: the files that it takes something from.
    pub fn arrows(&self) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
        let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (module, source) in &self.of {
            let to = arrows.entry(&source.path).or_default();
            let targets = paths(&source.code).into_iter().filter_map(|path| self.absolute(module, &path));
            to.extend(targets.filter_map(|path| self.definer(&path, 0)).map(|file| file.path.as_str()));
            to.remove(source.path.as_str());
        }
        arrows
    }
}
