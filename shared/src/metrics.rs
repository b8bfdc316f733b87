//! What a request counts, and the line that tells it.

mod document;
mod meter;
mod sink;

pub use self::document::{Document, Summary};
pub use self::meter::{CacheOutcome, Meter};
pub use self::sink::emit;
