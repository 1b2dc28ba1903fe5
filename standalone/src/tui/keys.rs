//! The key table: what every key does. The footer and the help screen are made from it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::Tab;
use super::model::settings::Protocols;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Move(Step),
    Open,
    Identity,
    Back,
    Sort(Turn),
    Filter,
    Only(Protocols),
    Pause,
    Measure,
    Group,
    Span,
    Show(Tab),
    Beside(Side),
    Help,
    Quit,
}

/// Where the cursor goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

/// Which way around the tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Next,
    Previous,
}

/// How the order changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Left,
    Right,
    Reverse,
}

/// One action and the keys that ask for it.
pub(crate) struct Binding {
    pub(crate) action: Action,
    /// The keys, as the terminal reports them.
    pub(crate) keys: &'static [Key],
    /// The keys, as people write them; the first of them is for the footer.
    pub(crate) shown: &'static str,
    /// A word for the footer; empty if it has no place there.
    pub(crate) footer: &'static str,
    /// A few words for the help screen.
    pub(crate) help: &'static str,
}

/// A key with or without Control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    code: KeyCode,
    control: bool,
}

const fn key(code: KeyCode) -> Key {
    Key {
        code,
        control: false,
    }
}

const fn char(character: char) -> Key {
    key(KeyCode::Char(character))
}

const fn control(character: char) -> Key {
    Key {
        code: KeyCode::Char(character),
        control: true,
    }
}

