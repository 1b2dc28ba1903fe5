//! Names of users, without ever waiting for them.
//!
//! A directory of users may be a server that takes its time, so it is asked on a thread of its own.
//! Users of this machine's own file are known from the start.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing::warn;

/// How long an answer holds.
const EXPIRY: Duration = Duration::from_secs(600);

/// Users that are known at most; names of more are not asked for until some expire.
const MAX_KNOWN: usize = 16_384;

/// Questions that may wait.
const MAX_WAITING: usize = 256;

/// Where the machine's own users are.
const FILE: &str = "/etc/passwd";

/// Asks the system for each user, and once more every ten minutes.
pub(crate) struct UserNames {
    known: HashMap<u32, Known>,
    questions: SyncSender<u32>,
    answers: Receiver<Answer>,
}

struct Known {
    name: Option<String>,
    /// When the system was asked; `None` if it is from the file and was not needed yet.
    asked: Option<Duration>,
}

/// A user, and the name if there is such a user.
type Answer = (u32, Option<String>);

impl UserNames {
    /// Those of this machine.
    pub(crate) fn of_this_machine() -> Self {
        let file = std::fs::read(Path::new(FILE)).unwrap_or_default();
        Self::new(&String::from_utf8_lossy(&file), |uid| {
            let user = uzers::get_user_by_uid(uid)?;
            Some(user.name().to_string_lossy().into_owned())
        })
    }

    /// Those of a file such as `/etc/passwd`; others are asked for with `look_up`.
    fn new(file: &str, look_up: impl Fn(u32) -> Option<String> + Send + 'static) -> Self {
        let (questions, asked) = sync_channel(MAX_WAITING);
        let (answered, answers) = sync_channel(MAX_WAITING);
        // Not joined: it ends with this, but not before a question is answered, which may take long.
        let thread = std::thread::Builder::new().name("user-names".to_owned());
        let spawned = thread.spawn(move || {
            for uid in asked {
                if answered.send((uid, look_up(uid))).is_err() {
                    return;
                }
            }
        });
        if let Err(error) = spawned {
            warn!(%error, "Users of other places than {FILE} have no names.");
        }
        let mut known = HashMap::new();
        for (uid, name) in file.lines().filter_map(user).take(MAX_KNOWN) {
            // The first of two counts, as it does for the system.
            known.entry(uid).or_insert(Known {
                name: Some(name),
                asked: None,
            });
        }
        Self {
            known,
            questions,
            answers,
        }
    }

    /// The name as far as it is known; if it is not, the system is asked.
    pub(crate) fn name(&mut self, uid: u32, now: Duration) -> Option<String> {
        if let Some(Known { name, asked }) = self.known.get_mut(&uid) {
            let asked = asked.get_or_insert(now);
            if now.saturating_sub(*asked) < EXPIRY {
                return name.clone();
            }
        } else if !self.has_room(now) {
            return None;
        }
        // If too many wait, it is asked at the next opportunity.
        let is_asked = self.questions.try_send(uid).is_ok();
        match self.known.get_mut(&uid) {
            Some(known) => {
                if is_asked {
                    known.asked = Some(now);
                }
                known.name.clone()
            }
            None => {
                if is_asked {
                    let (name, asked) = (None, Some(now));
                    self.known.insert(uid, Known { name, asked });
                }
                None
            }
        }
    }

    /// Takes what has been answered.
    pub(crate) fn take_answers(&mut self) {
        while let Ok(answer) = self.answers.try_recv() {
            self.take(answer);
        }
    }

    fn take(&mut self, (uid, name): Answer) {
        if let Some(known) = self.known.get_mut(&uid) {
            known.name = name;
        }
    }

    fn has_room(&mut self, now: Duration) -> bool {
        if self.known.len() >= MAX_KNOWN {
            self.known.retain(|_uid, known| {
                known
                    .asked
                    .is_some_and(|asked| now.saturating_sub(asked) < EXPIRY)
            });
        }
        self.known.len() < MAX_KNOWN
    }
}

/// `name:password:uid:..`
fn user(line: &str) -> Option<(u32, String)> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    let uid = fields.nth(1)?.parse().ok()?;
    Some((uid, name.to_owned()))
}

#[cfg(test)]
impl UserNames {
    /// Those of a file, and nobody else.
    pub(crate) fn of_file(file: &str) -> Self {
        Self::new(file, |_uid| None)
    }

    /// Those that `look_up` knows.
    pub(crate) fn asking(look_up: impl Fn(u32) -> Option<String> + Send + 'static) -> Self {
        Self::new("", look_up)
    }

    /// Takes the next answer, which may take a moment.
    pub(crate) fn wait(&mut self) {
        let answer = self.answers.recv().unwrap();
        self.take(answer);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn users_of_the_file_are_known_at_once() {
        let file =
            "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:3:\nme:x:1000:1000::/:\nme2:x:1000:1:::\n";
        let mut users = UserNames::of_file(file);
        assert_eq!(users.name(0, at(0)).as_deref(), Some("root"));
        assert_eq!(users.name(1000, at(0)).as_deref(), Some("me"));
        assert_eq!(users.name(3, at(0)), None);
    }

    #[test]
    fn nobody_waits_for_a_directory_that_does_not_answer() {
        let (release, held) = channel::<()>();
        let mut users = UserNames::asking(move |uid| {
            held.recv().ok()?;
            Some(format!("user{uid}"))
        });
        assert_eq!(users.name(7, at(0)), None);
        users.take_answers();
        assert_eq!(users.name(7, at(0)), None);
        release.send(()).unwrap();
        users.wait();
        assert_eq!(users.name(7, at(1)).as_deref(), Some("user7"));
    }

    #[test]
    fn an_answer_is_asked_for_again_when_it_has_expired() {
        let asked = AtomicU32::new(0);
        let mut users = UserNames::asking(move |_uid| {
            Some(format!("name{}", asked.fetch_add(1, Ordering::Relaxed)))
        });
        users.name(7, at(0));
        users.wait();
        let before = EXPIRY.as_secs() - 1;
        assert_eq!(users.name(7, at(before)).as_deref(), Some("name0"));
        // The old name holds until there is a new one.
        assert_eq!(users.name(7, at(before + 1)).as_deref(), Some("name0"));
        users.wait();
        assert_eq!(users.name(7, at(before + 2)).as_deref(), Some("name1"));
    }

    #[test]
    fn there_are_bounds_on_what_waits_and_on_what_is_known() {
        let (_release, held) = channel::<()>();
        let mut users = UserNames::asking(move |_uid| {
            held.recv().ok()?;
            None
        });
        for uid in 0..10_000 {
            users.name(uid, at(0));
        }
        // One may have been taken from the queue.
        assert!(users.known.len() <= MAX_WAITING + 1);
        let many: String = (0..20_000)
            .map(|uid| format!("u{uid}:x:{uid}:\n"))
            .collect();
        let mut users = UserNames::of_file(&many);
        assert_eq!(users.known.len(), MAX_KNOWN);
        users.name(1, at(0));
        users.name(50_000, at(0));
        assert_eq!(users.known.len(), 2);
    }
}
