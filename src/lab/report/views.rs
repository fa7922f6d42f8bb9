//! The summary and pictures of a run, made from its logs. Written with the run, and again after the drawing code has
//! changed.

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
/// The intervals cannot be added up, or a file cannot be written.
pub fn write_views(dir: &Path, run: &Run) -> Result<()> {
    let drawn = pictures(run, Theme::File)?;
    write_text(dir, "summary.md", &summary_markdown(run))?;
    drawn.iter().try_for_each(|picture| write_picture(dir, picture))
}

/// Writes a picture as SVG, and as PNG if this build can.
///
/// # Errors
/// A file cannot be written, or an existing PNG would become outdated because this build cannot make a new one.
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

/// Writes a file into the folder of a run.
///
/// # Errors
/// The file cannot be written.
pub fn write_text(dir: &Path, name: &str, text: &str) -> Result<()> {
    let file = dir.join(name);
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}
