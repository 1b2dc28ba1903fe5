//! Secrets that are known by the word before them: options and assignments.

use super::{HIDDEN, shapes};

/// Reads arguments one after the other.
#[derive(Default)]
pub(super) struct Words {
    program: Option<Program>,
    next: Option<Hide>,
    is_begun: bool,
}

/// How much of a value is hidden.
#[derive(Clone, Copy)]
enum Hide {
    All,
    /// What follows the name of a user.
    Password,
    /// All, unless it is the path of a file.
    UnlessPath,
}

/// Programs whose short options take secrets.
#[derive(Clone, Copy)]
struct Program {
    option: &'static [char],
    is_attached: bool,
    is_separate: bool,
    hide: Hide,
    /// Letters that may stand before the option in one word.
    flags: &'static str,
    /// Whether the secret comes once, before another program's arguments.
    is_once: bool,
}

const PLAIN: Program = Program {
    option: &[],
    is_attached: true,
    is_separate: true,
    hide: Hide::All,
    flags: "",
    is_once: false,
};

/// Text inside an argument, such as that of `sh -c`, is read this deep.
const MAX_DEPTH: u8 = 3;

impl Words {
    /// The next argument without its secrets.
    pub(super) fn argument(&mut self, text: &str) -> String {
        self.at_depth(text, 0)
    }

    fn at_depth(&mut self, text: &str, depth: u8) -> String {
        if let Some(hide) = self.next.take()
            && !text.starts_with('-')
        {
            return hide.applied(text);
        }
        let has_words = text.contains(char::is_whitespace);
        if !has_words && let Some(program) = program(text, self.is_begun) {
            self.program = program;
        }
        self.is_begun = true;
        if let Some(redacted) = self.option(text).or_else(|| assignment(text)) {
            return redacted;
        }
        let text = shapes::hidden(text);
        if !has_words || depth >= MAX_DEPTH {
            return text;
        }
        for quote in ['\'', '"'] {
            let inner = text
                .strip_prefix(quote)
                .and_then(|rest| rest.strip_suffix(quote));
            if let Some(inner) = inner
                && !inner.contains(quote)
            {
                let inner = Self::default().at_depth(inner, depth + 1);
                return format!("{quote}{inner}{quote}");
            }
        }
        let mut words = Self::default();
        pieces(&text)
            .into_iter()
            .map(|piece| {
                if piece.starts_with(char::is_whitespace) {
                    piece.to_owned()
                } else {
                    words.at_depth(piece, depth + 1)
                }
            })
            .collect()
    }

    /// An option with its secret; or none, and what is to be hidden in the next argument is noted.
    fn option(&mut self, word: &str) -> Option<String> {
        let body = word.strip_prefix('-')?;
        let long = body.strip_prefix('-').unwrap_or(body);
        let is_short = long.len() == body.len();
        if is_short && let Some(word) = self.short(word, body) {
            return Some(word);
        }
        if let Some((name, value)) = long.split_once('=')
            && !name.contains(char::is_whitespace)
        {
            let head = &word[..word.len() - value.len()];
            // `-Dsome.password=..`, `-eSOME_PASSWORD=..`
            let hide = secret_option(name)
                .or_else(|| (is_short && is_secret_name(name)).then_some(Hide::All));
            if let Some(hide) = hide {
                return Some(format!("{head}{}", hide.applied(value)));
            }
            // `--env=SOME_PASSWORD=..`
            if let Some(value) = assignment(value) {
                return Some(format!("{head}{value}"));
            }
        } else if !long.contains(char::is_whitespace)
            && let Some(hide) = secret_option(long)
        {
            self.next = Some(hide);
            return Some(word.to_owned());
        }
        if is_short {
            self.short(word, body)
        } else {
            None
        }
    }

    fn short(&mut self, word: &str, body: &str) -> Option<String> {
        let Program {
            option,
            is_attached,
            is_separate,
            hide,
            flags,
            is_once,
        } = self.program?;
        let rest = body.trim_start_matches(|letter| flags.contains(letter));
        let value = rest.strip_prefix(option)?;
        if is_once {
            self.program = None;
        }
        if value.is_empty() {
            self.next = is_separate.then_some(hide);
            Some(word.to_owned())
        } else {
            let head = &word[..word.len() - value.len()];
            is_attached.then(|| format!("{head}{}", hide.applied(value)))
        }
    }
}

impl Hide {
    fn applied(self, value: &str) -> String {
        match self {
            _ if value.is_empty() => String::new(),
            Self::All => HIDDEN.to_owned(),
            Self::Password => match value.find([':', ',', '%']) {
                // `curl -u TOKEN:`: the name is the secret.
                Some(at) if at + 1 == value.len() => format!("{HIDDEN}{}", &value[at..]),
                Some(at) => format!("{}{HIDDEN}", &value[..=at]),
                None => value.to_owned(),
            },
            Self::UnlessPath if is_path(value) => value.to_owned(),
            Self::UnlessPath => HIDDEN.to_owned(),
        }
    }
}

