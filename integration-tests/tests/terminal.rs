//! `nettally top` in a real terminal, with real traffic: every key does what the help says.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::harness::programs;
use nettally_integration_tests::harness::terminal::Terminal;

/// `nettally top` attached to the daemon, or with a collector of its own.
fn top(daemon: &Daemon, size: (u16, u16), options: &[&str]) -> Terminal {
    let program = programs::nettally();
    let config = daemon.config();
    let (width, height) = size;
    let words = [
        program.to_str().expect("a path of ours"),
        "top",
        "-c",
        config.to_str().expect("a path of ours"),
    ];
    Terminal::start(width, height, &[&words, options].concat())
}

/// The line of the screen that has all of these words.
fn line<'a>(picture: &'a str, words: &[&str]) -> Option<&'a str> {
    let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
    picture.lines().find(has_all)
}

/// Where a word stands.
fn row_of(picture: &str, word: &str) -> Option<usize> {
    picture.lines().position(|line| line.contains(word))
}

/// The keys of the help screen, as it writes them, and what it says of each.
fn keys_of_help(picture: &str) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    for line in picture.lines().skip(2).take_while(|line| !line.is_empty()) {
        let columns: Vec<char> = line.chars().collect();
        for half in columns.chunks(40) {
            let text: String = half.iter().collect();
            let (key, help) = text.split_at(text.char_indices().nth(6).map_or(0, |(at, _)| at));
            if !key.trim().is_empty() {
                keys.insert(key.trim().to_owned(), help.trim().to_owned());
            }
        }
    }
    keys
}

type Check = fn(&str) -> bool;

/// What to press and to see, from the first tab on, for one row of the help.
struct Key {
    /// As the help writes it.
    shown: &'static str,
    /// A beginning that the key needs.
    before: &'static [&'static str],
    /// Each name that tmux has for the key, and what is then on the screen.
    then: &'static [(&'static str, Check)],
}

fn selects(tab: &str) -> impl Fn(&str) -> bool + '_ {
    move |picture| line(picture, &["1 processes", tab]).is_some()
}

const KEYS: &[Key] = &[
    key(
        "Tab",
        &[],
        &[("Tab", |p| p.contains("REMOTE ") && p.contains("APPS"))],
    ),
    key("S-Tab", &[], &[("BTab", |p| p.contains("MEASURED BY"))]),
    key("1", &["5"], &[("1", is_first)]),
    key("2", &[], &[("2", |p| p.contains("APPS"))]),
    key("3", &[], &[("3", |p| p.contains("known from"))]),
    key("4", &[], &[("4", |p| p.contains("1 min ago"))]),
    key(
        "5 h",
        &[],
        &[
            ("5", |p| p.contains("SINKS") && p.contains("sqlite")),
            ("h", |p| p.contains("MEASURED BY")),
        ],
    ),
    key(
        "Enter",
        &[],
        &[("Enter", |p| p.contains("known from") && p.contains("LOCAL"))],
    ),
    key(
        "i",
        &["3"],
        &[("i", |p| p.contains("cgroup") && !p.contains("LAST HOUR"))],
    ),
    key("Esc", &["4"], &[("Escape", is_first)]),
    key("/", &[], &[("/", |p| p.contains("Enter keep"))]),
    key(
        "→ s",
        &[],
        &[
            ("Right", |p| p.contains("REM▼")),
            ("s", |p| p.contains("REM▼")),
        ],
    ),
    key(
        "← S",
        &[],
        &[
            ("Left", |p| p.contains("RECV/s▼")),
            ("S", |p| p.contains("RECV/s▼")),
        ],
    ),
    key("r", &[], &[("r", |p| p.contains("TREND▲"))]),
    key(
        "c",
        &[],
        &[("c", |p| p.contains("totals") && p.contains("SHARE"))],
    ),
    key(
        "g",
        &[],
        &[("g", |p| p.contains("by app") && p.contains("APP "))],
    ),
    key("Space", &[], &[("Space", |p| p.contains("PAUSED"))]),
    key(
        "t",
        &[],
        &[("t", |p| p.contains("tcp only") && !p.contains("drip-fast"))],
    ),
    key(
        "u",
        &[],
        &[("u", |p| p.contains("udp only") && p.contains("drip-fast"))],
    ),
    key(
        "a",
        &["t"],
        &[("a", |p| !p.contains("only") && p.contains("drip-fast"))],
    ),
    key("o", &[], &[("o", |p| p.contains("other protocols only"))]),
    key("p", &[], &[("p", |p| p.contains("packet only"))]),
    key("z", &["4"], &[("z", |p| p.contains("10 min ago"))]),
    key(
        "? F1",
        &[],
        &[
            ("?", |p| p.contains("nettally › keys")),
            ("F1", |p| p.contains("nettally › keys")),
        ],
    ),
];

