//! What must hold on a kernel, and whether it does.

use serde_json::Value;

use super::kernels::Kernel;
use super::machine::Outcome;

/// A command for the machine, and the meaning of how it ends.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) script: String,
    /// What is wrong, if something is.
    pub(super) complaint: fn(&Outcome) -> Option<String>,
}

/// The version of Linux that a user of an older one must be told.
const NEEDED: &str = "6.3";

/// Tests that read what we print with Python, which is not in the machine.
const NEED_PYTHON: [&str; 2] = [
    "tools::curl_and_python_are_exact",
    "hostile_names::are_harmless_in_json_csv_table_and_statsd",
];

/// Of churn: everything takes longer here, so that less of it is as much.
const CHURN_SECONDS: u32 = 4;

/// Everything for this kernel; the arguments are of the test program.
pub(super) fn of(kernel: &Kernel, test_arguments: &[String]) -> Vec<Check> {
    if kernel.has_tracepoints {
        vec![
            Check {
                name: "doctor",
                script: "nettally doctor --json".to_owned(),
                complaint: is_usable,
            },
            Check {
                name: "tests",
                script: test_script(test_arguments),
                complaint: tests_passed,
            },
        ]
    } else {
        vec![
            Check {
                name: "doctor",
                script: "nettally doctor --json".to_owned(),
                complaint: says_too_old,
            },
            Check {
                name: "run",
                script: "nettally run --data-dir /tmp/data".to_owned(),
                complaint: refuses_to_run,
            },
        ]
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
        "export NETTALLY_CHURN_SECONDS={CHURN_SECONDS}\nexec {} {}",
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

fn says_too_old(outcome: &Outcome) -> Option<String> {
    let report = match doctors_report(outcome) {
        Ok(report) => report,
        Err(complaint) => return Some(complaint),
    };
    if outcome.status == 0 || report["usable"] != false {
        return Some("the doctor calls a kernel usable that is too old".to_owned());
    }
    let blockers = report["blockers"].as_array().map_or(&[][..], Vec::as_slice);
    match blockers {
        [blocker] if says_what_is_needed(&blocker["remedy"]) => None,
        _ => Some(format!(
            "the doctor does not say that Linux {NEEDED} is needed, and nothing else: {blockers:?}"
        )),
    }
}

fn says_what_is_needed(remedy: &Value) -> bool {
    remedy.as_str().is_some_and(|text| text.contains(NEEDED))
}

fn doctors_report(outcome: &Outcome) -> Result<Value, String> {
    serde_json::from_str(&outcome.output).map_err(|error| format!("the doctor's report: {error}"))
}

fn refuses_to_run(outcome: &Outcome) -> Option<String> {
    let Outcome { status, output, .. } = outcome;
    let complaint = if *status == 0 {
        "it ends with success"
    } else if output.contains("panicked") {
        "it panics"
    } else if !output.contains(NEEDED) {
        "it does not say which kernel is needed"
    } else if output.lines().count() != 1 {
        "it says it in more than a sentence"
    } else {
        return None;
    };
    Some(complaint.to_owned())
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
