use std::sync::Arc;

use nettally_source::{
    Attribution, Container, Degradation, HealthReport, LossCount, LossReason, Parent, Process,
    Runtime, Usage,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::*;
use crate::tui::feed::{Delivery, Link};
use crate::tui::model::amount::Bytes;
use crate::tui::model::chart::{Past, Span};
use crate::tui::model::settings::{Grouping, Identity, Measure, Protocols};
use crate::tui::model::sieve::Sieve;
use crate::tui::model::{Chosen, Origin, Size, Subject, Tab};
use crate::tui::testing::{batch, frames, health, icmp, process, tcp, udp};
use crate::tui::update::{Message, update};

const SIZES: [(u16, u16); 3] = [(80, 24), (60, 15), (140, 40)];

fn terminal(model: &Model, (width, height): (u16, u16), theme: Theme) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(model, frame, theme)).unwrap();
    terminal
}

/// The picture at each size, as text.
fn pictures(model: &Model) -> String {
    let picture = |size| terminal(model, size, Theme::Plain).backend().to_string();
    SIZES.map(picture).join("\n")
}

fn read(model: &mut Model, second: i64, usage: Vec<Usage>, windows: u64) {
    let batch = Arc::new(batch(second, usage));
    update(model, Message::Usage(Delivery { batch, windows }));
}

fn report(model: &mut Model, report: HealthReport) {
    update(model, Message::Health(Arc::new(report)));
}

fn empty() -> Model {
    let mut model = Model::new(Size {
        width: 80,
        height: 24,
    });
    report(&mut model, health());
    model
}

/// Opens the tab of one process.
fn choose(model: &mut Model, row: ProcessRow) {
    model.chosen = Some(Chosen {
        title: title_of(&row),
        of: row.key,
    });
    model.tab = Tab::Process;
}

/// As [`busy`], attached to a daemon that remembers an hour of `subject`.
fn attached(subject: Subject) -> Model {
    let mut model = busy();
    model.origin = Origin::Daemon;
    let end = model.ledger.span.unwrap().end;
    let points = (0..110_u32).map(|step| {
        let bytes = Bytes {
            sent: u64::from(step % 10) * 30_000,
            received: u64::from(step) * 1_000_000,
        };
        let before = jiff::SignedDuration::from_secs(i64::from(120 - step) * 30);
        (end - before, bytes)
    });
    let past = Past {
        step_secs: 30.0,
        points: points.collect(),
    };
    update(&mut model, Message::Past(subject, past));
    let daemon = serde_json::json!({
        "version": "0.1.0", "status": "ok", "uptime_secs": 4711,
        "sinks": [
            { "name": "history", "type": "sqlite", "queue": {
                "delivered_windows": 60, "waiting_windows": 1, "merged_windows": 0,
                "dropped_windows": 0 }, "losses": {} },
            { "name": "statsd", "type": "statsd", "queue": {
                "delivered_windows": 50, "waiting_windows": 9, "merged_windows": 0,
                "dropped_windows": 2 },
              "losses": { "sink_queue_full": { "events": 7, "sent_bytes": 1000,
                "received_bytes": 0, "meaning": "dropped before a sink" } } },
        ],
        "database": { "path": "/var/lib/nettally/nettally.db", "size_bytes": 1_234_567,
            "rows": 4321, "oldest": null, "flushed_until": "2026-09-21T14:14:15Z" },
    });
    let daemon = serde_json::from_value(daemon).unwrap();
    update(&mut model, Message::Daemon(Box::new(daemon)));
    model
}

/// One of which everything is known.
fn well_known(pid: u32) -> Arc<Process> {
    let parent = |pid, name: &str| Parent {
        pid,
        name: name.to_owned(),
    };
    let command_line = format!(
        "/usr/lib/firefox/firefox --new-window 'https://example.org/?q={}\u{202e}'",
        "long".repeat(40)
    );
    Arc::new(Process {
        app: "firefox".to_owned(),
        command_line: Some(command_line),
        gid: Some(1000),
        parents: vec![parent(2210, "gnome-shell"), parent(1, "systemd")],
        unit: Some("app-firefox.scope".to_owned()),
        container: Some(Container {
            runtime: Runtime::Docker,
            id: "3f2a9c1b7d55".to_owned() + &"0".repeat(52),
        }),
        pod: Some("0d1a3a8e-6a0f-4d8a-9d6a-1f0d8f0b3c11".to_owned()),
        package: Some("flatpak:org.mozilla.firefox".to_owned()),
        cgroup: Some("/user.slice/user-1000.slice/app.slice/app-firefox.scope".to_owned()),
        network_namespace: Some(4_026_531_840),
        tunnel: true,
        attribution: Attribution::Kernel,
        ..(*process(pid, "firefox")).clone()
    })
}

