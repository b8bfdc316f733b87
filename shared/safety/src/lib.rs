//! Detection of messages and model replies about suicide or self-harm, and the response to them.
//!
//! Detection runs locally and before any lookup. It compares the normalized text with phrase lists
//! that people wrote. The normalization undoes the usual disguises. The result is not a diagnosis.
//! `docs/safety.md` explains what the detector guarantees, what it misses, and how to add a phrase.

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

/// The version of the lists and of the normalization. It is a part of cache keys, so that a reply
/// that other lists accepted is not served again.
pub const VERSION: &str = "2026-11-2";

/// A language with phrase lists and replies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// English, including texting slang.
    English,
    /// German, with or without umlauts.
    German,
    /// Spanish, with or without accents.
    Spanish,
}

/// Detects whether a text is about a crisis. Returns the language of the first phrase that matches,
/// or `None` if there is no match.
///
/// Denials and quotations match too: "I would never kill myself" and "she wants to kill herself"
/// are crises. A model reply for which this returns `Some` must be sent with [`resources()`].
pub fn detect(message: &str) -> Option<Language> {
    phrases::CRISIS.find(&ends(message))
}

/// Whether a model reply must be withheld, because it encourages suicide or self-harm or describes
/// a method.
///
/// Encouragement that is denied ("you should not…") or that describes a feeling ("it may seem
/// that…") is accepted. A method is never accepted.
pub fn is_harmful(answer: &str) -> bool {
    phrases::HARMFUL.find(&ends(answer)).is_some()
}

/// The number of bytes that are read at each end of a long text.
const END: usize = 20_000;

/// Returns the beginning and the end of a text that is longer than any genuine message. Reading all
/// of it would cost an attacker little and the service much.
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
