//! What Kai does about a message or an answer that speaks of suicide or self-harm.
//!
//! Everything here runs locally and before any look-up: phrase lists written by people, compared after a normalisation that sees through
//! the usual disguises. It is no diagnosis. `docs/safety.md` says what it promises, what it misses, and how to add a phrase.

mod country;
mod normalise;
mod phrases;
mod replies;
mod resources;
mod spelling;

use std::borrow::Cow;

pub use country::Country;
pub use replies::{crisis_reply, withheld_reply};
pub use resources::{Resource, resources};

/// Version of the lists and of the normalisation. It is part of cache keys: an answer that other lists let through is not served again.
pub const VERSION: &str = "2026-11-2";

/// A language for which there are lists and replies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// English, which also stands for texting slang.
    English,
    /// German.
    German,
    /// Spanish.
    Spanish,
}

/// The language of the first phrase by which a message looks like a crisis, or `None` when it does not.
///
/// Denials and quotations count: "I would never kill myself" and "she wants to kill herself" are crises. An answer for which this is
/// `Some` speaks of a crisis and must carry [`resources()`].
pub fn detect(message: &str) -> Option<Language> {
    phrases::CRISIS.find(&ends(message))
}

/// Whether a model's answer must not be shown, because it encourages suicide or self-harm or tells a means.
///
/// Sentences that deny it ("you should not…") or report how somebody feels ("it may seem that…") are let through, means never.
pub fn is_harmful(answer: &str) -> bool {
    phrases::HARMFUL.find(&ends(answer)).is_some()
}

/// How many bytes of either end of a text are read.
const END: usize = 20_000;

/// The beginning and the end of a text that is longer than anybody writes: the whole of it would cost a stranger little and us much.
fn ends(text: &str) -> Cow<'_, str> {
    if text.len() <= 2 * END {
        return Cow::Borrowed(text);
    }
    let (begin, end) = (text.floor_char_boundary(END), text.ceil_char_boundary(text.len() - END));
    let (Some(begin), Some(end)) = (text.get(..begin), text.get(end..)) else { return Cow::Borrowed(text) };
    Cow::Owned(format!("{begin}\n{end}"))
}

#[cfg(test)]
mod tests;
