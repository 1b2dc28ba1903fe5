//! The few colours, and what stands in for them where there are none.

use ratatui::style::{Color, Modifier, Style};

/// Whether the terminal may be given colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    Colour,
    /// As `NO_COLOR` asks: bold, dim and reversed say it all.
    Plain,
}

impl Theme {
    /// <https://no-color.org>: set and not empty means none.
    pub(crate) fn from_no_color(no_color: Option<&std::ffi::OsStr>) -> Self {
        match no_color {
            Some(value) if !value.is_empty() => Self::Plain,
            Some(_) | None => Self::Colour,
        }
    }

    fn tinted(self, colour: Color) -> Style {
        match self {
            Self::Colour => Style::new().fg(colour),
            Self::Plain => Style::new(),
        }
    }

    pub(crate) fn sent(self) -> Style {
        self.tinted(Color::Cyan)
    }

    pub(crate) fn received(self) -> Style {
        self.tinted(Color::Green)
    }

    pub(crate) fn trend(self) -> Style {
        self.tinted(Color::Blue)
    }

    pub(crate) fn good(self) -> Style {
        self.tinted(Color::Green)
    }

    pub(crate) fn warning(self) -> Style {
        self.tinted(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// Of less interest. Not every terminal shows dim; bright black nearly every one does.
    pub(crate) fn quiet(self) -> Style {
        match self {
            Self::Colour => Style::new().fg(Color::DarkGray),
            Self::Plain => Style::new().add_modifier(Modifier::DIM),
        }
    }

    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn heading(self) -> Style {
        self.quiet().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_no_color_with_a_value_counts() {
        let theme = |value: Option<&str>| Theme::from_no_color(value.map(AsRef::as_ref));
        assert_eq!(theme(None), Theme::Colour);
        assert_eq!(theme(Some("")), Theme::Colour);
        assert_eq!(theme(Some("1")), Theme::Plain);
    }
}
