//! The function `auth-password`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(auth_password::handle)
}
