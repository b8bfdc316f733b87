//! The function `health`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(health::handle)
}
