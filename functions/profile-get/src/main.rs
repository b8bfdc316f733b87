//! The function `profile-get`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(profile_get::handle)
}
