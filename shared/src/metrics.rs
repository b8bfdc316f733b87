//! What a request counts, and the line that tells it.

mod document;
mod meter;
mod reading;
pub mod registry;
mod sink;

pub use self::document::{Document, Summary};
pub use self::meter::{CacheOutcome, FamilyUse, Meter};
pub use self::reading::{
    CacheReading, FamilyMemory, FamilyUseReading, NodesReading, OutboxReading, Published, Reading, RollupReading,
};
pub use self::sink::emit;
