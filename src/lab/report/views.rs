//! What a run's folder shows of its logs: the summary and the pictures. Written with the run, and again where the program
//! has learnt to draw better.

use super::{
    pictures::{Picture, Theme, pictures},
    png::draw_png,
    run::Run,
    summary::summary_markdown,
};
use anyhow::{Context, Result};
use std::{fs, path::Path};

/// Writes `summary.md` and the pictures of a run into its folder.
///
/// # Errors
/// Intervals that cannot be added up, a file that cannot be written.
pub fn write_views(dir: &Path, run: &Run) -> Result<()> {
    let drawn = pictures(run, Theme::File)?;
    write_text(dir, "summary.md", &summary_markdown(run))?;
    drawn.iter().try_for_each(|picture| write_picture(dir, picture))
}

/// Writes a picture as SVG, and as PNG where this program can.
///
/// # Errors
/// A file that cannot be written; a PNG that is there and would be left showing something else.
pub fn write_picture(dir: &Path, picture: &Picture) -> Result<()> {
    let file = dir.join(format!("{}.png", picture.name));
    match draw_png(&picture.svg) {
        Ok(bytes) => fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?,
        Err(error) if file.exists() => {
            return Err(error).with_context(|| format!("{} cannot be drawn again", file.display()));
        }
        Err(_) => {}
    }
    write_text(dir, &format!("{}.svg", picture.name), &picture.svg)
}

/// Writes a file of a run's folder.
///
/// # Errors
/// A file that cannot be written.
pub fn write_text(dir: &Path, name: &str, text: &str) -> Result<()> {
    let file = dir.join(name);
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}
