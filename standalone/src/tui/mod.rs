//! The terminal screen of `nettally top`.

mod feed;
mod keys;
mod model;
mod update;
mod view;

#[cfg(test)]
mod testing;
