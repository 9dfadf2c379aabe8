//! The text format of Prometheus, version 0.0.4.

use std::{borrow::Cow, fmt::Write};

use crate::Histogram;

/// A page of numbers that is being written.
#[derive(Debug, Default)]
pub struct Page(String);

/// Names and values of labels.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

// === impl Page ===

impl Page {
    /// Begins a family of samples: what it is called, its kind, and what it means.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// Writes one sample of the family that was begun last.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        self.labels(labels);
        self.write(format_args!(" {value}\n"));
    }

    /// Writes the samples of a histogram.
    pub fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in histogram.cumulated() {
            let bound = as_go(bound);
            let labels: Vec<_> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
            self.sample(&bucket, &labels, count as f64);
        }
        self.sample(&format!("{name}_sum"), labels, histogram.sum());
        self.sample(&format!("{name}_count"), labels, histogram.count() as f64);
    }

    /// The whole text.
    pub fn into_text(self) -> String {
        self.0
    }

    fn labels(&mut self, labels: Labels<'_>) {
        for (index, (name, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            self.write(format_args!("{before}{name}=\"{}\"", escaped(value)));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a string takes everything");
    }
}

/// A value that ends where it should; most are ours and have nothing to escape.
fn escaped(value: &str) -> Cow<'_, str> {
    match value.contains(['\\', '"', '\n']) {
        true => value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").into(),
        false => value.into(),
    }
}

/// A bound as Go writes it: series of the original go on under the same labels.
fn as_go(bound: f64) -> String {
    if bound.is_infinite() {
        return "+Inf".to_owned();
    }
    match format!("{bound:e}").split_once('e') {
        Some((digits, exponent)) if bound >= 1e6 => format!("{digits}e+{exponent:0>2}"),
        _ => bound.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_written_as_go_does() {
        let check = |bound, expected| assert_eq!(as_go(bound), expected);
        check(0.005, "0.005");
        check(60.0, "60");
        check(524_288.0, "524288");
        check(1_048_576.0, "1.048576e+06");
        check(2_147_483_648.0, "2.147483648e+09");
        check(f64::INFINITY, "+Inf");
    }

    #[test]
    fn no_value_breaks_out_of_its_label() {
        let mut page = Page::default();
        page.sample("a", &[("x", "b\\ \"c\"\nd")], 1.0);
        assert_eq!(page.into_text(), "a{x=\"b\\\\ \\\"c\\\"\\nd\"} 1\n");
    }

    #[test]
    fn it_is_what_prometheus_reads() {
        let mut page = Page::default();
        page.family("a_total", "counter", "What.");
        page.sample("a_total", &[], 3.0);
        page.sample("a_total", &[("x", "1"), ("y", "2")], 0.5);
        let histogram = Histogram::of_seconds(&[0.005, 60.0]);
        histogram.observe(0.25);
        page.histogram("b", &[("x", "1")], &histogram);
        assert_eq!(
            page.into_text(),
            "# HELP a_total What.\n# TYPE a_total counter\na_total 3\na_total{x=\"1\",y=\"2\"} 0.5\n\
             b_bucket{x=\"1\",le=\"0.005\"} 0\nb_bucket{x=\"1\",le=\"60\"} 1\n\
             b_bucket{x=\"1\",le=\"+Inf\"} 1\nb_sum{x=\"1\"} 0.25\nb_count{x=\"1\"} 1\n"
        );
    }
}
