//! The function `metrics-rollup`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run_event(metrics_rollup::handle)
}
