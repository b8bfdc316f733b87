//! The function `chat-clear`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(chat_clear::handle)
}
