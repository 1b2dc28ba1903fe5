//! The configuration file: YAML to typed options, with everything that is wrong at once.
//!
//! Read in this order: `options` (what can be set), `build` (sections and components), `decode`
//! (serde over a tree that remembers lines), `defect` (what serde finds wrong), `node` (that tree),
//! `problem` (what is reported), `shown` (without secrets). `reloads` is what became of the file when
//! it was read again.

mod build;
mod decode;
mod defect;
mod node;
mod options;
mod problem;
mod reloads;
mod shown;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nettally_source::BackendChoice;

pub use node::Position;
pub use options::{ApiConfig, Config, SinkEntry, SinkKind};
pub use problem::{ConfigError, Finding};
pub use reloads::{Reload, ReloadResult, ReloadStatus, Reloads};
pub use shown::shown;

use node::Node;

/// Read when no file is named and this one exists.
pub const SYSTEM_FILE: &str = "/etc/nettally/nettally.yaml";

/// What the command line sets over the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Over `data_dir`.
    pub data_dir: Option<PathBuf>,
    /// Over `api.address`.
    pub listen: Option<SocketAddr>,
    /// Over `backend` of every source.
    pub backend: Option<BackendChoice>,
}

/// Reads `file`; without one [`SYSTEM_FILE`] if it exists, else the built-in defaults.
///
/// # Errors
/// The file cannot be read, or anything in it is wrong.
pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Config, ConfigError> {
    let system = Path::new(SYSTEM_FILE);
    let path = match file {
        Some(path) => path,
        None if system.exists() => system,
        None => return parse("", "built-in defaults", overrides),
    };
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    parse(&text, &path.display().to_string(), overrides)
}

/// Makes a configuration of YAML text. An empty text has all defaults.
///
/// # Errors
/// Anything in it is wrong.
pub fn parse(yaml: &str, origin: &str, overrides: &Overrides) -> Result<Config, ConfigError> {
    let wrong = |findings| ConfigError::Wrong {
        origin: origin.to_owned(),
        findings,
    };
    let document = Node::parse(yaml).map_err(|error| wrong(vec![not_yaml(&error)]))?;
    build::build(document, origin.to_owned(), overrides).map_err(wrong)
}

fn not_yaml(error: &serde_saphyr::Error) -> Finding {
    let position = error.location().map(Position::from).unwrap_or_default();
    let words = error.without_snippet().to_string();
    let place = format!(" at line {}, column {}", position.line, position.column);
    let words = words.strip_suffix(&place).unwrap_or(&words);
    let words = words
        .strip_suffix(", set DuplicateKeyPolicy in Options if acceptable")
        .unwrap_or(words);
    Finding {
        path: String::new(),
        position,
        message: format!("this is not YAML as it is expected here: {words}"),
    }
}

#[cfg(test)]
mod tests;
