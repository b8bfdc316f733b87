//! The function `account-export`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(account_export::handle)
}
