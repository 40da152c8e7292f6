//! The Prometheus text format: heads, samples, escaped labels.
//! Owns how numbers are written for every room; never what they are.

use std::fmt::{Display, Write};

/// Metrics in text form, in the making. Names are given without their `tidegate_`.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// One number that goes up and down.
    pub fn gauge(&mut self, name: &str, about: &str, value: impl Display) {
        self.head(name, "gauge", about);
        self.sample(name, &[], value);
    }

    /// One number that only grows; `_total` is added to its name.
    pub fn counter(&mut self, name: &str, about: &str, value: impl Display) {
        self.labelled(name, about, &[], [(Vec::new(), value)]);
    }

    /// The same for each combination of label values.
    pub fn labelled(
        &mut self,
        name: &str,
        about: &str,
        labels: &[&str],
        counts: impl IntoIterator<Item = (Vec<String>, impl Display)>,
    ) {
        self.family(&format!("{name}_total"), "counter", about, labels, counts);
    }

    /// One number that goes up and down for each combination of label values.
    pub fn gauges(
        &mut self,
        name: &str,
        about: &str,
        labels: &[&str],
        values: impl IntoIterator<Item = (Vec<String>, impl Display)>,
    ) {
        self.family(name, "gauge", about, labels, values);
    }

    fn family(
        &mut self,
        name: &str,
        kind: &str,
        about: &str,
        labels: &[&str],
        samples: impl IntoIterator<Item = (Vec<String>, impl Display)>,
    ) {
        self.head(name, kind, about);
        for (values, sample) in samples {
            let pairs: Vec<(&str, &str)> =
                labels.iter().copied().zip(values.iter().map(String::as_str)).collect();
            self.sample(name, &pairs, sample);
        }
    }

    pub fn into_text(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, kind: &str, about: &str) {
        self.line(format_args!("# HELP tidegate_{name} {about}\n# TYPE tidegate_{name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let pairs: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
        self.line(format_args!("tidegate_{name}{labels} {value}"));
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{text}").expect("a String takes everything");
    }
}
