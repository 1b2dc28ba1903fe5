//! Which connections are open, and which of them has been idle for longest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The connections of one door.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// Grows with everything that happens, so that it orders what happened.
    clock: u64,
    open: HashMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Requests that are being answered.
    busy: u32,
    /// When it was opened, or its last answer was ready.
    idle_since: u64,
    close: Option<oneshot::Sender<()>>,
}

/// One connection; dropping it forgets it.
#[derive(Debug)]
pub(super) struct Connection {
    table: Arc<Connections>,
    id: u64,
}

/// A request that is being answered; dropping it says that this is over.
#[derive(Debug)]
pub(super) struct Answering(Arc<Connection>);

impl Connections {
    /// Adds a connection; the receiver tells when it is to be closed.
    pub(super) fn open(self: &Arc<Self>) -> (Arc<Connection>, oneshot::Receiver<()>) {
        let (close, closed) = oneshot::channel();
        let mut table = self.lock();
        let id = table.tick();
        let entry = Entry {
            busy: 0,
            idle_since: id,
            close: Some(close),
        };
        table.open.insert(id, entry);
        let table = Arc::clone(self);
        (Arc::new(Connection { table, id }), closed)
    }

    /// Closes the connection on which nothing has been asked for longest; says whether there is one.
    pub(super) fn close_idle(&self) -> bool {
        let mut table = self.lock();
        let idle = table
            .open
            .values_mut()
            .filter(|entry| entry.busy == 0 && entry.close.is_some())
            .min_by_key(|entry| entry.idle_since);
        // Whoever is ending already need not be told.
        idle.and_then(|entry| entry.close.take())
            .is_some_and(|close| close.send(()).is_ok())
    }

    /// A panic elsewhere leaves whole numbers.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

impl Connection {
    /// A request has come.
    pub(super) fn answering(self: &Arc<Self>) -> Answering {
        if let Some(entry) = self.table.lock().open.get_mut(&self.id) {
            entry.busy += 1;
        }
        Answering(Arc::clone(self))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.table.lock().open.remove(&self.id);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let Self(connection) = self;
        let mut table = connection.table.lock();
        let now = table.tick();
        if let Some(entry) = table.open.get_mut(&connection.id) {
            entry.busy = entry.busy.saturating_sub(1);
            entry.idle_since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_idle_for_longest_is_closed_and_none_that_is_asked() {
        let connections = Arc::new(Connections::default());
        let (first, mut first_closed) = connections.open();
        let (_second, mut second_closed) = connections.open();
        let (third, mut third_closed) = connections.open();
        let busy = third.answering();
        // It was asked last.
        drop(first.answering());
        assert!(connections.close_idle());
        assert!(second_closed.try_recv().is_ok() && first_closed.try_recv().is_err());
        assert!(connections.close_idle());
        assert!(first_closed.try_recv().is_ok());
        assert!(!connections.close_idle() && third_closed.try_recv().is_err());
        drop(busy);
        assert!(connections.close_idle() && third_closed.try_recv().is_ok());
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let connections = Arc::new(Connections::default());
        drop(connections.open());
        assert!(!connections.close_idle());
        assert!(connections.lock().open.is_empty());
    }
}
