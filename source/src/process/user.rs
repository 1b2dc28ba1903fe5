//! Names of users.

use uzers::{Users as _, UsersCache};

/// Asks the system once for each user.
pub(super) struct UserNames(UsersCache);

impl UserNames {
    pub(super) fn new() -> Self {
        Self(UsersCache::new())
    }

    pub(super) fn name(&self, uid: u32) -> Option<String> {
        let user = self.0.get_user_by_uid(uid)?;
        Some(user.name().to_string_lossy().into_owned())
    }
}
