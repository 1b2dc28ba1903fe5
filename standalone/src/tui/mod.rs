//! The terminal screen of `nettally top`.

mod feed;

#[cfg(test)]
mod testing;
