//! The program `nettally`.

fn main() -> std::process::ExitCode {
    nettally::cli::main()
}
