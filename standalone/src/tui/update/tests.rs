use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::tui::model::amount::Bytes;
use crate::tui::model::chart::Span;
use crate::tui::model::settings::{
    Grouping, Identity, PeerSort, ProcessSort, Protocols, RemoteSort,
};
use crate::tui::testing::{batch, process, tcp, udp};

/// Presses keys: each character is itself, except these names.
fn press(model: &mut Model, keys: &str) {
    for word in keys.split(' ') {
        let code = match word {
            "Enter" => KeyCode::Enter,
            "Esc" => KeyCode::Esc,
            "Up" => KeyCode::Up,
            "Down" => KeyCode::Down,
            "Left" => KeyCode::Left,
            "Right" => KeyCode::Right,
            "End" => KeyCode::End,
            "Home" => KeyCode::Home,
            "Space" => KeyCode::Char(' '),
            "Tab" => KeyCode::Tab,
            "BackTab" => KeyCode::BackTab,
            "Backspace" => KeyCode::Backspace,
            _ => {
                for character in word.chars() {
                    key(model, KeyCode::Char(character), KeyModifiers::NONE);
                }
                continue;
            }
        };
        key(model, code, KeyModifiers::NONE);
    }
}

fn key(model: &mut Model, code: KeyCode, modifiers: KeyModifiers) {
    update(model, Message::Key(KeyEvent::new(code, modifiers)));
}

fn usage(model: &mut Model, second: i64, usage: Vec<nettally_source::Usage>) {
    let batch = Arc::new(batch(second, usage));
    update(model, Message::Usage(Delivery { batch, windows: 1 }));
}

/// Three processes; the busiest is `aa`.
fn model() -> Model {
    let mut model = Model::new(Size {
        width: 80,
        height: 24,
    });
    let moved = [("aa", 1, 300), ("bb", 2, 200), ("cc", 3, 100)];
    let rows = moved.map(|(name, pid, sent)| tcp(&process(pid, name), "192.0.2.1:443", sent, 0));
    usage(&mut model, 0, rows.to_vec());
    model
}

fn selected(model: &Model) -> Option<String> {
    let rows = model.process_table().rows;
    let keys: Vec<_> = rows.iter().map(|row| row.key.clone()).collect();
    let place = model.process_cursor.place(&keys)?;
    Some(rows[place].name.clone())
}

#[test]
fn keys_change_the_settings_as_the_table_says() {
    type Check = fn(&Model) -> bool;
    let cases: [(&str, Check); 33] = [
        ("t", |m| m.settings.protocols == Protocols::Tcp),
        ("u", |m| m.settings.protocols == Protocols::Udp),
        ("u a", |m| m.settings.protocols == Protocols::All),
        ("o", |m| m.settings.protocols == Protocols::Others),
        ("p", |m| m.settings.protocols == Protocols::Packet),
        ("c", |m| m.settings.measure == Measure::Total),
        ("c c", |m| m.settings.measure == Measure::Rate),
        ("g", |m| m.settings.grouping == Grouping::App),
        ("g g", |m| m.settings.grouping == Grouping::Name),
        ("g g g", |m| m.settings.grouping == Grouping::Pid),
        ("i", |m| m.settings.identity == Identity::Brief),
        ("Enter i", |m| m.settings.identity == Identity::Whole),
        ("Enter i i", |m| m.settings.identity == Identity::Brief),
        ("Right", |m| {
            m.settings.process_order.column == ProcessSort::Remotes
        }),
        ("Left", |m| {
            m.settings.process_order.column == ProcessSort::Received
        }),
        ("r", |m| m.settings.process_order.reversed),
        ("?", |m| m.help),
        ("? x ?", |m| m.help),
        ("h", |m| m.tab == Tab::Health),
        ("h h", |m| m.tab == Tab::Processes),
        ("2", |m| m.tab == Tab::Remotes),
        ("3", |m| m.tab == Tab::Process && m.chosen.is_some()),
        ("4", |m| m.tab == Tab::Chart),
        ("5", |m| m.tab == Tab::Health),
        ("5 1", |m| m.tab == Tab::Processes),
        ("Tab", |m| m.tab == Tab::Remotes),
        ("Tab Tab Tab Tab Tab", |m| m.tab == Tab::Processes),
        ("BackTab", |m| m.tab == Tab::Health),
        ("4 z", |m| m.settings.span == Span::TenMinutes),
        ("4 z z z", |m| m.settings.span == Span::Minute),
        ("2 Left", |m| {
            m.settings.peer_order.column == PeerSort::Received
        }),
        ("4 Esc", |m| m.tab == Tab::Processes),
        ("q", |m| m.quit),
    ];
    for (keys, holds) in cases {
        let mut model = model();
        press(&mut model, keys);
        assert!(holds(&model), "{keys}");
    }
}

