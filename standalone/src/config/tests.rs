use std::path::PathBuf;

use nettally_source::ProcessNetworkConfig;
use nettally_sqlite_sink::SqliteConfig;

use super::*;
use crate::topology::WhenFull;

fn parsed(yaml: &str) -> Result<Config, String> {
    parse(yaml, "x.yaml", &Overrides::default()).map_err(|error| error.to_string())
}

#[track_caller]
fn assert_problems(yaml: &str, expected: &[&str]) {
    let error = parsed(yaml).unwrap_err();
    let lines: Vec<&str> = error.lines().skip(1).map(str::trim).collect();
    assert_eq!(lines, expected, "{error}");
}

#[test]
fn nothing_said_is_one_source_one_database_and_the_page() {
    let expected = Config {
        origin: "x.yaml".to_owned(),
        data_dir: PathBuf::from("/var/lib/nettally"),
        shutdown_deadline_secs: 10.0,
        api: ApiConfig {
            enabled: true,
            address: "127.0.0.1:9797".parse().unwrap(),
            socket: Some("/var/lib/nettally/nettally.sock".into()),
            token_file: None,
            ..ApiConfig::default()
        },
        sources: [("network".to_owned(), ProcessNetworkConfig::default())].into(),
        sinks: [(
            "history".to_owned(),
            SinkEntry {
                inputs: vec!["network".to_owned()],
                when_full: WhenFull::Block,
                buffer_windows: Config::DEFAULT_BUFFER_WINDOWS,
                kind: SinkKind::Sqlite(SqliteConfig {
                    path: Some("/var/lib/nettally/nettally.db".into()),
                    ..SqliteConfig::default()
                }),
            },
        )]
        .into(),
    };
    for yaml in ["", "# nothing\n", "sources:\nsinks:\napi:\n"] {
        assert_eq!(parsed(yaml).unwrap(), expected, "{yaml:?}");
    }
}

