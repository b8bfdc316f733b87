//! The function `health-detailed`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(health_detailed::handle)
}
