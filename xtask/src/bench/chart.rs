//! Bar charts as SVG, without a library: a panel for each work, a bar for each server.
//!
//! The ground is left out and the text is grey, so that a chart can be read on light and on dark pages.

use std::fmt::Write;

const LABEL: usize = 130;
const BAR: usize = 420;
const VALUE: usize = 110;
const LINE: usize = 20;
const TITLE: usize = 34;
const TEXT: &str = "#7d8590";

/// The bars of one work, each drawn against the longest of them.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

/// A bar: whose it is, how long it is, and the text behind it.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) text: String,
}

/// The colour of each server, in every chart.
const COLOURS: [(&str, &str); 5] = [
    ("wharf", "#2f81f7"),
    ("nginx", "#3fa557"),
    ("distribution", "#db8f31"),
    ("docker-registry", "#a475d9"),
    ("zot", "#d9534f"),
];
const OTHER: &str = "#8b98a5";

/// A chart of panels, one below the other.
pub(crate) fn chart(title: &str, panels: &[Panel]) -> String {
    let heights = panels.iter().map(|panel| TITLE + LINE * panel.bars.len());
    let (width, height) = (LABEL + BAR + VALUE, 40 + heights.sum::<usize>() + 10);
    let title = escape(title);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\" \
         fill=\"{TEXT}\" role=\"img\" aria-label=\"{title}\">\n\
         <text x=\"8\" y=\"24\" font-size=\"15\" font-weight=\"bold\">{title}</text>\n"
    );
    let mut top = 40;
    for panel in panels {
        panel.draw(&mut svg, top);
        top += TITLE + LINE * panel.bars.len();
    }
    svg + "</svg>\n"
}

// === impl Panel ===

impl Panel {
    fn draw(&self, svg: &mut String, top: usize) {
        let longest = self.bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
        line(svg, 8, top + 22, "font-weight=\"bold\"", &self.title);
        for (number, bar) in self.bars.iter().enumerate() {
            let (y, length) = (top + TITLE + LINE * number, bar.value / longest * BAR as f64);
            line(svg, LABEL - 8, y + 11, "text-anchor=\"end\"", &bar.name);
            writeln!(
                svg,
                "<rect x=\"{LABEL}\" y=\"{y}\" width=\"{length:.1}\" height=\"14\" rx=\"2\" \
                 fill=\"{}\"/>",
                colour(&bar.name)
            )
            .expect("a string takes everything");
            line(svg, LABEL + length as usize + 6, y + 11, "", &bar.text);
        }
    }
}

fn line(svg: &mut String, x: usize, y: usize, style: &str, text: &str) {
    writeln!(svg, "<text x=\"{x}\" y=\"{y}\" {style}>{}</text>", escape(text))
        .expect("a string takes everything");
}

fn colour(server: &str) -> &'static str {
    COLOURS.iter().find(|(name, _)| *name == server).map_or(OTHER, |(_, colour)| colour)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, value: f64) -> Bar {
        Bar { name: name.into(), value, text: "x".into() }
    }

    #[test]
    fn the_longest_bar_of_a_panel_takes_all_the_room() {
        let bars = vec![bar("wharf", 1.0), bar("nginx", 2.0)];
        let panels = [Panel { title: "a < b".into(), bars }];
        let svg = chart("\"x\" & y", &panels);
        assert!(svg.contains("width=\"420.0\"") && svg.contains("width=\"210.0\""), "{svg}");
        assert!(svg.contains("a &lt; b") && svg.contains("&quot;x&quot; &amp; y"), "{svg}");
        assert!(svg.contains(colour("wharf")) && svg.contains(colour("nginx")));
    }

    #[test]
    fn a_panel_without_figures_can_be_drawn() {
        let svg = chart("none", &[Panel { title: "p".into(), bars: vec![bar("other", 0.0)] }]);
        assert!(!svg.contains("NaN") && svg.contains(OTHER) && svg.ends_with("</svg>\n"));
    }
}
