//! The options of an emulator.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::log::LogSink;
use crate::template::Template;

/// The options of an [`Emulator`](crate::Emulator).
pub struct Options {
    /// The template with the functions, their triggers and the HTTP API.
    pub template: Template,
    /// The directory that contains the functions' binaries.
    pub binaries: PathBuf,
    /// Values for environment variables. As on AWS, a function receives only the variables that the
    /// template declares for it.
    pub variables: BTreeMap<String, String>,
    /// Values for individual functions, by any of the function's names. They override
    /// [`Options::variables`].
    pub function_variables: BTreeMap<String, BTreeMap<String, String>>,
    /// The address of the HTTP API. Port 0 lets the system choose a port.
    pub listen: SocketAddr,
    /// The maximum number of environments of a function without reserved concurrency.
    pub max_environments: usize,
    /// How long a request waits for an environment that has just responded before another
    /// environment starts. Without the wait, a local client that sends its next request immediately
    /// would use two environments. Clients of Lambda are too far away for that to happen.
    pub reuse_wait: Duration,
    /// Whether idle environments are frozen with SIGSTOP, like idle environments on Lambda.
    pub freeze: bool,
    /// Whether the template's throttling limits apply. Benchmarks disable them.
    pub throttle: bool,
    /// The file that stores the `DynamoDB` tables. `None` stores them in memory.
    pub tables: Option<PathBuf>,
    /// The callback that receives the log lines of all functions.
    pub logs: LogSink,
    /// How long log lines are collected before they are delivered to subscribed functions.
    pub log_period: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            template: Template::default(),
            binaries: PathBuf::from("target/debug"),
            variables: BTreeMap::new(),
            function_variables: BTreeMap::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            max_environments: 10,
            reuse_wait: Duration::from_millis(100),
            freeze: true,
            throttle: true,
            tables: None,
            logs: Arc::new(|_| {}),
            log_period: Duration::from_secs(1),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values of variables may be secrets, so they are omitted.
        formatter
            .debug_struct("Options")
            .field("binaries", &self.binaries)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}
