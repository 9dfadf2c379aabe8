//! Bar charts as SVG, without a library.

use std::fmt::Write;

const LABEL: usize = 130;
const BAR: usize = 420;
const LINE: usize = 26;
const TOP: usize = 40;

/// A bar: its name, how long it is, and the text behind it.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) text: String,
    /// Drawn in the colour that is looked for.
    pub(crate) ours: bool,
}

/// Horizontal bars under a title, the longest as long as there is room.
pub(crate) fn bars(title: &str, bars: &[Bar]) -> String {
    let (width, height) = (LABEL + BAR + 130, TOP + LINE * bars.len() + 8);
    let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"8\" y=\"24\" font-size=\"15\" font-weight=\"bold\">{}</text>\n",
        escape(title)
    );
    for (number, bar) in bars.iter().enumerate() {
        let (y, length) = (TOP + LINE * number, bar.value / longest * BAR as f64);
        let colour = if bar.ours { "#1f6feb" } else { "#9aa4b2" };
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LABEL}\" y=\"{y}\" width=\"{length:.1}\" height=\"18\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text>",
            LABEL - 8,
            y + 14,
            escape(&bar.name),
            LABEL as f64 + length + 6.0,
            y + 14,
            escape(&bar.text),
        )
        .expect("a string takes everything");
    }
    svg + "</svg>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_takes_all_the_room() {
        let bar =
            |name: &str, value| Bar { name: name.into(), value, text: "x".into(), ours: false };
        let svg = bars("a < b", &[bar("one", 1.0), bar("two", 2.0)]);
        assert!(svg.contains("width=\"420.0\"") && svg.contains("width=\"210.0\""), "{svg}");
        assert!(svg.contains("a &lt; b") && svg.ends_with("</svg>\n"));
        assert!(!bars("none", &[]).contains("NaN"));
    }
}
