//! How far something is, on standard error if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of bytes.
pub(super) fn bytes(total: u64, doing: &'static str) -> ProgressBar {
    bar(
        total,
        "{msg} [{wide_bar}] {bytes} of {total_bytes}, {eta} left",
        doing,
    )
}

/// A bar of rows; without a total, a count.
pub(super) fn rows(total: Option<u64>, doing: &'static str) -> ProgressBar {
    match total {
        Some(total) => bar(
            total,
            "{msg} [{wide_bar}] {human_pos} of {human_len} rows, {eta} left",
            doing,
        ),
        None => bar(0, "{msg} {human_pos} rows", doing),
    }
}

/// A bar of steps, whose message says which is being done.
pub(super) fn steps(total: u64) -> ProgressBar {
    let bar = bar(total, "[{wide_bar}] {pos} of {len}: {msg}", "");
    // A step may take long without telling how far it is.
    bar.enable_steady_tick(std::time::Duration::from_millis(500));
    bar
}

/// Characters that every terminal has, no colours.
fn bar(total: u64, template: &str, doing: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template(template)
        .expect("the templates above are tried by a test")
        .progress_chars("=> ");
    ProgressBar::new(total)
        .with_style(style)
        .with_message(doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_understood() {
        for bar in [
            bytes(10, "reading"),
            rows(Some(10), "writing"),
            rows(None, "writing"),
            steps(3),
        ] {
            bar.inc(1);
            bar.finish_and_clear();
        }
    }
}
