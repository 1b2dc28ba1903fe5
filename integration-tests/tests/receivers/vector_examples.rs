//! The examples for Vector, and what it would be given to read.
//!
//! Without a Vector at hand they are checked against [`components`]: what there is, which options it
//! has, and whether everything leads somewhere. With the environment variable `VECTOR_BIN`, Vector
//! itself checks and runs them.

mod components;
mod lines;
mod real;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use components::{Component, Kind, component};

/// Parts of a configuration that hold components.
const PARTS: [(&str, Kind); 3] = [
    ("sources", Kind::Source),
    ("transforms", Kind::Transform),
    ("sinks", Kind::Sink),
];

/// One example.
struct Example {
    name: String,
    path: PathBuf,
    text: String,
    config: Value,
}

fn examples() -> Vec<Example> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config-examples/vector");
    let entries = std::fs::read_dir(folder).expect("the folder of examples");
    let mut examples: Vec<Example> = entries
        .map(|entry| {
            let path = entry.expect("a file").path();
            let name = path.file_stem().expect("a name").to_string_lossy();
            let text = std::fs::read_to_string(&path).expect("text");
            let config =
                serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            Example {
                name: name.into_owned(),
                path,
                text,
                config,
            }
        })
        .collect();
    examples.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(
        examples
            .iter()
            .map(|example| &*example.name)
            .collect::<Vec<_>>(),
        [
            "agent",
            "aggregator",
            "clickhouse",
            "file",
            "http-server",
            "prometheus"
        ]
    );
    examples
}

/// Components of a part: name and options.
fn part<'a>(
    config: &'a Value,
    part: &str,
) -> impl Iterator<Item = (&'a String, &'a Map<String, Value>)> {
    let components = config[part].as_object().into_iter().flatten();
    components.map(|(name, options)| (name, options.as_object().expect("options")))
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().into_iter().flatten();
    list.map(|text| text.as_str().expect("a text"))
}

/// All that is wrong with a configuration.
fn defects(config: &Value) -> Vec<String> {
    let mut defects = Vec::new();
    let top = ["data_dir", "sources", "transforms", "sinks", "tests"];
    for key in config.as_object().into_iter().flat_map(Map::keys) {
        if !top.contains(&key.as_str()) {
            defects.push(format!("unknown part {key}"));
        }
    }
    let mut outputs = BTreeSet::new();
    for (part_name, kind) in PARTS {
        for (name, options) in part(config, part_name) {
            if kind != Kind::Sink {
                outputs.insert(name.as_str());
            }
            let type_name = options
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default();
            match component(kind, type_name) {
                Some(component) => defects.extend(of_options(name, component, options)),
                None => defects.push(format!("{name}: no {kind:?} of type {type_name:?}")),
            }
            let uses_disk = options
                .get("buffer")
                .is_some_and(|buffer| buffer["type"] == "disk");
            if uses_disk && config.get("data_dir").is_none() {
                defects.push(format!("{name}: no data_dir for what is on disk"));
            }
        }
    }
    let mut used = BTreeSet::new();
    for (part_name, _) in &PARTS[1..] {
        for (name, options) in part(config, part_name) {
            let inputs: Vec<&str> = options.get("inputs").into_iter().flat_map(texts).collect();
            if inputs.is_empty() {
                defects.push(format!("{name}: no inputs"));
            }
            for input in inputs {
                used.insert(input);
                if !outputs.contains(input) || input == name {
                    defects.push(format!("{name}: no input {input}"));
                }
            }
        }
    }
    defects.extend(
        outputs
            .difference(&used)
            .map(|name| format!("{name} leads nowhere")),
    );
    let tests = config["tests"].as_array().cloned().unwrap_or_default();
    defects.extend(tests.iter().flat_map(|test| of_test(config, test)));
    if tests.is_empty() {
        defects.push("no tests".to_owned());
    }
    defects
}

fn of_options(name: &str, component: &Component, options: &Map<String, Value>) -> Vec<String> {
    let mut defects = Vec::new();
    for (option, value) in options {
        if !component.has(option) {
            defects.push(format!("{name}: no option {option}"));
        }
        if let Some(problem) = component.problem(option, value) {
            defects.push(format!("{name}: {problem}"));
        }
    }
    for required in component.required {
        if !options.contains_key(*required) {
            defects.push(format!("{name}: {required} is missing"));
        }
    }
    defects
}

