//! The function `auth-login`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(auth_login::handle)
}
