//! `report --png`: pictures with the feature `png`, without it a message that says how to get it.

use crate::outside::{engine, run};
use std::{fs, path::Path};

/// A run of the repository, without its pictures.
fn recorded(dir: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("perf/runs/2026-11-23-two-shared-cores-throughput-compact64");
    for name in ["run.toml", "host.toml"] {
        fs::copy(from.join(name), dir.join(name)).unwrap();
    }
}

#[test]
fn a_report_draws_png_or_names_the_feature() {
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path());
    let page = dir.path().join("page.html");
    let arguments = ["report", dir.path().to_str().unwrap(), "--png", "--html", page.to_str().unwrap()];
    let ended = run(&mut engine(arguments));
    let picture = fs::read(dir.path().join("rates.png"));
    assert!(fs::read_to_string(page).unwrap().contains("<svg"), "the page needs no feature: {}", ended.told());
    let needs_font = cfg!(feature = "png") && ended.stderr.contains("PNG needs one of the fonts");
    if cfg!(feature = "png") && !needs_font {
        ended.good();
        drawn(&picture.unwrap());
    } else {
        let words = ["feature `png`", "cargo install --locked --path . --features png"];
        ended.refused(1, if needs_font { &["apt-get install fonts-"] } else { &words });
        assert!(picture.is_err());
    }
}

/// The picture has the size of its header and several colours, so it is not empty.
#[cfg(feature = "png")]
fn drawn(bytes: &[u8]) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut colours = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut colours).unwrap();
    assert!(info.width > 1_000 && info.height > 100, "{info:?}");
    let different: std::collections::BTreeSet<&[u8]> = colours.chunks_exact(3).collect();
    assert!(different.len() > 10, "{} colours", different.len());
}

#[cfg(not(feature = "png"))]
fn drawn(_: &[u8]) {
    unreachable!("this program draws none");
}