/// Those that move the cursor, which is seen by its colours, and quitting.
const MOVES: [&str; 7] = ["↑ k", "↓ j", "PgUp", "PgDn", "Home", "End G", "q ^C"];

const fn key(
    shown: &'static str,
    before: &'static [&'static str],
    then: &'static [(&'static str, Check)],
) -> Key {
    Key {
        shown,
        before,
        then,
    }
}

fn is_first(picture: &str) -> bool {
    picture.contains("PROCESS ") && picture.contains("TREND") && !picture.contains("SINKS")
}

/// The name in the row that is shown reversed.
fn selected(terminal: &Terminal) -> Option<String> {
    let picture = terminal.coloured_picture();
    let is_reversed = |line: &&str| line.contains("\u{1b}[7m") || line.contains(";7m");
    let row = picture.lines().skip(5).find(is_reversed)?;
    plain(row).split_whitespace().next().map(str::to_owned)
}

/// The text without its colours and attributes.
fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, after)| after));
    }
    plain
}

#[test]
fn every_key_does_what_the_help_says() {
    let daemon = Daemon::start(&Setup {
        scrape_interval_secs: 0.5,
        ..Setup::default()
    });
    let _drips = [
        Drip::start("drip-fast", 20_000, Duration::from_millis(10)),
        Drip::start("drip-middle", 5_000, Duration::from_millis(10)),
        Drip::start("drip-slow", 500, Duration::from_millis(10)),
    ];
    let terminal = top(
        &daemon,
        (80, 24),
        &["--where", "process~drip or protocol=tcp"],
    );
    let picture = terminal.until("drips", |p| {
        p.contains("drip-fast") && p.contains("drip-middle") && p.contains("drip-slow")
    });
    assert!(selects("daemon")(&picture), "{picture}");
    terminal.press(&["Escape"]);
    terminal.until("no filter", |p| !p.contains("/process~drip"));

    terminal.press(&["?"]);
    let help = terminal.until("help", |p| p.contains("nettally › keys"));
    terminal.press(&["x"]);
    terminal.until("the table", is_first);
    let told: Vec<String> = keys_of_help(&help).into_keys().collect();
    let mut tried: Vec<&str> = KEYS.iter().map(|key| key.shown).chain(MOVES).collect();
    tried.sort_unstable();
    assert_eq!(told, tried, "each key of the help is tried here\n{help}");

    for Key {
        shown,
        before,
        then,
    } in KEYS
    {
        for (name, holds) in *then {
            let start = Instant::now();
            let fresh = top(&daemon, (80, 24), &[]);
            fresh.until("drips", |p| {
                p.contains("drip-fast") && p.contains("drip-slow")
            });
            fresh.press(before);
            if !before.is_empty() {
                std::thread::sleep(Duration::from_millis(300));
            }
            fresh.press(&[name]);
            fresh.until(&format!("effect of {shown} ({name})"), holds);
            println!("{shown} ({name}): {:.1} s", start.elapsed().as_secs_f64());
        }
    }

    // The cursor, among three rows in a known order.
    terminal.press(&["/"]);
    terminal.type_text("drip-");
    terminal.press(&["Enter"]);
    terminal.until("three rows", |p| {
        p.contains("/drip-") && !p.contains("nettally  ")
    });
    let steps = [
        ("Down", "drip-middle"),
        ("j", "drip-slow"),
        ("Up", "drip-middle"),
        ("k", "drip-fast"),
        ("End", "drip-slow"),
        ("Home", "drip-fast"),
        ("G", "drip-slow"),
        ("PageUp", "drip-fast"),
        ("PageDown", "drip-slow"),
    ];
    for (name, expected) in steps {
        terminal.press(&[name]);
        terminal.until(&format!("{expected} selected by {name}"), |_| {
            selected(&terminal).as_deref() == Some(expected)
        });
    }
    for name in ["q", "C-c"] {
        let fresh = top(&daemon, (80, 24), &[]);
        fresh.until("the table", is_first);
        fresh.press(&[name]);
        assert_eq!(fresh.end(), "0", "{name}");
        assert_eq!(fresh.state(), "0 1", "{name}: alternate screen, cursor");
        assert_eq!(fresh.note("before"), fresh.note("after"), "{name}");
    }
}

