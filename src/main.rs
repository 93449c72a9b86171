//! The `hafir` binary: hands the command line to the library and turns its answer into an exit code.

fn main() -> std::process::ExitCode {
    hafir::run(std::env::args_os().skip(1).collect())
}
