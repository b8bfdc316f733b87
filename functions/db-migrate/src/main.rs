//! The function `db-migrate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run_event(db_migrate::handle)
}
