//! The function `journal-list`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(journal_list::handle)
}
