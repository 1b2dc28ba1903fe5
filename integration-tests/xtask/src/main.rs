//! `cargo xtask`: chores of the project.
fn main() {}
