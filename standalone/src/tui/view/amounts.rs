//! The columns of numbers that all tables of remotes have.

use ratatui::style::Style;

use super::cell::{Side, bytes, fit, rate, share};
use super::theme::Theme;
use crate::tui::model::remotes::Part;
use crate::tui::model::settings::Measure;

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Sent(Measure),
    Received(Measure),
    Share,
}

impl Amount {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Sent(Measure::Rate) => "SENT/s",
            Self::Sent(Measure::Total) => "SENT",
            Self::Received(Measure::Rate) => "RECV/s",
            Self::Received(Measure::Total) => "RECV",
            Self::Share => "SHARE",
        }
    }

    pub(super) fn side(self) -> Side {
        match self {
            Self::Sent(_) | Self::Received(_) => Side::Right,
            Self::Share => Side::Left,
        }
    }
}

/// Its cell for `part` of `whole`. What sorts (`measure`) has the colour; the other pair is plain.
pub(super) fn amount(
    column: Amount,
    width: usize,
    part: &Part,
    whole: &Part,
    measure: Measure,
    theme: Theme,
) -> (String, Style) {
    let Part {
        count: _,
        rate: now,
        total,
    } = part;
    let (text, is_zero, of, style) = match column {
        Amount::Sent(of @ Measure::Rate) => (rate(now.sent), now.sent < 0.5, of, theme.sent()),
        Amount::Sent(of @ Measure::Total) => (bytes(total.sent), total.sent == 0, of, theme.sent()),
        Amount::Received(of @ Measure::Rate) => {
            (rate(now.received), now.received < 0.5, of, theme.received())
        }
        Amount::Received(of @ Measure::Total) => (
            bytes(total.received),
            total.received == 0,
            of,
            theme.received(),
        ),
        Amount::Share => {
            #[expect(clippy::cast_precision_loss, reason = "shown as a percentage")]
            let (part, whole) = match measure {
                Measure::Rate => (now.both(), whole.rate.both()),
                Measure::Total => (total.both() as f64, whole.total.both() as f64),
            };
            return (share(part, whole, width), theme.trend());
        }
    };
    let style = match (is_zero, of == measure) {
        (true, _) => theme.quiet(),
        (false, true) => style,
        (false, false) => Style::new(),
    };
    (fit(&text, width, Side::Right), style)
}
