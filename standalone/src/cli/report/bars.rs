//! Bars behind rows: each row's share of the largest one.

use std::ffi::OsString;

/// Columns of a bar at its longest.
const LONGEST: usize = 24;

/// A bar shorter than this says nothing.
const SHORTEST: usize = 4;

/// How bars are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bars {
    /// Columns of the terminal.
    pub(super) columns: usize,
    /// What they are made of.
    pub(super) glyphs: Glyphs,
}

/// What a bar is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glyphs {
    /// Blocks, in steps of an eighth of a column.
    Blocks,
    /// `#`, for a terminal that shows no more than ASCII.
    Ascii,
}

impl Glyphs {
    /// As the locale allows: the first variable that is set and not empty decides.
    pub(super) fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty())
            .map(|value| value.to_string_lossy().to_lowercase());
        match locale {
            Some(locale) if locale.contains("utf-8") || locale.contains("utf8") => Self::Blocks,
            Some(_) | None => Self::Ascii,
        }
    }
}

impl Bars {
    /// The bar of a row beside a table that is `table_columns` wide; empty where there is no room.
    pub(super) fn bar(self, bytes: u64, largest: u64, table_columns: usize) -> String {
        let Self { columns, glyphs } = self;
        let room = columns.saturating_sub(table_columns + 2).min(LONGEST);
        if room < SHORTEST {
            return String::new();
        }
        let steps_in_column = match glyphs {
            Glyphs::Blocks => 8,
            Glyphs::Ascii => 1,
        };
        let steps =
            u128::from(bytes) * (room * steps_in_column) as u128 / u128::from(largest.max(1));
        let steps = usize::try_from(steps).expect("at most as many as the largest has");
        match glyphs {
            Glyphs::Ascii => "#".repeat(steps),
            Glyphs::Blocks => {
                const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
                "█".repeat(steps / 8) + PARTS[steps % 8]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_the_share_of_the_largest_in_the_room_there_is() {
        let bar = |columns, glyphs, bytes| Bars { columns, glyphs }.bar(bytes, 1000, 40);
        assert_eq!(bar(80, Glyphs::Blocks, 1000), "█".repeat(24));
        assert_eq!(bar(80, Glyphs::Blocks, 505), "████████████");
        assert_eq!(bar(80, Glyphs::Blocks, 510), "████████████▏");
        assert_eq!(bar(80, Glyphs::Blocks, 5), "");
        assert_eq!(bar(52, Glyphs::Blocks, 1000), "█".repeat(10));
        assert_eq!(bar(45, Glyphs::Blocks, 1000), "");
        assert_eq!(bar(80, Glyphs::Ascii, 510), "############");
        assert_eq!(bar(80, Glyphs::Ascii, 0), "");
        let whole = Bars {
            columns: 80,
            glyphs: Glyphs::Blocks,
        };
        assert_eq!(whole.bar(u64::MAX, u64::MAX, 0), "█".repeat(24));
        assert_eq!(whole.bar(0, 0, 0), "");
    }

    #[test]
    fn the_first_locale_that_says_something_decides() {
        let of = |variables: &[(&str, &str)]| {
            Glyphs::of(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            })
        };
        assert_eq!(of(&[("LANG", "de_DE.UTF-8")]), Glyphs::Blocks);
        assert_eq!(
            of(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]),
            Glyphs::Blocks
        );
        assert_eq!(
            of(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]),
            Glyphs::Ascii
        );
        assert_eq!(of(&[]), Glyphs::Ascii);
    }
}
