//! The token that opens the API to other machines: in a file that only its owner reads.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Random bytes in a token that we make.
const RANDOM_BYTES: usize = 32;

/// A token that is shorter could be guessed.
const SHORTEST: usize = 16;

/// What whoever asks from another machine must know.
#[derive(Clone)]
pub struct Token(String);

/// Without the token itself: this ends up in logs.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read or made.
    #[error("cannot {doing} the token file {}; name one that this user may {doing} with `api.token_file`", path.display())]
    File {
        /// `read` or `write`.
        doing: &'static str,
        /// Of the token.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Others could read it.
    #[error("the token file {} can be read by others (mode {mode:04o}); chmod 600 it, and change the token", path.display())]
    Open {
        /// Of the token.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// What is in it is no token.
    #[error("the token file {} has no token: {SHORTEST} or more letters, digits and signs without spaces are needed; delete it to have one made", path.display())]
    Unfit {
        /// Of the token.
        path: PathBuf,
    },
}

impl Token {
    /// From a text that holds nothing else, line ends aside.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_fit = text.len() >= SHORTEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_fit.then(|| Self(text.to_owned()))
    }

    /// Reads the token in a file.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::File {
            doing: "read",
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TokenError::Open {
                path: path.to_owned(),
                mode,
            });
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        Self::new(&text).ok_or_else(|| TokenError::Unfit {
            path: path.to_owned(),
        })
    }

    /// Reads the token in a file, which is made with a random one if it is not there.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn read_or_make(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::File {
            doing: "write",
            path: path.to_owned(),
            source,
        };
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        match made {
            Ok(mut file) => {
                let token = random().map_err(failed)?;
                let written = file.write_all(format!("{token}\n").as_bytes());
                written.and_then(|()| file.sync_all()).map_err(failed)?;
                Ok(Self(token))
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::read(path),
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether `given` is it. Takes as long whatever is given, so that nobody finds it letter by
    /// letter.
    #[must_use]
    pub fn is(&self, given: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let differences = own
            .iter()
            .enumerate()
            .fold(own.len() ^ given.len(), |sum, (place, byte)| {
                sum | usize::from(byte ^ given.get(place).unwrap_or(&0))
            });
        differences == 0
    }

    /// For a header.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }
}

/// As hexadecimal digits.
fn random() -> io::Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let made = Token::read_or_make(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let again = Token::read_or_make(&path).unwrap();
        assert_eq!((made.secret(), made.secret().len()), (again.secret(), 64));
    }

    #[test]
    fn a_file_that_keeps_no_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "0123456789abcdef").unwrap();
        let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        mode(0o640);
        let said = Token::read(&path).unwrap_err().to_string();
        assert!(
            said.contains("mode 0640") && said.contains("chmod 600"),
            "{said}"
        );
        mode(0o600);
        assert!(Token::read(&path).is_ok());
        for unfit in ["", "short", "with a space in it, though long"] {
            std::fs::write(&path, unfit).unwrap();
            let said = Token::read(&path).unwrap_err();
            assert!(matches!(said, TokenError::Unfit { .. }), "{unfit}");
        }
    }

    #[test]
    fn nothing_but_the_token_is_the_token() {
        let token = Token::new("0123456789abcdef\n").unwrap();
        assert!(token.is(b"0123456789abcdef"));
        for other in [
            "",
            "0123456789abcde",
            "0123456789abcdeg",
            "0123456789abcdef0",
        ] {
            assert!(!token.is(other.as_bytes()), "{other}");
        }
        assert_eq!(format!("{token:?}"), "Token(***)");
    }
}