fn of_test(config: &Value, test: &Value) -> Vec<String> {
    let name = test["name"].as_str().unwrap_or("a test without a name");
    let mut defects = Vec::new();
    let inputs = test["inputs"].as_array().cloned().unwrap_or_default();
    let outputs = test["outputs"].as_array().cloned().unwrap_or_default();
    let inserted = inputs.iter().map(|input| &input["insert_at"]);
    let extracted = outputs.iter().map(|output| &output["extract_from"]);
    let silent = test["no_outputs_from"].as_array().into_iter().flatten();
    for place in inserted.chain(extracted).chain(silent) {
        let place = place.as_str().unwrap_or_default();
        if config["transforms"].get(place).is_none() {
            defects.push(format!("{name}: no transform {place:?}"));
        }
    }
    for input in &inputs {
        let event = match input["type"].as_str() {
            Some("log") => &input["log_fields"],
            Some("metric") => &input["metric"],
            _ => &Value::Null,
        };
        if !event.is_object() {
            defects.push(format!("{name}: no event in {input}"));
        }
    }
    for output in &outputs {
        let conditions = output["conditions"].as_array().cloned().unwrap_or_default();
        let is_asserted = |condition: &Value| {
            let source = condition["source"].as_str().unwrap_or_default();
            condition["type"] == "vrl" && source.lines().all(|line| line.starts_with("assert"))
        };
        if conditions.is_empty() || !conditions.iter().all(is_asserted) {
            defects.push(format!("{name}: nothing is asserted of {output}"));
        }
    }
    if inputs.is_empty() || (outputs.is_empty() && test.get("no_outputs_from").is_none()) {
        defects.push(format!("{name}: it asks nothing"));
    }
    defects
}

#[test]
fn every_example_is_made_of_what_vector_has() {
    for Example { name, config, .. } in examples() {
        assert_eq!(defects(&config), Vec::<String>::new(), "{name}");
    }
}

/// Vector leaves `${NAME}` as it is unless it is told otherwise.
#[test]
fn no_example_counts_on_variables_of_the_environment() {
    for Example { name, text, .. } in examples() {
        assert!(!text.contains("${"), "{name}");
    }
}

/// Programs of `exec` are ours, with what the decoder needs.
#[test]
fn every_program_that_vector_starts_is_decoded_as_it_writes() {
    let mut programs = 0;
    for Example { name, config, .. } in examples() {
        for (_, options) in
            part(&config, "sources").filter(|(_, options)| options["type"] == "exec")
        {
            let command: Vec<&str> = texts(&options["command"]).collect();
            let [program, "stream", "--format", format, rest @ ..] = &command[..] else {
                panic!("{name}: {command:?}")
            };
            assert!(program.ends_with("/nettally"), "{name}: {program}");
            assert!(rest.is_empty() || rest == ["--flows"], "{name}: {rest:?}");
            assert_eq!(options["decoding"]["codec"], *format, "{name}");
            assert_eq!(options["include_stderr"], false, "{name}");
            assert_eq!(options["mode"], "streaming", "{name}");
            programs += 1;
        }
    }
    assert_eq!(programs, 4);
}

/// Sinks that take one kind of event get no other: Vector would not start.
#[test]
fn sinks_for_one_kind_of_event_come_after_a_filter() {
    for Example { name, config, .. } in examples() {
        for (sink, options) in part(&config, "sinks") {
            let wanted = match options["type"].as_str() {
                Some("clickhouse") => "is_log",
                Some("prometheus_exporter") => "is_metric",
                _ => continue,
            };
            for input in texts(&options["inputs"]) {
                let found = &config["transforms"][input]["condition"]["type"];
                assert_eq!(found, wanted, "{name}: {sink}");
            }
        }
    }
}

#[test]
fn what_is_wrong_is_seen() {
    let right = examples().remove(0).config;
    let cases: [(&str, &str, Value, &str); 7] = [
        (
            "/sinks/aggregator",
            "adress",
            "x".into(),
            "no option adress",
        ),
        (
            "/sinks/aggregator",
            "inputs",
            serde_json::json!(["outsid"]),
            "no input outsid",
        ),
        (
            "/sinks/aggregator",
            "type",
            "vectro".into(),
            "no Sink of type",
        ),
        (
            "/sources/nettally",
            "decoding",
            serde_json::json!({ "codec": "native-json" }),
            "native-json",
        ),
        (
            "/transforms/counters",
            "condition",
            serde_json::json!("is_metric"),
            "is_metric",
        ),
        (
            "/transforms/counters",
            "inputs",
            serde_json::json!([]),
            "no inputs",
        ),
        (
            "/tests/0/inputs/0",
            "insert_at",
            "elsewhere".into(),
            "elsewhere",
        ),
    ];
    for (place, key, value, expected) in cases {
        let mut wrong = right.clone();
        wrong.pointer_mut(place).expect(place)[key] = value;
        let defects = defects(&wrong);
        assert!(
            defects.iter().any(|defect| defect.contains(expected)),
            "{expected}: {defects:?}"
        );
    }
}
