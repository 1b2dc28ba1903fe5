//! Processes of every kind, each of which sends bytes of known number.
//!
//! The program `speck` is small and does what its arguments say, one after the other: see [`Step`].
//! Copies and links of it have paths and names of their own. [`step`] reads an argument; [`act`]
//! does it; [`places`] are namespaces, mounts and control groups; [`births`] are processes and
//! threads that begin or end in an odd way.

mod act;
mod births;
mod places;
mod step;

pub use act::run;
pub use step::Step;
