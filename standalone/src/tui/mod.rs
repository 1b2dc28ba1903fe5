//! The terminal screen of `nettally top`.
