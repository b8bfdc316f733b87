//! Counters of a request, and the EMF log lines that report them to CloudWatch.

pub mod catalog;
mod emf_record;
mod gauges;
mod process;
mod request_metrics;
mod sink;

pub use self::emf_record::{EmfRecord, Summary};
pub use self::gauges::{
    CacheReading, FamilyMemory, FamilyUseReading, NodesReading, OutboxReading, Published, Reading, RollupReading,
};
pub use self::process::{DEFAULT_SERVICE, function_name, identify};
pub use self::request_metrics::{CacheOutcome, FamilyUse, RequestMetrics};
pub use self::sink::emit;