#[test]
fn a_filter_is_an_expression_or_text_and_says_when_it_cannot_be_read() {
    let daemon = Daemon::start(&Setup::default());
    let _drips = [
        Drip::start("drip-one", 20_000, Duration::from_millis(20)),
        Drip::start("drip-two", 5_000, Duration::from_millis(20)),
    ];
    let terminal = top(&daemon, (80, 24), &[]);
    terminal.until("drips", |p| {
        p.contains("drip-one") && p.contains("drip-two")
    });
    let cases: [(&str, bool, bool); 4] = [
        ("process=drip-one and protocol=udp", true, false),
        ("not process=drip-one and process~drip", false, true),
        ("TWO", false, true),
        ("remote_ip in 127.0.0.0/8 and process~drip", true, true),
    ];
    for (text, one, two) in cases {
        terminal.press(&["/", "C-u"]);
        terminal.type_text(text);
        terminal.press(&["Enter"]);
        let shows =
            |picture: &str, name: &str| picture.lines().skip(5).any(|line| line.starts_with(name));
        terminal.until(text, |p| {
            shows(p, "drip-one") == one && shows(p, "drip-two") == two
        });
    }
    terminal.press(&["/", "C-u"]);
    terminal.type_text("protocol=tpc");
    terminal.until("a complaint", |p| p.contains("unknown protocol"));
}

#[test]
fn hostile_names_are_shown_harmless_and_in_their_columns() {
    const NAMES: [(&str, &str); 5] = [
        ("\u{1b}[31mred\u{7}", "\\u{1b}[31mred"),
        ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
        ("漢字名", "漢字名"),
        ("a\tb\nc", "a\\"),
        ("e\u{301}e\u{301}e\u{301}", "e\u{301}e\u{301}e\u{301}"),
    ];
    let daemon = Daemon::start(&Setup::default());
    let _drips = NAMES.map(|(name, _)| Drip::start(name, 1_000, Duration::from_millis(20)));
    for options in [&[][..], &["--collector", "own"]] {
        let terminal = top(&daemon, (80, 24), options);
        let picture = terminal.until("all names", |p| {
            NAMES
                .iter()
                .all(|(_, shown)| line(p, &[shown, "udp"]).is_some())
        });
        let origin = if options.is_empty() { "daemon" } else { "own" };
        assert!(selects(origin)(&picture), "{picture}");
        assert!(row_of(&picture, "total").is_some(), "{picture}");
        assert!(!terminal.coloured_picture().contains('\u{7}'));
        // The same column for the protocol in each row, as the terminal counts columns.
        let places: Vec<usize> = NAMES
            .iter()
            .map(|(_, shown)| {
                let line = line(&picture, &[shown, " udp "]).expect("waited for above");
                let (before, _) = line.split_at(line.find(" udp ").expect("waited for above"));
                before.chars().map(columns).sum()
            })
            .collect();
        assert!(
            places.windows(2).all(|pair| pair[0] == pair[1]),
            "{places:?}\n{picture}"
        );
    }
}

/// Columns of a character of this test.
fn columns(character: char) -> usize {
    match character {
        '\u{300}'..='\u{36f}' => 0,
        '\u{4e00}'..='\u{9fff}' => 2,
        _ => 1,
    }
}

