//! The function `cache-monitor`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run_event(cache_monitor::handle)
}
