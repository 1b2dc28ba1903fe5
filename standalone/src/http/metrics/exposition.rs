//! Prometheus' text format, version 0.0.4. Pure.

use std::fmt::{Display, Write as _};

/// What a family's values mean.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// Families of samples, as text.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

/// One family being written. Without samples it leaves no trace.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
    /// Written before the first sample.
    head: Option<String>,
}

impl Exposition {
    /// Begins a family.
    pub(super) fn family<'a>(&'a mut self, name: &'a str, kind: Kind, help: &str) -> Family<'a> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        Family {
            text: &mut self.0,
            name,
            head: Some(format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")),
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// Adds a sample; no two of a family may have the same labels.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let Self { text, name, head } = self;
        text.push_str(&head.take().unwrap_or_default());
        text.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            text.push(if place == 0 { '{' } else { ',' });
            text.push_str(label);
            text.push_str("=\"");
            value.chars().for_each(|character| escaped(text, character));
            text.push('"');
        }
        if !labels.is_empty() {
            text.push('}');
        }
        writeln!(text, " {value}").expect("a String takes everything");
    }
}

/// The three characters that would end a value or its line.
fn escaped(text: &mut String, character: char) {
    match character {
        '\\' => text.push_str("\\\\"),
        '"' => text.push_str("\\\""),
        '\n' => text.push_str("\\n"),
        plain => text.push(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_its_head_once_and_only_with_samples() {
        let mut text = Exposition::default();
        text.family("unused", Kind::Gauge, "Nothing.");
        let mut family = text.family("a_total", Kind::Counter, "Bytes.");
        family.sample(&[("x", "1"), ("y", "2")], 3);
        family.sample(&[], 0.5);
        let expected = "# HELP a_total Bytes.\n# TYPE a_total counter\n\
                        a_total{x=\"1\",y=\"2\"} 3\na_total 0.5\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn a_value_cannot_leave_its_quotes_or_its_line() {
        let mut text = Exposition::default();
        let hostile = "\"} 9\nfake 1\\";
        text.family("a", Kind::Gauge, "A.")
            .sample(&[("x", hostile)], 1);
        let line = text.finish().lines().last().unwrap().to_owned();
        assert_eq!(line, r#"a{x="\"} 9\nfake 1\\"} 1"#);
    }
}
