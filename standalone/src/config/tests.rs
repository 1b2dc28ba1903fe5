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
        api: ApiConfig {
            enabled: true,
            address: "127.0.0.1:9797".parse().unwrap(),
            socket: Some("/var/lib/nettally/nettally.sock".into()),
            token_file: None,
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
             enabled, address, socket, token_file",
            "x.yaml:6:27: sources.network.scrape_interval_secs: found the text \"fast\", expected \
             a number",
            "x.yaml:7:26: sources.network.remotes.include[0]: found the text \"10.0.0.0/40\", \
             expected a network such as 10.0.0.0/8 or 2001:db8::/32",
            "x.yaml:9:28: sinks.history.input: unknown option \"input\"; did you mean `inputs`? \
             allowed: type, inputs, when_full, buffer_windows, path, flush_interval_secs, \
             retention, max_size_bytes, top_remotes",
            "x.yaml:12:14: sinks.statsd.inputs[0]: there is no source \"netwrok\"; did you mean \
             `network`? the sources are: network",
            "x.yaml:13:16: sinks.statsd.when_full: unknown value \"wait\"; allowed: block, \
             drop_newest",
            "x.yaml:14:5: sinks.statsd.address: found \"nowhere\", expected a host and a port, \
             such as 127.0.0.1:8125",
            "x.yaml:15:12: sinks.graph.type: unknown type \"graphite\"; allowed: sqlite, statsd, \
             vector, http",
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
            "x.yaml: expected a map of sections; allowed: data_dir, api, sources, sinks",
        ),
        (
            "sorces: {}",
            "x.yaml:1:1: sorces: unknown section \"sorces\"; did you mean `sources`? allowed: \
             data_dir, api, sources, sinks",
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

#[test]
fn every_example_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config-examples");
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    for path in names {
        load(Some(&path), &Overrides::default())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

#[test]
fn the_commented_example_shows_the_defaults() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config-examples/nettally.yaml");
    let shown = load(Some(&example), &Overrides::default()).unwrap();
    let default = parse("", &shown.origin, &Overrides::default()).unwrap();
    assert_eq!(shown, default);
}