/// `NAME=value` with a name that says what the value is. Where the value ends is not looked for: in
/// an argument of its own it may hold spaces.
fn assignment(word: &str) -> Option<String> {
    let (name, value) = word.split_once('=')?;
    // As left by the quotes around both.
    let bare = name.trim_start_matches(['"', '\'']);
    let is_name = !bare.starts_with('-')
        && bare
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    (is_name && !value.is_empty() && is_secret_name(bare)).then(|| format!("{name}={HIDDEN}"))
}

/// Parts of names, without their separators, that say that the value is a secret.
const SECRET_PARTS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "credential",
];

fn is_secret_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let joined = joined(&lower);
    SECRET_PARTS.iter().any(|part| joined.contains(part))
        || ["_pass", "_pwd"].iter().any(|end| lower.ends_with(end))
        || lower == "pass"
}

/// Ends of long options that take a secret. Not parts: `--password-file` takes a path.
const SECRET_ENDS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "authkey",
    "authorization",
    "basicauth",
    "proxyauth",
    "storepass",
    "keypass",
];

fn secret_option(name: &str) -> Option<Hide> {
    let lower = name.to_lowercase();
    if lower.starts_with("no-") {
        return None;
    }
    let joined = joined(&lower);
    let is_secret = matches!(&*joined, "pass" | "auth" | "pwd" | "psk")
        || SECRET_ENDS.iter().any(|end| joined.ends_with(end))
        || ["-pass", "_pass"].iter().any(|end| lower.ends_with(end));
    if is_secret {
        Some(Hide::All)
    } else {
        (joined == "privatekey").then_some(Hide::UnlessPath)
    }
}

fn joined(name: &str) -> String {
    name.replace(['-', '_', '.'], "")
}

fn is_path(value: &str) -> bool {
    ["/", "./", "../", "~", "@", "file:"]
        .iter()
        .any(|start| value.starts_with(start))
        || [".pem", ".key", ".crt", ".der", ".p8"]
            .iter()
            .any(|end| value.ends_with(end))
}

/// What the word says of the options that follow: `None` nothing, `Some(None)` that it is another
/// program, which has no such options. Only the first word is a program for sure; others are taken
/// for one if they are known, as in `sudo mysql -p..`.
fn program(word: &str, is_begun: bool) -> Option<Option<Program>> {
    let name = word.rsplit('/').next().unwrap_or(word);
    let known = match name {
        "curl" => Some(Program {
            option: &['u', 'U'],
            hide: Hide::Password,
            flags: "fgikLnNsSvIjJlqRaGB0123469#",
            ..PLAIN
        }),
        "sshpass" => Some(Program {
            option: &['p'],
            is_once: true,
            ..PLAIN
        }),
        // `docker login`, `helm registry login`; after it `-p` is no port.
        "login" if is_begun => Some(Program {
            option: &['p'],
            ..PLAIN
        }),
        "redis-cli" => Some(Program {
            option: &['a'],
            ..PLAIN
        }),
        "http" | "https" | "xh" | "xhs" => Some(Program {
            option: &['a'],
            hide: Hide::Password,
            ..PLAIN
        }),
        "lftp" => Some(Program {
            option: &['u'],
            hide: Hide::Password,
            ..PLAIN
        }),
        "smbclient" | "rpcclient" | "net" => Some(Program {
            option: &['U'],
            hide: Hide::Password,
            ..PLAIN
        }),
        "ipmitool" | "zip" | "unzip" | "sqlcmd" | "bcp" => Some(Program {
            option: &['P'],
            ..PLAIN
        }),
        "7z" | "7za" | "7zr" | "7zz" | "rar" | "unrar" => Some(Program {
            option: &['p'],
            is_separate: false,
            ..PLAIN
        }),
        // `-p NAME` asks for the password, and NAME is a database.
        _ if name.starts_with("mysql") || name.starts_with("mariadb") => Some(Program {
            option: &['p'],
            is_separate: false,
            ..PLAIN
        }),
        _ if name.starts_with("mongo") => Some(Program {
            option: &['p'],
            ..PLAIN
        }),
        _ if name.starts_with("ldap") => Some(Program {
            option: &['w'],
            ..PLAIN
        }),
        _ if name.starts_with("mosquitto_") => Some(Program {
            option: &['P'],
            ..PLAIN
        }),
        _ if name.starts_with("snmp") => Some(Program {
            option: &['A', 'X', 'c'],
            ..PLAIN
        }),
        _ => None,
    };
    known.map(Some).or((!is_begun).then_some(None))
}

/// Words and the space between them, in order. Quotes keep a word together, unless one of them is
/// open at the end: then it was no quote, and words are what has no space.
fn pieces(text: &str) -> Vec<&str> {
    split(text, true).unwrap_or_else(|| split(text, false).unwrap_or_default())
}

fn split(text: &str, has_quotes: bool) -> Option<Vec<&str>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut was_space = None;
    let mut quote = None;
    for (at, character) in text.char_indices() {
        let is_space = quote.is_none() && character.is_whitespace();
        if was_space.is_some_and(|was_space| was_space != is_space) {
            pieces.push(&text[start..at]);
            start = at;
        }
        was_space = Some(is_space);
        match quote {
            Some(open) if open == character => quote = None,
            None if has_quotes && matches!(character, '\'' | '"') => quote = Some(character),
            Some(_) | None => {}
        }
    }
    pieces.push(&text[start..]);
    quote.is_none().then_some(pieces)
}