#[test]
fn control_c_quits_wherever_we_are() {
    for keys in ["a", "?", "h", "Enter", "/"] {
        let mut model = model();
        press(&mut model, keys);
        key(&mut model, KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert!(model.quit, "{keys}");
    }
}

#[test]
fn the_cursor_follows_its_process_and_the_top_follows_nobody() {
    let mut model = model();
    assert_eq!(selected(&model).as_deref(), Some("aa"));
    press(&mut model, "Down");
    assert_eq!(selected(&model).as_deref(), Some("bb"));
    let cc = tcp(&process(3, "cc"), "192.0.2.1:443", 900, 0);
    let bb = tcp(&process(2, "bb"), "192.0.2.1:443", 1, 0);
    usage(&mut model, 1, vec![cc, bb]);
    assert_eq!(selected(&model).as_deref(), Some("bb"));
    press(&mut model, "Home");
    assert_eq!(selected(&model).as_deref(), Some("cc"));
    press(&mut model, "End Down Down");
    assert_eq!(selected(&model).as_deref(), Some("aa"));
}

#[test]
fn the_cursor_stays_in_place_when_its_process_leaves() {
    let mut model = model();
    press(&mut model, "Down");
    press(&mut model, "/ aa Enter");
    assert_eq!(selected(&model).as_deref(), Some("aa"));
    press(&mut model, "Esc");
    assert_eq!(selected(&model).as_deref(), Some("bb"));
}

#[test]
fn a_filter_is_typed_kept_undone_and_cleared() {
    let cases = [
        ("/ fire", "fire", true),
        ("/ fire Enter", "fire", false),
        ("/ qu Backspace a Enter", "qa", false),
        ("/ fire Enter / fox Esc", "fire", false),
        ("/ fire Enter Esc", "", false),
    ];
    for (keys, filter, typing) in cases {
        let mut model = model();
        press(&mut model, keys);
        assert_eq!(
            (model.settings.filter.text(), model.typing.is_some()),
            (filter, typing),
            "{keys}"
        );
        assert!(!model.quit, "{keys}");
    }
}

#[test]
fn enter_opens_the_remotes_and_esc_comes_back_to_the_same_row() {
    let mut model = model();
    press(&mut model, "Down Enter");
    assert_eq!(model.tab, Tab::Process);
    let Chosen { of, title } = model.chosen.as_ref().unwrap();
    assert_eq!(title, "bb (2)");
    assert_eq!(model.remote_table(of).total.total.sent, 200);
    press(&mut model, "Left");
    assert_eq!(model.settings.remote_order.column, RemoteSort::Received);
    assert_eq!(model.settings.process_order.column, ProcessSort::Traffic);
    press(&mut model, "Esc");
    assert_eq!(model.tab, Tab::Processes);
    assert_eq!(selected(&model).as_deref(), Some("bb"));
}

#[test]
fn enter_on_a_remote_shows_who_talks_to_it() {
    let mut model = model();
    let other = tcp(&process(9, "other"), "198.51.100.1:22", 900, 0);
    usage(&mut model, 1, vec![other]);
    press(&mut model, "2 Enter");
    assert_eq!(model.tab, Tab::Processes);
    let filter = "remote_ip=198.51.100.1 and remote_port=22 and protocol=tcp";
    assert_eq!(model.settings.filter.text(), filter);
    assert_eq!(model.settings.filter.complaint(), None);
    let rows = model.process_table().rows;
    assert_eq!((rows.len(), &*rows[0].name), (1, "other"));
    press(&mut model, "Esc");
    assert_eq!(model.process_table().rows.len(), 4);
}

#[test]
fn a_pause_holds_the_picture_and_loses_nothing() {
    let mut model = model();
    press(&mut model, "Space");
    let dd = udp(&process(4, "dd"), "192.0.2.1:53", 50, 7);
    usage(&mut model, 1, vec![dd]);
    assert_eq!(model.process_table().total.total.both(), 600);
    assert_eq!(model.process_table().rows.len(), 3);
    press(&mut model, "Space");
    let expected = Bytes {
        sent: 650,
        received: 7,
    };
    assert_eq!(model.process_table().total.total, expected);
}

#[test]
fn releasing_a_key_does_nothing() {
    let mut model = model();
    let mut event = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
    event.kind = KeyEventKind::Release;
    update(&mut model, Message::Key(event));
    assert!(!model.quit);
}

#[test]
fn no_key_does_harm_on_an_empty_screen() {
    let mut model = Model::new(Size {
        width: 0,
        height: 0,
    });
    press(
        &mut model,
        "Down Up End Home Enter Enter g r Left Right Space h Esc t",
    );
    assert!(!model.quit);
}
