//! What `metrics-rollup` writes and `health-detailed` reads: requests, by minute and by hour, in a table of DynamoDB.
//!
//! | module | holds |
//! |---|---|
//! | [`histogram`] | latencies in buckets whose width grows with them, so that percentiles can be merged |
//! | [`mod@line`] | one log line: a request, a slow query, or nothing of ours |
//! | [`batch`] | the lines that CloudWatch Logs delivers together, folded by endpoint and minute |
//! | [`table`] | DynamoDB: adds a batch once however often it comes, and reads a window back |
//! | `scale` | minutes and hours: what they are called in the table |
//! | [`report`] | what a window tells: counts, percentiles, hit rates, a timeline |

pub mod aggregate;
pub mod batch;
pub mod histogram;
pub mod line;
pub mod minute;
pub mod report;
mod scale;
pub mod table;

pub use aggregate::Aggregate;
pub use batch::Batch;
pub use histogram::Histogram;
pub use line::{Line, SlowQuery};
pub use minute::Minute;
pub use report::{Report, Window};
pub use table::Table;
