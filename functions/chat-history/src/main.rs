//! The function `chat-history`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(chat_history::handle)
}
