//! Structured logs: one JSON object on a line of standard output.
//!
//! Never logged: the event, a body, a token, an e-mail address, anything a person wrote. A record carries ids and names only.

use std::panic::PanicHookInfo;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The crates of this workspace that log.
const OUR_CRATES: [&str; 7] = ["shared", "db", "domain", "llm", "cache_monitor", "health_detailed", "metrics_rollup"];

/// Installs the subscriber and the panic hook. A second call changes nothing.
///
/// Only our own records follow `level`. Libraries are heard from `error` on: below that some of them print what they carry.
pub fn init(level: LevelFilter) {
    let ours = Targets::new().with_default(LevelFilter::ERROR).with_targets(OUR_CRATES.map(|name| (name, level)));
    let json =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    let _ = tracing_subscriber::registry().with(json.with_filter(ours)).try_init();
    std::panic::set_hook(Box::new(log_panic));
}

/// Logs where a panic happened but not its message, which may quote what a person wrote.
fn log_panic(info: &PanicHookInfo<'_>) {
    let (file, line) = info.location().map_or(("unknown", 0), |location| (location.file(), location.line()));
    tracing::error!(file, line, "panic");
}
