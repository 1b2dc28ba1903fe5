//! What must hold on a kernel, and whether it does.

use serde_json::Value;

use super::machine::Outcome;

/// A command for the machine, and the meaning of how it ends.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) script: String,
    /// What is wrong, if something is.
    pub(super) complaint: fn(&Outcome) -> Option<String>,
}

/// Tests that read what we print with Python, which is not in the machine.
const NEED_PYTHON: [&str; 2] = [
    "tools::curl_and_python_are_exact",
    "hostile_names::are_harmless_in_json_csv_table_and_statsd",
];

/// Of churn: everything takes longer here, so that less of it is as much.
const CHURN_SECONDS: u32 = 4;

/// Of those that live for a millisecond, likewise.
const SHORT_PROCESSES: u32 = 100;

/// Everything; the arguments are of the test program.
pub(super) fn of(test_arguments: &[String]) -> Vec<Check> {
    vec![
        Check {
            name: "doctor",
            script: "nettally doctor --json".to_owned(),
            complaint: is_usable,
        },
        tests(test_arguments),
    ]
}

/// The test program alone.
pub(super) fn tests(arguments: &[String]) -> Check {
    Check {
        name: "tests",
        script: test_script(arguments),
        complaint: tests_passed,
    }
}

/// Runs the test program, one test at a time.
fn test_script(arguments: &[String]) -> String {
    let skipped = NEED_PYTHON.iter().flat_map(|&name| ["--skip", name]);
    let words: Vec<String> = ["--test-threads=1"]
        .into_iter()
        .chain(skipped)
        .chain(arguments.iter().map(String::as_str))
        .map(quoted)
        .collect();
    format!(
        "export NETTALLY_CHURN_SECONDS={CHURN_SECONDS}\n\
         export NETTALLY_SHORT_PROCESSES={SHORT_PROCESSES}\nexec {} {}",
        super::TESTS,
        words.join(" ")
    )
}

/// A command of the user, which should end with success.
pub(super) fn shell(line: &str) -> Check {
    Check {
        name: "command",
        script: line.to_owned(),
        complaint: |outcome| {
            let status = outcome.status;
            (status != 0).then(|| format!("status {status}"))
        },
    }
}

fn is_usable(outcome: &Outcome) -> Option<String> {
    let report = match doctors_report(outcome) {
        Ok(report) => report,
        Err(complaint) => return Some(complaint),
    };
    let usable = outcome.status == 0 && report["usable"] == true;
    (!usable).then(|| format!("not usable: {}", report["blockers"]))
}

fn doctors_report(outcome: &Outcome) -> Result<Value, String> {
    serde_json::from_str(&outcome.output).map_err(|error| format!("the doctor's report: {error}"))
}

fn tests_passed(outcome: &Outcome) -> Option<String> {
    let Outcome { status, output, .. } = outcome;
    let result = output
        .lines()
        .rfind(|line| line.starts_with("test result: "))
        .unwrap_or("the test program did not come to an end");
    let passed = *status == 0 && result.starts_with("test result: ok.");
    (!passed || result.contains(" 0 passed")).then(|| format!("status {status}: {result}"))
}

/// One word for the shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
