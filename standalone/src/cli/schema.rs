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
