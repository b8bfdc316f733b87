//! The function `journal-update`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(journal_update::handle)
}
