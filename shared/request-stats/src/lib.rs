//! Statistics of requests, stored by minute and by hour in a DynamoDB table. `metrics-rollup`
//! writes them and `health-detailed` reads them.
//!
//! | module | contents |
//! |---|---|
//! | `histogram` | latencies in buckets whose width grows with the latency, so that percentiles can be merged |
//! | `log_line` | one parsed log line: a request, a slow query, or an unknown line |
//! | `batch` | the lines that CloudWatch Logs delivers together, summed by endpoint and minute |
//! | `table` | the DynamoDB table: adds each batch exactly once and reads a window back |
//! | `resolution` | minutes and hours, and their names in the table |
//! | `report` | the report of a window: counts, percentiles, hit rates and a timeline |

mod aggregate;
mod batch;
mod histogram;
mod log_line;
mod minute;
mod report;
mod resolution;
mod table;

pub use batch::Batch;
pub use report::{Report, Window};
pub use table::{AddOutcome, Error, Table};