#[test]
fn a_daemon_that_stops_is_told_in_words_and_the_next_one_is_followed() {
    let mut daemon = Daemon::start(&Setup::default());
    let _drip = Drip::start("drip-again", 5_000, Duration::from_millis(10));
    let terminal = top(&daemon, (80, 24), &[]);
    terminal.until("the drip", |p| p.contains("drip-again"));
    for _round in 0..2 {
        daemon.stop();
        terminal.until("a sentence", |p| {
            line(
                p,
                &["▲ the daemon has stopped, reconnecting", "no numbers for"],
            )
            .is_some()
                && p.contains("daemon gone")
        });
        daemon.restart().expect("as before");
        let picture = terminal.until("numbers", |p| {
            selects("daemon rates")(p) && !p.contains("reconnecting")
        });
        assert!(picture.contains("drip-again"), "{picture}");
        terminal.until("the gap", |p| p.contains("nobody measured for"));
    }
    // Its health is that of the one that runs now.
    terminal.press(&["5"]);
    terminal.until("sinks", |p| p.contains("SINKS") && p.contains("sqlite"));
    terminal.press(&["q"]);
    assert_eq!(terminal.end(), "0");
    assert_eq!(terminal.state(), "0 1", "alternate screen, cursor");
}

#[test]
fn lines_for_scripts_end_with_the_daemon_and_say_so() {
    let mut daemon = Daemon::start(&Setup::default());
    let terminal = top(&daemon, (80, 24), &["--json"]);
    terminal.until("a line", |p| p.contains('{'));
    daemon.stop();
    assert_eq!(terminal.end(), "1");
    terminal.until("a sentence", |p| p.contains("the daemon has stopped"));
}

#[test]
fn without_colours_there_are_none() {
    let daemon = Daemon::start(&Setup::default());
    let program = programs::nettally();
    let config = daemon.config();
    let words = [
        "env",
        "NO_COLOR=1",
        program.to_str().expect("a path of ours"),
        "top",
        "-c",
        config.to_str().expect("a path of ours"),
    ];
    let terminal = Terminal::start(80, 24, &words);
    terminal.until("the table", is_first);
    let picture = terminal.coloured_picture();
    let colours = picture.split("\u{1b}[").skip(1).filter(|part| {
        let codes = part.split('m').next().unwrap_or_default();
        let mut codes = codes.split(';').filter_map(|code| code.parse::<u32>().ok());
        codes.any(|code| matches!(code, 30..=38 | 40..=48 | 90..=107))
    });
    assert_eq!(colours.collect::<Vec<_>>(), Vec::<&str>::new());
}

/// Many flows of this process. Dropping it ends them.
struct Flows {
    ends: Arc<AtomicBool>,
    sending: Option<JoinHandle<()>>,
}

impl Flows {
    fn start(count: usize) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let sockets: Vec<UdpSocket> = (0..count)
            .map(|_| UdpSocket::bind("127.0.0.1:0").expect("a port is left"))
            .collect();
        let sending = std::thread::spawn({
            let ends = Arc::clone(&ends);
            move || {
                while !ends.load(Ordering::Relaxed) {
                    for socket in &sockets {
                        // Nobody listens there.
                        drop(socket.send_to(&[0; 100], "127.0.0.1:9"));
                    }
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
        });
        Self {
            ends,
            sending: Some(sending),
        }
    }
}

impl Drop for Flows {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(sending) = self.sending.take() {
            drop(sending.join());
        }
    }
}

/// Processor time of a process, in seconds.
fn processor_secs(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, after_name) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks: u32 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u32>().expect("a number"))
        .sum();
    f64::from(ticks) / 100.0
}

#[test]
fn the_screen_is_cheap() {
    let daemon = Daemon::start(&Setup {
        scrape_interval_secs: 1.0,
        ..Setup::default()
    });
    let _flows = Flows::start(200);
    for options in [&[][..], &["--collector", "own"]] {
        let terminal = top(&daemon, (140, 40), options);
        terminal.until("flows", |p| p.lines().any(|line| line.contains(" udp ")));
        let pid = terminal.note("pid").expect("it runs");
        std::thread::sleep(Duration::from_secs(1));
        let (before, start) = (processor_secs(&pid), Instant::now());
        std::thread::sleep(Duration::from_secs(5));
        let share = (processor_secs(&pid) - before) / start.elapsed().as_secs_f64();
        println!(
            "{options:?}: {:.2} % of a processor at 200 flows",
            share * 100.0
        );
        // A build without optimisation is several times dearer than what is delivered.
        let most = if cfg!(debug_assertions) { 0.10 } else { 0.01 };
        assert!(share < most, "{options:?}: {share}");
    }
}
