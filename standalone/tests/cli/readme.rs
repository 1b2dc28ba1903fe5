//! What the README says of protocols and losses is what the program knows.

use nettally_source::{LossReason, Protocol};

const README: &str = include_str!("../../../README.md");

/// The row of a table that begins with this word.
fn row(word: &str) -> &'static str {
    let begin = format!("| `{word}` |");
    README
        .lines()
        .find(|line| line.starts_with(&begin))
        .unwrap_or_else(|| panic!("no row for {word}"))
}

#[test]
fn every_protocol_has_a_row() {
    for protocol in Protocol::ALL {
        let is_outside = row(protocol.name()).contains("outside totals");
        assert_eq!(is_outside, !protocol.is_in_totals(), "{protocol}");
    }
}

#[test]
fn every_loss_is_in_the_row_of_its_class() {
    for reason in LossReason::ALL {
        let name = format!("`{reason}`");
        assert!(row(reason.class().name()).contains(&name), "{reason}");
    }
}
