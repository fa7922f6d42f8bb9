//! Pictures as PNG: the SVG rendered, with a font of the system.

/// Larger, so that it is sharp on any screen.
#[cfg(feature = "png")]
const SCALE: f32 = 1.5;

/// The picture as PNG; none where the program was built without, or the system has no font to write with.
#[cfg(feature = "png")]
#[must_use]
pub fn png(svg: &str) -> Option<Vec<u8>> {
    use resvg::{tiny_skia, usvg};
    let mut options = usvg::Options::default();
    options.fontdb_mut().load_system_fonts();
    let family = ["DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial"]
        .into_iter()
        .find(|name| options.fontdb.faces().any(|face| face.families.iter().any(|family| family.0 == *name)))?;
    options.fontdb_mut().set_sans_serif_family(family);
    let tree = usvg::Tree::from_str(svg, &options).ok()?;
    let size = tree.size().to_int_size().scale_by(SCALE)?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height())?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().ok()
}

/// The picture as PNG; none in this build.
#[cfg(not(feature = "png"))]
#[must_use]
pub fn png(_svg: &str) -> Option<Vec<u8>> {
    None
}
