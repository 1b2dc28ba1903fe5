//! Components that were removed or replaced, and still deliver what they hold.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// All of them, each with its name for people.
#[derive(Default)]
pub(super) struct Retiring(Vec<(String, JoinHandle<()>)>);

impl Retiring {
    pub(super) fn add(&mut self, name: String, end: impl Future<Output = ()> + Send + 'static) {
        self.0.retain(|(_name, task)| !task.is_finished());
        self.0.push((name, tokio::spawn(end)));
    }

    /// Waits for all of them; those that have not ended by `deadline` are stopped and named.
    pub(super) async fn finish(self, deadline: Instant) -> Vec<String> {
        let mut late = Vec::new();
        for (name, mut task) in self.0 {
            // A panic has printed its message already.
            if timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
                late.push(name);
            }
        }
        late
    }
}
