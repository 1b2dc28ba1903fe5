//! JSON Schemas of what is printed as JSON, made from the types that are printed.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

/// Draft 2020-12, of what is written.
pub(super) fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>()
}

/// As it is printed.
#[cfg(test)]
pub(super) fn printed<T: JsonSchema>() -> String {
    serde_json::to_string_pretty(&of::<T>()).unwrap()
}

/// Whether printed JSON is as its schema says, and the schema as draft 2020-12 does.
#[cfg(test)]
pub(super) fn assert_valid<T: JsonSchema>(printed: &str) {
    let printed = serde_json::from_str(printed).unwrap();
    let schema = serde_json::to_value(of::<T>()).unwrap();
    let validator = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&printed)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, [""; 0]);
}
