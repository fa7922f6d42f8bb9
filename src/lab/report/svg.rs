//! Writes a few shapes as SVG. Colours are CSS classes, so that a page can define its own.

use std::fmt::Write as _;

/// Where a text is anchored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextAnchor {
    /// Its start.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

impl TextAnchor {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// Colours of a stand-alone picture: those of the page in light mode.
const STYLE: &str = "text{font-family:system-ui,'Segoe UI','DejaVu Sans',sans-serif;font-size:13px;fill:#334155}\
.title{font-size:19px;font-weight:600;fill:#0f172a}.sub{fill:#64748b}.tick{font-size:12px;fill:#64748b}\
.label{font-weight:600}.surface{fill:#ffffff}.grid{stroke:#e2e8f0;stroke-width:1}.axis{stroke:#94a3b8;stroke-width:1}\
.line{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}.thin{stroke-width:1.3}.w0{stroke-width:5.6}.w1{stroke-width:3.4}.w2{stroke-width:1.4}\
.dash{stroke-dasharray:5 4;stroke-width:1.4;fill:none}.band{opacity:.22;stroke:none}\
.s0{stroke:#2563eb}.f0{fill:#2563eb}.s1{stroke:#d97706}.f1{fill:#d97706}.s2{stroke:#0d9488}.f2{fill:#0d9488}\
.s3{stroke:#64748b}.f3{fill:#64748b}.s4{stroke:#c026d3}.f4{fill:#c026d3}.s5{stroke:#dc2626}.f5{fill:#dc2626}\
.r0{stroke:#93c5fd}.r1{stroke:#60a5fa}.r2{stroke:#3b82f6}.r3{stroke:#1d4ed8}.r4{stroke:#7c3aed}.r5{stroke:#c026d3}.r6{stroke:#e11d48}.r7{stroke:#7f1d1d}";

/// A picture under construction.
#[derive(Debug)]
pub struct Svg {
    width: f64,
    height: f64,
    body: String,
}

impl Svg {
    /// An empty picture of this width and height, pixels.
    pub fn new(width: f64, height: f64) -> Self {
        let mut svg = Self { width, height, body: String::with_capacity(1 << 14) };
        svg.rect("surface", 0.0, 0.0, width, height);
        svg
    }

    /// A line between two points.
    pub fn line(&mut self, class: &str, x1: f64, y1: f64, x2: f64, y2: f64) {
        // Writing to a string does not fail, here and below.
        let _ = write!(self.body, r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#);
    }

    /// A line through points.
    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        let _ = write!(self.body, r#"<polyline class="{class}" points=""#);
        for (x, y) in points {
            let _ = write!(self.body, "{x:.1},{y:.1} ");
        }
        self.body.push_str("\"/>");
    }

    /// A rectangle.
    pub fn rect(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        let _ = write!(
            self.body,
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        );
    }

    /// A dot.
    pub fn dot(&mut self, class: &str, x: f64, y: f64, radius: f64) {
        let _ = write!(self.body, r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="{radius:.1}"/>"#);
    }

    /// A text.
    pub fn text(&mut self, class: &str, x: f64, y: f64, anchor: TextAnchor, text: &str) {
        let anchor = anchor.name();
        let _ = write!(self.body, r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">"#);
        self.body.push_str(&escape(text));
        self.body.push_str("</text>");
    }

    /// The SVG text, with its own colours or with those of the page around it.
    pub fn finish(self, own_colours: bool) -> String {
        let Self { width, height, body } = self;
        let style = if own_colours { format!("<style>{STYLE}</style>") } else { String::new() };
        let size = if own_colours { format!(r#" width="{width}" height="{height}""#) } else { String::new() };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\"{size} role=\"img\">{style}{body}</svg>\n"
        )
    }
}

/// Escapes text for XML and HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
