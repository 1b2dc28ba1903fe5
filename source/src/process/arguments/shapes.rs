//! Secrets that are known by what is around them, wherever they stand in a text.

use std::sync::LazyLock;

use regex::Regex;

/// What is found, and what is written instead.
struct Shape {
    pattern: Regex,
    replacement: &'static str,
}

/// In the order they are applied.
static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    [
        // `scheme://user:password@host`
        (
            r#"([A-Za-z][A-Za-z0-9+.\-]*://[^/?#\s:@"']*):[^/?#\s"']*@"#,
            "${1}:***@",
        ),
        // `https://TOKEN@host`: too long to be the name of a user.
        (r#"(https?://)[^/?#\s:@"']{20,}@"#, "${1}***@"),
        // `?token=..`, `&signature=..`, and `;AccountKey=..` of connection strings
        (
            r#"(?i)([?&;]\s*(?:[\w.\-]*(?:token|secret|password|passwd|pwd|signature|api[_\-]?key|access[_\-]?key|account[_\-]?key|credential)[\w.\-]*|key|sig|pass|auth)=)[^&;#\s"']+"#,
            "${1}***",
        ),
        // `Authorization: Bearer ..`: the scheme is no secret.
        (
            r#"(?i)(authorization\s*:\s*(?:(?:bearer|basic|digest|negotiate|token|apikey)\s+)?)[^"'\r\n]+"#,
            "${1}***",
        ),
        // `X-Api-Key: ..`, `Private-Token: ..`, `Cookie: ..`
        (
            r#"(?i)((?:\b|-H)(?:x-[\w\-]*(?:key|token|secret|auth)[\w\-]*|api-?key|private-token|job-token|cookie)\s*:\s*)[^"'\r\n]+"#,
            "${1}***",
        ),
        (r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/\-]{8,}=*", "${1}***"),
        // `{"password": ".."}`
        (
            r#"(?i)("[\w.\-]*(?:password|passwd|secret|token|api_?-?key)\\?"\s*:\s*\\?")[^"\\]+"#,
            "${1}***",
        ),
        // `openssl -passin pass:..`
        (r"(^|\s)pass:\S+", "${1}pass:***"),
        // Those that say by their beginning that they are secrets.
        (
            r"\b(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w\-]{15,}|xox[abprs]-[\w\-]{10,}|sk_(?:live|test)_\w{10,}|AKIA[0-9A-Z]{16}|eyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*)",
            "***",
        ),
    ]
    .into_iter()
    .map(|(pattern, replacement)| Shape {
        pattern: compiled(pattern),
        replacement,
    })
    .collect()
});

/// `scheme://user:passw` at the end of what was recorded.
static CUT_URL: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"([A-Za-z][A-Za-z0-9+.\-]*://[^/?#\s:@]*):[^/?#\s@]+$"));

/// `text` without them.
pub(super) fn hidden(text: &str) -> String {
    let mut text = text.to_owned();
    for Shape {
        pattern,
        replacement,
    } in SHAPES.iter()
    {
        if let std::borrow::Cow::Owned(changed) = pattern.replace_all(&text, *replacement) {
            text = changed;
        }
    }
    text
}

/// The same of a text whose end is missing: what follows the user's name in a URL may be a password.
pub(super) fn hidden_in_cut(text: &str) -> String {
    CUT_URL.replace(&hidden(text), "${1}:***").into_owned()
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the tests use every pattern of this file")
}