#[test]
fn problems_of_all_parts_are_reported_together_in_the_order_of_the_file() {
    assert_problems(
        "\
data_dir: [1]
api: { enabled: maybe, adress: 127.0.0.1 }
sources:
  network:
    type: process_network
    scrape_interval_secs: fast
    remotes: { include: [10.0.0.0/40] }
sinks:
  history: { type: sqlite, input: [network] }
  statsd:
    type: statsd
    inputs: [netwrok]
    when_full: wait
    address: nowhere
  graph: { type: graphite }
",
        &[
            "x.yaml:1:11: data_dir: found a list, expected a text",
            "x.yaml:2:17: api.enabled: found the text \"maybe\", expected `true` or `false`",
            "x.yaml:2:24: api.adress: unknown option \"adress\"; did you mean `address`? allowed: \
             enabled, address, socket, token_file, metrics, requests_per_second, request_burst",
            "x.yaml:6:27: sources.network.scrape_interval_secs: found the text \"fast\", expected \
             a number",
            "x.yaml:7:26: sources.network.remotes.include[0]: found the text \"10.0.0.0/40\", \
             expected a network such as 10.0.0.0/8 or 2001:db8::/32",
            "x.yaml:9:28: sinks.history.input: unknown option \"input\"; did you mean `inputs`? \
             allowed: type, inputs, when_full, buffer_windows, path, flush_interval_secs, \
             retention, max_size_bytes, top_remotes, top_processes",
            "x.yaml:12:14: sinks.statsd.inputs[0]: there is no source \"netwrok\"; did you mean \
             `network`? the sources are: network",
            "x.yaml:13:16: sinks.statsd.when_full: unknown value \"wait\"; allowed: block, \
             drop_newest",
            "x.yaml:14:5: sinks.statsd.address: found \"nowhere\", expected a host and a port, \
             such as 127.0.0.1:8125, or unix:/path",
            "x.yaml:15:12: sinks.graph.type: unknown type \"graphite\"; allowed: sqlite, statsd, \
             vector, http, otlp",
        ],
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    assert_problems(
        "\
sinks:
  a: { type: sqlite }
  b: { type: sqlite, path: /var/lib/nettally/nettally.db, buffer_windows: 0 }
  c: { type: statsd, inputs: [network, network] }
  d: { type: statsd, inputs: [] }
",
        &[
            "x.yaml:3:22: sinks.b.path: the sink \"a\" writes to /var/lib/nettally/nettally.db \
             already; give each its own file",
            "x.yaml:3:59: sinks.b.buffer_windows: found 0, expected 1 or more",
            "x.yaml:4:40: sinks.c.inputs[1]: \"network\" is given twice; every byte would count \
             twice",
            "x.yaml:5:22: sinks.d.inputs: empty, so the sink would get nothing; leave it out to \
             take all sources",
        ],
    );
    assert_problems(
        "api: { enabled: false }\nsinks: {}\n",
        &["x.yaml:2:1: sinks: none, and the API is off: what is counted would go nowhere"],
    );
}

#[test]
fn a_mistake_is_not_reported_again_by_what_follows_from_it() {
    assert_problems(
        "sources: { network: { type: process_network, protocols: [tpc] } }",
        &[
            "x.yaml:1:58: sources.network.protocols[0]: unknown value \"tpc\"; did you mean `tcp`? \
           allowed: tcp, udp, udplite, icmp, raw, sctp, packet",
        ],
    );
}

#[test]
fn shapes_that_are_no_configuration_are_named() {
    let cases = [
        (
            "[a, b]",
            "x.yaml: expected a map of sections; allowed: data_dir, shutdown_deadline_secs, api, sources, sinks",
        ),
        (
            "sorces: {}",
            "x.yaml:1:1: sorces: unknown section \"sorces\"; did you mean `sources`? allowed: \
             data_dir, shutdown_deadline_secs, api, sources, sinks",
        ),
        (
            "sources: {}",
            "x.yaml:1:1: sources: none, so there is nothing to count; leave the section out for \
             the default",
        ),
        (
            "sources: { network: }",
            "x.yaml:1:12: sources.network: expected a map of options with a `type`; allowed: \
             process_network",
        ),
        (
            "sources: { network: { loopback: true } }",
            "x.yaml:1:12: sources.network: the option `type` is missing; allowed: process_network",
        ),
        (
            "sources: [process_network]",
            "x.yaml:1:1: sources: expected a map of names, each with its options",
        ),
        (
            "sources: { 'a b': { type: process_network } }",
            "x.yaml:1:12: sources.a b: a name has letters, digits, `_` and `-` only",
        ),
        (
            "api: 7",
            "x.yaml:1:6: api: found the number 7, expected a map of options",
        ),
        (
            "api: { address: localhost }",
            "x.yaml:1:17: api.address: found the text \"localhost\", expected an address and a \
             port, such as 127.0.0.1:9797",
        ),
    ];
    for (yaml, expected) in cases {
        assert_problems(yaml, &[expected]);
    }
}

#[test]
fn broken_yaml_is_reported_with_its_line() {
    let cases = [
        ("a: [1, 2\nb: 3\n", "x.yaml:2:2: "),
        ("api:\n\tenabled: true\n", "x.yaml:2:2: "),
        (
            "api: {}\napi: {}\n",
            "x.yaml:2:1: this is not YAML as it is expected here: duplicate mapping key: api",
        ),
    ];
    for (yaml, expected) in cases {
        let error = parsed(yaml).unwrap_err();
        assert!(
            error.lines().any(|line| line.trim().starts_with(expected)),
            "{error}"
        );
    }
}

#[test]
fn the_command_line_wins_over_the_file() {
    let overrides = Overrides {
        backend: Some(BackendChoice::Kprobe),
        data_dir: Some("/tmp/x".into()),
        listen: Some("[::1]:80".parse().unwrap()),
    };
    let yaml = "data_dir: /srv\napi: { address: 127.0.0.1:1 }\n\
                sources: { lan: { type: process_network, backend: fexit } }\n";
    let config = parse(yaml, "x.yaml", &overrides).unwrap();
    assert_eq!(config.api.address.to_string(), "[::1]:80");
    let databases: Vec<_> = config.databases().collect();
    assert_eq!(databases, [("history", Path::new("/tmp/x/nettally.db"))]);
    assert_eq!(config.sources["lan"].backend, BackendChoice::Kprobe);
    let config = parse(yaml, "x.yaml", &Overrides::default()).unwrap();
    assert_eq!(config.sources["lan"].backend, BackendChoice::Fexit);
}

#[test]
fn a_missing_file_is_named() {
    let error = load(
        Some(Path::new("/nonexistent/n.yaml")),
        &Overrides::default(),
    )
    .unwrap_err();
    assert!(matches!(&error, ConfigError::Unreadable { path, .. } if path.ends_with("n.yaml")));
}

/// Files of the folder. In folders of it are those of other programs, which are checked where these
/// programs run, and ours if they name our source.
fn examples(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                let mut inner = examples(&path);
                inner.retain(|path| {
                    std::fs::read_to_string(path)
                        .unwrap()
                        .contains("type: process_network")
                });
                inner
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn every_example_is_valid() {
    let mut names = examples(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../config-examples"));
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    for path in names {
        load(Some(&path), &Overrides::default())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../config-examples")
        .join(name)
}

/// Every option is written out, and changing none of them but the address is using none of them.
#[test]
fn the_examples_of_sinks_that_push_show_the_defaults() {
    for (name, sink, wanted) in [
        ("vector-sink.yaml", "vector", "address: vector.example:6000"),
        (
            "http-sink.yaml",
            "http",
            "uri: https://collector.example/nettally",
        ),
        ("otlp.yaml", "otlp", "endpoint: http://127.0.0.1:4318"),
    ] {
        let shown = load(Some(&example(name)), &Overrides::default()).unwrap();
        let least = format!("sinks: {{ {sink}: {{ type: {sink}, {wanted} }} }}");
        let least = parsed(&least).unwrap();
        assert_eq!(shown.sinks[sink], least.sinks[sink], "{name}");
        let text = std::fs::read_to_string(example(name)).unwrap();
        let options = match &shown.sinks[sink].kind {
            SinkKind::Vector(config) => serde_json::to_value(config),
            SinkKind::Http(config) => serde_json::to_value(config),
            SinkKind::Otlp(config) => serde_json::to_value(config),
            SinkKind::Sqlite(_) | SinkKind::Statsd(_) => unreachable!("not among the examples"),
        };
        for (option, value) in options.unwrap().as_object().unwrap() {
            let inner = value.as_object().into_iter().flat_map(|inner| inner.keys());
            for option in inner.chain([option]) {
                let is_shown = |line: &str| {
                    let line = line.trim_start_matches(['#', ' ']);
                    line.strip_prefix(option)
                        .is_some_and(|rest| rest.starts_with(':'))
                };
                assert!(text.lines().any(is_shown), "{name}: {option}");
            }
        }
    }
}

/// What is commented out in the examples can be used as it is.
#[test]
fn what_is_commented_out_is_valid_too() {
    let tls = "tls:\n    #   # Certificates";
    for (name, begin) in [
        ("vector-sink.yaml", tls),
        ("http-sink.yaml", "auth:\n    #   strategy: basic"),
        ("http-sink.yaml", "auth:\n    #   strategy: bearer"),
    ] {
        let text = std::fs::read_to_string(example(name)).unwrap();
        let open = uncommented(&text, begin);
        let config = parsed(&open).unwrap_or_else(|error| panic!("{name}: {error}\n{open}"));
        let plain = parsed(&text).unwrap();
        assert_ne!(config.sinks, plain.sinks, "{name}: {begin}");
    }
}

/// `text` with the block that begins with `begin`, after `# `, in use.
fn uncommented(text: &str, begin: &str) -> String {
    let at = text
        .find(&format!("# {begin}"))
        .unwrap_or_else(|| panic!("{begin} is not in\n{text}"));
    let indent = at - text[..at].rfind('\n').unwrap() - 1;
    let (before, block) = text.split_at(at);
    let mut open = before.to_owned();
    let mut in_block = true;
    for (number, line) in block.lines().enumerate() {
        let rest = line.trim_start().strip_prefix("# ");
        in_block &= number == 0 || rest.is_some_and(|rest| rest.starts_with("  "));
        match rest.filter(|_| in_block) {
            Some(rest) if number == 0 => open.push_str(rest),
            Some(rest) => {
                open.push_str(&" ".repeat(indent));
                open.push_str(rest);
            }
            None => open.push_str(line),
        }
        open.push('\n');
    }
    open
}

/// Whether a line of `text` gives `option`, be it commented out or in a line of several.
fn gives(text: &str, option: &str) -> bool {
    text.match_indices(&format!("{option}:"))
        .any(|(at, _)| text[..at].ends_with(|before: char| "# {".contains(before)))
}

/// What `nettally generate` prints: every output, off, with every option at its default.
#[test]
fn the_outputs_that_are_off_in_the_example_show_the_defaults() {
    let text = std::fs::read_to_string(example("nettally.yaml")).unwrap();
    let blocks = [
        ("statsd", "address: 127.0.0.1:8125"),
        ("vector", "address: vector.example:6000, tls: {}"),
        ("http", "uri: https://collector.example/nettally"),
        ("otlp", "endpoint: http://127.0.0.1:4318"),
    ];
    let mut all = text;
    for (name, wanted) in blocks {
        all = uncommented(&all, &format!("{name}:\n"));
        let shown = parsed(&all).unwrap_or_else(|error| panic!("{error}\n{all}"));
        let least = format!("sinks: {{ {name}: {{ type: {name}, {wanted} }} }}");
        let least = parsed(&least).unwrap();
        assert_eq!(shown.sinks[name], least.sinks[name], "{name}");

        let options = match &shown.sinks[name].kind {
            SinkKind::Statsd(config) => serde_json::to_value(config),
            SinkKind::Vector(config) => serde_json::to_value(config),
            SinkKind::Http(config) => serde_json::to_value(config),
            SinkKind::Otlp(config) => serde_json::to_value(config),
            SinkKind::Sqlite(_) => unreachable!("not among the outputs that are off"),
        };
        let block = &all[all.find(&format!("\n  {name}:\n")).unwrap()..];
        let block = block.split("\n\n").next().unwrap();
        for (option, value) in options.unwrap().as_object().unwrap() {
            // Headers and attributes have names of the user's.
            let inner = value.as_object().into_iter().flat_map(|inner| inner.keys());
            for option in inner.chain([option]) {
                assert!(gives(block, option), "{name}: {option} is not in\n{block}");
            }
        }
        for option in ["type", "inputs", "buffer_windows", "when_full"] {
            assert!(gives(block, option), "{name}: {option} is not in\n{block}");
        }
    }
}

#[test]
fn problems_of_sinks_that_push_are_found_with_their_places() {
    assert_problems(
        "\
sinks:
  a: { type: vector }
  b: { type: vector, address: vector, compression: zstd, batch: { max_event: 5 } }
  c:
    type: http
    uri: https://ada:hunter2@h/
    method: GET
    auth: { strategy: bearer, password: hunter2 }
    request: { concurrency: 0 }
  d: { type: http, uri: https://h/, auth: { token: hunter2 } }
",
        &[
            "x.yaml:2:3: sinks.a: the option `address` is missing: a host and a port, such as \
             vector.example:6000",
            "x.yaml:3:22: sinks.b.address: found \"vector\", expected a host and a port, such as \
             vector.example:6000 or https://vector.example:6000",
            "x.yaml:3:52: sinks.b.compression: unknown value \"zstd\"; allowed: none, gzip",
            "x.yaml:3:67: sinks.b.batch.max_event: unknown option \"max_event\"; did you mean \
             `max_events`? allowed: max_events, max_bytes, timeout_secs",
            "x.yaml:6:5: sinks.c.uri: a name and password are for `auth`",
            "x.yaml:7:13: sinks.c.method: unknown value \"GET\"; allowed: POST, PUT",
            "x.yaml:8:31: sinks.c.auth.password: is of no use with the strategy `bearer`",
            "x.yaml:9:16: sinks.c.request.concurrency: found 0, expected 1 to 64",
            "x.yaml:10:43: sinks.d.auth: missing field `strategy`",
        ],
    );
}

#[test]
fn the_commented_example_shows_the_defaults() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config-examples/nettally.yaml");
    let shown = load(Some(&example), &Overrides::default()).unwrap();
    let default = parse("", &shown.origin, &Overrides::default()).unwrap();
    assert_eq!(shown, default);
}
