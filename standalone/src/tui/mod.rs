//! The terminal screen of `nettally top`.

mod feed;
mod model;

#[cfg(test)]
mod testing;
