//! Programs whose short options take secrets.

use super::HIDDEN;

/// How much of a value is hidden.
#[derive(Clone, Copy)]
pub(super) enum Hide {
    All,
    /// What follows the name of a user.
    Password,
    /// All, unless it is the path of a file.
    UnlessPath,
}

impl Hide {
    pub(super) fn applied(self, value: &str) -> String {
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

/// How such a program reads its secret.
#[derive(Clone, Copy)]
pub(super) struct Program {
    pub(super) option: &'static [char],
    pub(super) is_attached: bool,
    pub(super) is_separate: bool,
    pub(super) hide: Hide,
    /// Letters that may stand before the option in one word.
    pub(super) flags: &'static str,
    /// Whether the secret comes once, before another program's arguments.
    pub(super) is_once: bool,
}

const PLAIN: Program = Program {
    option: &[],
    is_attached: true,
    is_separate: true,
    hide: Hide::All,
    flags: "",
    is_once: false,
};

/// What the word says of the options that follow: `None` nothing, `Some(None)` that it is another
/// program, which has no such options. Only the first word is a program for sure; others are taken
/// for one if they are known, as in `sudo mysql -p..`.
pub(super) fn program(word: &str, is_begun: bool) -> Option<Option<Program>> {
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

fn is_path(value: &str) -> bool {
    ["/", "./", "../", "~", "@", "file:"]
        .iter()
        .any(|start| value.starts_with(start))
        || [".pem", ".key", ".crt", ".der", ".p8"]
            .iter()
            .any(|end| value.ends_with(end))
}
