//! `nettally db check`.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use nettally_sqlite_sink::{CheckProgress, Finding, Reader, StoreError};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Target, progress};
use crate::cli::{ConfigFile, output, schema};

/// Options of `db check`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    /// Print the JSON Schema (draft 2020-12) of what --json prints, and read nothing.
    #[arg(long)]
    schema: bool,
}

/// What was found, as JSON.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "nettally db check --json")]
struct Checked<'f> {
    /// The file.
    path: &'f Path,
    /// Whether nothing was found.
    sound: bool,
    /// What is not as it must be.
    findings: &'f [Finding],
}

/// Prints what is wrong, and what to do.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options {
        target,
        json,
        schema,
    } = options;
    if schema {
        output::print_json(&schema::of::<Checked<'_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = target.database(file)?.path;
    let findings = findings(&path)?;
    let is_sound = findings.is_empty();
    if json {
        output::print_json(&Checked {
            path: &path,
            sound: is_sound,
            findings: &findings,
        })?;
    } else {
        let path = path.display().to_string();
        let text = text(&path, &findings);
        io::stdout().lock().write_all(text.as_bytes())?;
    }
    Ok(if is_sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What is wrong; a file that is too damaged to be looked at is a finding too.
fn findings(path: &Path) -> Result<Vec<Finding>, StoreError> {
    let bar = progress::steps(0);
    let checked = Reader::open(path).and_then(|reader| {
        reader.check(&mut |CheckProgress { doing, done, of }| {
            bar.set_length(of);
            bar.set_position(done);
            bar.set_message(doing);
        })
    });
    bar.finish_and_clear();
    match checked {
        Err(StoreError::Damaged { doing, source, .. }) => {
            Ok(vec![Finding::Damage(format!("{doing} failed: {source}"))])
        }
        other => other,
    }
}

fn text(path: &str, findings: &[Finding]) -> String {
    if findings.is_empty() {
        return format!("{path}: sound: pages, references, and the sums of all tiers agree\n");
    }
    let mut text = format!("{path}: not sound\n");
    for finding in findings {
        text.push_str(&format!("  {}\n", finding.text()));
    }
    let is_damaged = findings
        .iter()
        .any(|finding| matches!(finding, Finding::Damage(_)));
    text.push_str(&if is_damaged {
        format!(
            "The file is damaged. Stop the daemon, move the file away, and save what it holds with\n\
             `sqlite3 {path} .recover`; the daemon begins a new one.\n"
        )
    } else {
        format!(
            "The file can be read and written, but what is listed may be answered wrongly. To make it \
             anew:\n`nettally db export --database {path} --output all.jsonl`, then\n\
             `nettally db import --database NEW all.jsonl`.\n"
        )
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_with_what_to_do() {
        assert!(text("x.db", &[]).starts_with("x.db: sound"));
        let damage = Finding::Damage("Tree 5 page 9".to_owned());
        let said = text("x.db", &[damage]);
        assert!(said.starts_with("x.db: not sound\n  Tree 5 page 9\nThe file is damaged."));
        assert!(said.contains("`sqlite3 x.db .recover`"), "{said}");
        let wrong = Finding::Contradiction("7 rows".to_owned());
        let said = text("x.db", &[wrong]);
        assert!(said.contains("  7 rows\n"), "{said}");
        assert!(said.contains("db export --database x.db"), "{said}");
    }

    #[test]
    fn the_json_is_as_its_schema_says() {
        let findings = [
            Finding::Damage("Tree 5 page 9".to_owned()),
            Finding::Reference("1 rows of x".to_owned()),
            Finding::Contradiction("7 rows".to_owned()),
        ];
        let printed = serde_json::to_string_pretty(&Checked {
            path: Path::new("x.db"),
            sound: false,
            findings: &findings,
        })
        .unwrap();
        insta::assert_snapshot!(printed);
        schema::assert_valid::<Checked<'_>>(&printed);
    }

    #[test]
    fn the_schema_is_the_one_that_programs_know() {
        insta::assert_snapshot!(schema::printed::<Checked<'_>>());
    }
}
