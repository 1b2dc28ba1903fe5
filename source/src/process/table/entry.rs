//! One process of the table.

use std::sync::Arc;
use std::time::Duration;

use crate::pipeline::{Attribution, Process};

/// What is remembered of a process.
pub(super) struct Entry {
    pub(super) process: Arc<Process>,
    /// Whether its application is called as it is itself.
    pub(super) is_app_name: bool,
    pub(super) is_kernel_thread: bool,
    pub(super) last_used: Duration,
    pub(super) tunnel_asked: Option<Duration>,
}

/// What changes while a process runs one program.
pub(super) struct Who {
    pub(super) name: String,
    pub(super) uid: Option<u32>,
    pub(super) user: Option<String>,
    pub(super) gid: Option<u32>,
}

impl Who {
    pub(super) fn of(process: &Process) -> Self {
        Self {
            name: process.name.clone(),
            uid: process.uid,
            user: process.user.clone(),
            gid: process.gid,
        }
    }
}

impl Entry {
    pub(super) fn is_of(&self, who: &Who) -> bool {
        let Who {
            name,
            uid,
            user,
            gid,
        } = who;
        let process = &self.process;
        process.attribution != Attribution::Unknown
            && (&process.name, &process.uid, &process.user, &process.gid) == (name, uid, user, gid)
    }

    /// Whether more than its name is known.
    pub(super) fn is_complete(&self) -> bool {
        match self.process.attribution {
            Attribution::Kernel | Attribution::Proc => true,
            Attribution::Name | Attribution::Unknown => false,
        }
    }

    pub(super) fn change(&mut self, who: &Who) {
        let Who {
            name,
            uid,
            user,
            gid,
        } = who;
        let process = Arc::make_mut(&mut self.process);
        if self.is_app_name {
            process.app.clone_from(name);
        }
        process.name.clone_from(name);
        process.user.clone_from(user);
        (process.uid, process.gid) = (*uid, *gid);
    }
}
