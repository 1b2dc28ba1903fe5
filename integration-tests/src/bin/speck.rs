//! Does what its arguments say, one after the other, and ends. Small, so that thousands of it can
//! be started; copies of it have paths and names of their own.

use std::io::{self, Write as _};
use std::process::ExitCode;

use nettally_integration_tests::traffic::identity;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match identity::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do about it where even standard error is gone.
            drop(writeln!(io::stderr(), "speck: {error}"));
            ExitCode::FAILURE
        }
    }
}
