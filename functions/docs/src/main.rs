//! The program of the function `docs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run_without_state(docs::handle)
}