/// A minute on a small machine: names of all kinds, one that has ended, one that is ending.
fn busy() -> Model {
    let mut model = empty();
    let firefox = well_known(4711);
    let rsync = process(812, "rsync");
    let dns = process(53, "dnsmasq");
    let wide = process(9001, "漢字の名前です");
    let evil = process(666, "\u{1b}[31mred");
    let short = process(31, "curl");
    for second in 0..60_u64 {
        let mut usage = vec![
            tcp(
                &firefox,
                "203.0.113.7:443",
                900 * second,
                40_000 * (second % 20),
            ),
            udp(&firefox, "[2001:db8:85a3::8a2e:370:7334]:443", 500, 70_000),
            udp(&dns, "192.0.2.53:53", 60, 180 * (second % 7)),
        ];
        if second > 30 {
            usage.push(tcp(&rsync, "198.51.100.4:22", 12_000_000, 31_000));
        }
        if second == 3 {
            usage.push(tcp(&short, "192.0.2.80:80", 90, 1_200_000));
            usage.push(tcp(&evil, "192.0.2.66:6666", 666, 0));
        }
        if second == 58 {
            usage.push(tcp(&wide, "192.0.2.80:80", 4_000, 2_000));
        }
        read(&mut model, second.cast_signed(), usage, 1);
        let ended = match second {
            5 => vec![short.id],
            59 => vec![wide.id],
            _ => vec![],
        };
        update(&mut model, Message::Gone(ended));
    }
    model
}

#[test]
fn processes() {
    insta::assert_snapshot!(pictures(&busy()));
}

