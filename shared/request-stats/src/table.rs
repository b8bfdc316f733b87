//! The DynamoDB table.
//!
//! | `pk` | `sk` | item |
//! |---|---|---|
//! | `minute#<hour>` | `<minute>#<endpoint>` | the sums of one endpoint in one minute |
//! | `hour#<day>` | `<hour>#<endpoint>` | the same for an hour, so that a day is not read minute by minute |
//! | `slow#<day>` | `<time>#<id of the line>` | a slow query |
//! | `batch#<id>` | `<part>` | the mark that this part of a batch has been counted |
//!
//! Aggregates are read and merged, then written back in the transaction that marks their batch as
//! counted. The transaction requires that no other writer has changed them in the meantime. A batch
//! therefore counts exactly once, however often it is delivered and whenever its environment
//! crashes. Every item expires after 14 days.

mod add;
mod error;
mod item;
mod open;
mod read;
mod reset;

pub use add::AddOutcome;
pub use error::Error;
pub use open::Table;
