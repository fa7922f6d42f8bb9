//! Medians of one run side by side, read back from what Criterion has written.

#![allow(clippy::print_stdout)] // a bench prints its figures

use std::path::PathBuf;

/// Median of a benchmark in this run, ns an iteration; `None` where it was not measured.
fn median(group: &str, case: &str) -> Option<f64> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    // Criterion makes one folder of a parameter with a slash in it.
    let mut folders = case.splitn(2, '/').map(|part| part.replace('/', "_"));
    let (function, value) = (folders.next()?, folders.next()?);
    let file = target.join("criterion").join(group).join(function).join(value).join("new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    estimates.get("median")?.get("point_estimate")?.as_f64()
}

/// Whether this is a measurement; otherwise the benches run once as tests and there is nothing to compare.
pub fn measuring() -> bool {
    std::env::args().any(|arg| arg == "--bench") && !std::env::args().any(|arg| arg == "--test" || arg == "--list")
}

/// Prints how many times as long the first shape took as the second, in each of `cases`.
pub fn against(group: &str, cases: &[&str], [shape, other]: [&str; 2]) {
    let ratio = |case: &&str| {
        let ns = |shape: &str| median(group, &format!("{case}/{shape}"));
        Some(format!("  {case} {:.2}x", ns(shape)? / ns(other)?))
    };
    if measuring() {
        println!("\n{group}: {shape} against {other}\n{}", cases.iter().filter_map(ratio).collect::<String>());
    }
}

/// Prints ns an element of `cases` (the first is what they are set against) for each of `shapes` with its elements.
pub fn print(group: &str, cases: &[&str], shapes: &[(String, usize)]) {
    if !measuring() {
        return;
    }
    println!("\n{group}: median ns an element (times the first)");
    for (shape, elements) in shapes {
        let figure = |case: &str| median(group, &format!("{case}/{shape}")).map(|ns| ns / *elements as f64);
        let first = cases.first().and_then(|case| figure(case));
        let mut line = format!("  {shape:<14}");
        for case in cases {
            if let Some(ns) = figure(case) {
                let ratio = first.map_or(String::new(), |first| format!(" ({:.1}x)", ns / first));
                line += &format!("  {case} {ns:.1}{ratio}");
            }
        }
        println!("{line}");
    }
}