#[test]
fn totals_by_name() {
    let mut model = busy();
    model.settings.measure = Measure::Total;
    model.settings.grouping = Grouping::Name;
    read(
        &mut model,
        60,
        vec![tcp(&process(813, "rsync"), "198.51.100.5:22", 1, 2)],
        4,
    );
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn apps_have_one_row_and_say_of_how_many_processes() {
    let mut model = busy();
    model.settings.grouping = Grouping::App;
    let content = Process {
        name: "Web Content".to_owned(),
        command_line: Some("firefox -contentproc".to_owned()),
        ..(*well_known(4712)).clone()
    };
    let usage = vec![tcp(&Arc::new(content), "203.0.113.7:443", 1, 2)];
    read(&mut model, 60, usage, 1);
    let table = terminal(&model, SIZES[0], Theme::Plain);
    let row = model.process_table().rows.swap_remove(0);
    assert_eq!((&*row.name, row.pids.len()), ("firefox", 2));
    choose(&mut model, row);
    insta::assert_snapshot!(format!("{}\n{}", table.backend(), pictures(&model)));
}

#[test]
fn filter_being_typed() {
    let mut model = busy();
    model.settings.filter = Sieve::of("fire");
    model.typing = Some(Sieve::default());
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn filter_without_a_match() {
    let mut model = busy();
    model.settings.filter = Sieve::of("nobody");
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn help() {
    let mut model = busy();
    model.help = true;
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn remotes() {
    let mut model = busy();
    let row = model.process_table().rows.swap_remove(1);
    choose(&mut model, row);
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn all_of_who_it_is() {
    let mut model = busy();
    let row = model.process_table().rows.swap_remove(1);
    choose(&mut model, row);
    model.settings.identity = Identity::Whole;
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn all_remotes() {
    let mut model = busy();
    model.tab = Tab::Remotes;
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn an_expression_counts_only_the_flows_it_is_true_of() {
    let mut model = busy();
    model.settings.filter = Sieve::of("remote_port=443 and not process~evil");
    let processes = pictures(&model);
    model.tab = Tab::Remotes;
    insta::assert_snapshot!(format!("{processes}\n{}", pictures(&model)));
}

#[test]
fn an_expression_that_cannot_be_read_says_why() {
    let mut model = busy();
    model.settings.filter = Sieve::of("protocol=tpc");
    model.typing = Some(Sieve::default());
    let picture = terminal(&model, (80, 24), Theme::Plain)
        .backend()
        .to_string();
    assert!(picture.contains("unknown protocol"), "{picture}");
    assert!(picture.contains("rsync"), "{picture}");
}

#[test]
fn a_process_with_its_past() {
    let mut model = attached(Subject::Everybody);
    let row = model.process_table().rows.swap_remove(1);
    let subject = Subject::Row(row.key.clone());
    let (_, past) = model.past.take().unwrap();
    choose(&mut model, row);
    update(&mut model, Message::Past(subject, past));
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn no_process_is_chosen() {
    let mut model = empty();
    model.tab = Tab::Process;
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn chart_of_the_last_minute() {
    let mut model = busy();
    model.tab = Tab::Chart;
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn chart_of_the_last_hour_with_a_daemon() {
    let mut model = attached(Subject::Everybody);
    model.tab = Tab::Chart;
    model.settings.span = Span::Hour;
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn health_of_a_daemon() {
    let mut model = attached(Subject::Everybody);
    model.tab = Tab::Health;
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn no_traffic_yet() {
    let mut model = empty();
    read(&mut model, 0, vec![], 1);
    insta::assert_snapshot!(pictures(&model));
}

/// Two things not seen, bytes lost, and a late screen.
fn degraded() -> Model {
    let mut model = busy();
    let mut unwell = health();
    for (code, summary) in [
        ("ktls_splice", "kTLS splice-in is not seen by tracepoints"),
        (
            "cgroup_hooks_missing",
            "remotes of unconnected UDP are unresolved",
        ),
    ] {
        unwell.degradations.push(Degradation {
            code: code.to_owned(),
            summary: summary.to_owned(),
            remedy: "use a kernel that lets fexit programs load".to_owned(),
        });
    }
    unwell.losses.add(
        LossReason::FlowsFull,
        LossCount {
            events: 12,
            sent_bytes: 3_400,
            received_bytes: 0,
        },
    );
    report(&mut model, unwell);
    model.ledger.merged_windows = 3;
    model
}

#[test]
fn degradations_and_losses() {
    insta::assert_snapshot!(pictures(&degraded()));
}

#[test]
fn frames_are_a_line_below_the_total() {
    let mut model = empty();
    let (ping, sniffer) = (process(21, "ping"), process(22, "tcpdump"));
    let usage = vec![
        icmp(&ping, "192.0.2.1:0", 64, 60),
        frames(&ping, 1, 1),
        frames(&sniffer, 0, 5000),
    ];
    read(&mut model, 0, usage, 1);
    let screen = |model: &Model| {
        terminal(model, SIZES[1], Theme::Plain)
            .backend()
            .to_string()
    };
    let all = screen(&model);
    model.settings.protocols = Protocols::Packet;
    insta::assert_snapshot!(format!("{all}\n{}", screen(&model)));
}

#[test]
fn health_screen() {
    let mut model = degraded();
    model.tab = Tab::Health;
    insta::assert_snapshot!(pictures(&model));
}

#[test]
fn problems_are_never_cut_off_the_state_line() {
    for width in [40, 60, 80, 200] {
        let picture = terminal(&degraded(), (width, 15), Theme::Plain)
            .backend()
            .to_string();
        assert!(picture.contains("2 degraded"), "{picture}");
    }
}

#[test]
fn a_collector_that_fell_silent_is_shown() {
    let mut model = busy();
    update(
        &mut model,
        Message::Silent(Some(std::time::Duration::from_secs(9))),
    );
    assert!(pictures(&model).contains("no numbers for 9 s"));
}

#[test]
fn without_colours_nothing_has_a_colour() {
    for (theme, expected) in [(Theme::Plain, false), (Theme::Colour, true)] {
        let terminal = terminal(&degraded(), (80, 24), theme);
        let cells = &terminal.backend().buffer().content;
        let coloured = cells
            .iter()
            .any(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset));
        assert_eq!(coloured, expected, "{theme:?}");
    }
}

#[test]
fn a_problem_is_yellow_and_health_is_not() {
    for (model, expected) in [(degraded(), Color::Yellow), (busy(), Color::Green)] {
        let terminal = terminal(&model, (80, 24), Theme::Colour);
        assert_eq!(terminal.backend().buffer()[(0, 3)].fg, expected);
    }
}

#[test]
fn every_size_can_be_drawn() {
    let mut models = [
        empty(),
        busy(),
        degraded(),
        degraded(),
        busy(),
        attached(Subject::Everybody),
        busy(),
    ];
    models[5].tab = Tab::Chart;
    models[6].tab = Tab::Remotes;
    models[3].tab = Tab::Health;
    models[4].help = true;
    let row = models[1].process_table().rows.swap_remove(0);
    let mut remotes = busy();
    choose(&mut remotes, row);
    for model in models.iter().chain([&remotes]) {
        for width in [0, 1, 2, 3, 7, 13, 20, 33, 250] {
            for height in [0, 1, 2, 3, 4, 5, 6, 9, 18, 60] {
                terminal(model, (width, height), Theme::Colour);
            }
        }
    }
}

/// The line about the state, of 80 columns.
fn state_line(model: &Model) -> String {
    let picture = terminal(model, (80, 24), Theme::Plain)
        .backend()
        .to_string();
    picture.lines().nth(3).unwrap_or_default().to_owned()
}

#[test]
fn a_daemon_that_is_gone_is_told_in_words_and_so_is_the_time_that_nobody_measured() {
    let mut model = attached(Subject::Everybody);
    let last = model.ledger.span.unwrap().end.as_second() - 1_790_000_000;
    let lost = Link::Lost("the daemon has stopped".to_owned());
    update(&mut model, Message::Link(lost));
    let silent = std::time::Duration::from_secs(12);
    update(&mut model, Message::Silent(Some(silent)));
    let picture = terminal(&model, (80, 24), Theme::Plain)
        .backend()
        .to_string();
    assert!(picture.contains("daemon gone"), "{picture}");
    let told = state_line(&model);
    assert!(
        told.contains("▲ the daemon has stopped, reconnecting · no numbers for 12 s"),
        "{told}"
    );

    update(&mut model, Message::Link(Link::Restored));
    update(&mut model, Message::Silent(None));
    read(&mut model, last + 30, vec![], 1);
    let told = state_line(&model);
    assert!(told.contains("▲ nobody measured for 30 s"), "{told}");
}
