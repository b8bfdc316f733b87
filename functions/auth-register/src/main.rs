//! The function `auth-register`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(auth_register::handle)
}
