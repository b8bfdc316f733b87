//! Structured logs: one JSON object per line of standard output.
//!
//! Log lines contain only ids and names. They never contain the event, a body, a token, an e-mail
//! address or anything else that a user wrote.

use std::panic::PanicHookInfo;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The crates of this workspace that log.
const OUR_CRATES: [&str; 7] = ["shared", "db", "domain", "llm", "cache_monitor", "health_detailed", "metrics_rollup"];

/// Installs the subscriber and the panic hook. A second call does not replace the subscriber.
///
/// `level` applies only to the crates of this workspace. Libraries log only errors, because below
/// that level some of them print the data that they process.
pub fn init(level: LevelFilter) {
    let ours = Targets::new().with_default(LevelFilter::ERROR).with_targets(OUR_CRATES.map(|name| (name, level)));
    let json =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    let _ = tracing_subscriber::registry().with(json.with_filter(ours)).try_init();
    std::panic::set_hook(Box::new(log_panic));
}

/// Logs the location of a panic without its message, which may quote what a user wrote.
fn log_panic(info: &PanicHookInfo<'_>) {
    let (file, line) = info.location().map_or(("unknown", 0), |location| (location.file(), location.line()));
    tracing::error!(file, line, "panic");
}
