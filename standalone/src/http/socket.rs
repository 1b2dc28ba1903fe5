//! The API on a Unix socket: whoever may open the file may ask, so no other check is made.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket};

/// Owner and group.
const MODE: u32 = 0o660;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 128;

/// A listening socket; its file goes with it.
#[derive(Debug)]
pub struct SocketFile {
    listener: UnixListener,
    path: PathBuf,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another program answers there.
    #[error("a program listens on {} already; is another nettally running? choose another path with `api.socket`", .0.display())]
    InUse(PathBuf),
    /// Something else is there.
    #[error("{} is there and is no socket; choose another path with `api.socket`", .0.display())]
    NoSocket(PathBuf),
    /// The system refuses.
    #[error("cannot listen on the socket {}; choose another path (of at most 107 bytes) with `api.socket`", path.display())]
    Refused {
        /// Of the socket.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl SocketFile {
    /// Listens at `path`. A file that a program left behind is replaced.
    ///
    /// # Errors
    /// Says why not.
    pub fn listen(path: &Path) -> Result<Self, SocketError> {
        let refused = |source| SocketError::Refused {
            path: path.to_owned(),
            source,
        };
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(SocketError::NoSocket(path.to_owned()));
            }
            Ok(_socket) => {
                if std::os::unix::net::UnixStream::connect(path).is_ok() {
                    return Err(SocketError::InUse(path.to_owned()));
                }
                std::fs::remove_file(path).map_err(refused)?;
            }
            Err(_not_there) => {}
        }
        let socket = UnixSocket::new_stream().map_err(refused)?;
        socket.bind(path).map_err(refused)?;
        // Nobody can connect before it listens.
        let listener = std::fs::set_permissions(path, PermissionsExt::from_mode(MODE))
            .and_then(|()| socket.listen(BACKLOG))
            .map_err(refused)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // If somebody else took it away, it is gone as it should be.
        let _gone = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_left_behind_is_replaced_and_what_lives_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nettally.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = SocketFile::listen(&path).unwrap();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o660);
        let second = SocketFile::listen(&path);
        assert!(matches!(second, Err(SocketError::InUse(_))), "{second:?}");
        drop(first);
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        let third = SocketFile::listen(&path);
        assert!(matches!(third, Err(SocketError::NoSocket(_))), "{third:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
