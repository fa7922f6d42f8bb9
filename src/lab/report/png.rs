//! Pictures as PNG: the SVG rendered, with a font of the system.

/// Larger, so that it is sharp on any screen.
#[cfg(feature = "png")]
const SCALE: f32 = 1.25;

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
    encode(&pixels).ok()
}

/// As small as it gets, for runs are kept: the pictures cover all of their surface, so there is no transparency.
#[cfg(feature = "png")]
fn encode(pixels: &resvg::tiny_skia::Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    let colours: Vec<u8> =
        pixels.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
    encoder.write_header()?.write_image_data(&colours)?;
    Ok(bytes)
}

#[cfg(all(test, feature = "png"))]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_drawn_pixel_by_pixel() {
        let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="20" height="10" fill="#ff8000"/></svg>"##;
        // Without a font there is no picture.
        let Some(bytes) = png(svg) else { return };
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let mut colours = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut colours).unwrap();
        assert_eq!((info.width, info.height), (25, 13));
        assert_eq!(colours[..3], [0xff, 0x80, 0x00]);
    }
}

/// The picture as PNG; none in this build.
#[cfg(not(feature = "png"))]
#[must_use]
pub fn png(_svg: &str) -> Option<Vec<u8>> {
    None
}
