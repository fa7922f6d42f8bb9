//! Pictures as PNG: rendered from the SVG with a font of the system.

/// Scale factor, so that the picture is sharp on any screen.
#[cfg(feature = "png")]
const SCALE: f32 = 1.25;

const FONTS: [&str; 4] = ["DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial"];

/// Why a PNG cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The program was built without the feature `png`.
    #[error(
        "this program was built without the feature `png`, which draws PNG: install it with \
         `cargo install --locked --path . --features png`; SVG and --html need no feature"
    )]
    Feature,
    /// The system has none of the fonts that the pictures use.
    #[error("PNG needs one of the fonts {}: install one, for instance with `apt-get install fonts-dejavu-core`", FONTS.join(", "))]
    Font,
    /// The picture cannot be rendered: a fault of the program.
    #[error("the picture could not be drawn: {0}")]
    Draw(String),
}

/// The picture as PNG.
///
/// # Errors
/// [`PngError`].
#[cfg(feature = "png")]
pub fn draw_png(svg: &str) -> Result<Vec<u8>, PngError> {
    use resvg::{tiny_skia, usvg};
    let mut options = usvg::Options::default();
    options.fontdb_mut().load_system_fonts();
    let family = FONTS
        .into_iter()
        .find(|name| options.fontdb.faces().any(|face| face.families.iter().any(|family| family.0 == *name)))
        .ok_or(PngError::Font)?;
    options.fontdb_mut().set_sans_serif_family(family);
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| PngError::Draw(error.to_string()))?;
    let size = tree.size().to_int_size();
    let pixels = size.scale_by(SCALE).and_then(|size| tiny_skia::Pixmap::new(size.width(), size.height()));
    let mut pixels = pixels.ok_or_else(|| PngError::Draw(format!("{size:?} is no size")))?;
    // The last row may lie half outside the picture.
    pixels.fill(tiny_skia::Color::WHITE);
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    encode(&pixels).map_err(|error| PngError::Draw(error.to_string()))
}

/// Not supported by this build.
///
/// # Errors
/// [`PngError::Feature`].
#[cfg(not(feature = "png"))]
pub fn draw_png(_svg: &str) -> Result<Vec<u8>, PngError> {
    Err(PngError::Feature)
}

/// Compresses well, since runs are kept. Pictures cover their whole surface, so there is no alpha channel.
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
        // Without a font there is no picture to check.
        let Ok(bytes) = draw_png(svg) else { return };
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let mut colours = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut colours).unwrap();
        assert_eq!((info.width, info.height), (25, 13));
        assert_eq!(colours[..3], [0xff, 0x80, 0x00]);
    }
}