/// Footer order is table order; a narrow footer drops words from the end but keeps help and quit.
pub(crate) const BINDINGS: &[Binding] = &[
    Binding {
        action: Action::Beside(Side::Next),
        keys: &[key(KeyCode::Tab)],
        shown: "Tab",
        footer: "",
        help: "next tab",
    },
    Binding {
        action: Action::Beside(Side::Previous),
        keys: &[key(KeyCode::BackTab)],
        shown: "S-Tab",
        footer: "",
        help: "previous tab",
    },
    Binding {
        action: Action::Show(Tab::Processes),
        keys: &[char('1')],
        shown: "1",
        footer: "",
        help: "processes",
    },
    Binding {
        action: Action::Show(Tab::Remotes),
        keys: &[char('2')],
        shown: "2",
        footer: "",
        help: "all remotes",
    },
    Binding {
        action: Action::Show(Tab::Process),
        keys: &[char('3')],
        shown: "3",
        footer: "",
        help: "the selected process",
    },
    Binding {
        action: Action::Show(Tab::Chart),
        keys: &[char('4')],
        shown: "4",
        footer: "",
        help: "rates over time",
    },
    Binding {
        action: Action::Show(Tab::Health),
        keys: &[char('5'), char('h')],
        shown: "5 h",
        footer: "",
        help: "health and losses",
    },
    Binding {
        action: Action::Open,
        keys: &[key(KeyCode::Enter)],
        shown: "Enter",
        footer: "details",
        help: "open; who talks to it",
    },
    Binding {
        action: Action::Identity,
        keys: &[char('i')],
        shown: "i",
        footer: "identity",
        help: "all of who it is",
    },
    Binding {
        action: Action::Back,
        keys: &[key(KeyCode::Esc)],
        shown: "Esc",
        footer: "back",
        help: "back, clear filter",
    },
    Binding {
        action: Action::Filter,
        keys: &[char('/')],
        shown: "/",
        footer: "filter",
        help: "filter, see below",
    },
    Binding {
        action: Action::Sort(Turn::Right),
        keys: &[key(KeyCode::Right), char('s')],
        shown: "→ s",
        footer: "sort",
        help: "sort by next column",
    },
    Binding {
        action: Action::Sort(Turn::Left),
        keys: &[key(KeyCode::Left), char('S')],
        shown: "← S",
        footer: "",
        help: "sort by previous",
    },
    Binding {
        action: Action::Sort(Turn::Reverse),
        keys: &[char('r')],
        shown: "r",
        footer: "",
        help: "reverse the order",
    },
    Binding {
        action: Action::Measure,
        keys: &[char('c')],
        shown: "c",
        footer: "totals",
        help: "rates or totals",
    },
    Binding {
        action: Action::Group,
        keys: &[char('g')],
        shown: "g",
        footer: "group",
        help: "by PID, app or name",
    },
    Binding {
        action: Action::Pause,
        keys: &[char(' ')],
        shown: "Space",
        footer: "pause",
        help: "pause; counts go on",
    },
    Binding {
        action: Action::Only(Protocols::Tcp),
        keys: &[char('t')],
        shown: "t",
        footer: "tcp",
        help: "only TCP",
    },
    Binding {
        action: Action::Only(Protocols::Udp),
        keys: &[char('u')],
        shown: "u",
        footer: "udp",
        help: "only UDP",
    },
    Binding {
        action: Action::Only(Protocols::All),
        keys: &[char('a')],
        shown: "a",
        footer: "all",
        help: "all protocols",
    },
    Binding {
        action: Action::Only(Protocols::Others),
        keys: &[char('o')],
        shown: "o",
        footer: "others",
        help: "neither TCP nor UDP",
    },
    Binding {
        action: Action::Only(Protocols::Packet),
        keys: &[char('p')],
        shown: "p",
        footer: "packet",
        help: "only link-layer frames",
    },
    Binding {
        action: Action::Span,
        keys: &[char('z')],
        shown: "z",
        footer: "span",
        help: "span of the chart",
    },
    Binding {
        action: Action::Move(Step::Up),
        keys: &[key(KeyCode::Up), char('k')],
        shown: "↑ k",
        footer: "",
        help: "up",
    },
    Binding {
        action: Action::Move(Step::Down),
        keys: &[key(KeyCode::Down), char('j')],
        shown: "↓ j",
        footer: "",
        help: "down",
    },
    Binding {
        action: Action::Move(Step::PageUp),
        keys: &[key(KeyCode::PageUp)],
        shown: "PgUp",
        footer: "",
        help: "a page up",
    },
    Binding {
        action: Action::Move(Step::PageDown),
        keys: &[key(KeyCode::PageDown)],
        shown: "PgDn",
        footer: "",
        help: "a page down",
    },
    Binding {
        action: Action::Move(Step::First),
        keys: &[key(KeyCode::Home)],
        shown: "Home",
        footer: "",
        help: "to the top, stay",
    },
    Binding {
        action: Action::Move(Step::Last),
        keys: &[key(KeyCode::End), char('G')],
        shown: "End G",
        footer: "",
        help: "to the end",
    },
    Binding {
        action: Action::Help,
        keys: &[char('?'), key(KeyCode::F(1))],
        shown: "? F1",
        footer: "help",
        help: "this help",
    },
    Binding {
        action: Action::Quit,
        keys: &[char('q'), control('c')],
        shown: "q ^C",
        footer: "quit",
        help: "quit",
    },
];

/// What the key asks for.
pub(crate) fn action(event: KeyEvent) -> Option<Action> {
    let pressed = Key {
        code: event.code,
        control: event.modifiers.contains(KeyModifiers::CONTROL),
    };
    BINDINGS
        .iter()
        .find(|binding| binding.keys.contains(&pressed))
        .map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things() {
        let keys: Vec<Key> = BINDINGS.iter().flat_map(|b| b.keys).copied().collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key:?}");
        }
    }

    #[test]
    fn every_action_has_one_row_with_help() {
        for (index, binding) in BINDINGS.iter().enumerate() {
            let earlier = &BINDINGS[..index];
            assert!(earlier.iter().all(|other| other.action != binding.action));
            assert!(!binding.help.is_empty() && !binding.keys.is_empty());
        }
    }

    #[test]
    fn control_tells_keys_apart() {
        let press = |code, modifiers| action(KeyEvent::new(code, modifiers));
        let c = KeyCode::Char('c');
        assert_eq!(press(c, KeyModifiers::NONE), Some(Action::Measure));
        assert_eq!(press(c, KeyModifiers::CONTROL), Some(Action::Quit));
        assert_eq!(press(KeyCode::Char('q'), KeyModifiers::CONTROL), None);
    }
}
