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
    /// The functions and their routes.
    pub template: Template,
    /// The folder that contains the functions' binaries.
    pub binaries: PathBuf,
    /// Values for environment variables. A value reaches only the functions whose template declares
    /// the variable, as on AWS.
    pub variables: BTreeMap<String, String>,
    /// Values for single functions, by any of their names. They override [`Options::variables`].
    pub function_variables: BTreeMap<String, BTreeMap<String, String>>,
    /// The address of the HTTP API. With port 0 the system chooses one.
    pub listen: SocketAddr,
    /// The most environments of a function without a reserved concurrency.
    pub max_environments: usize,
    /// How long a request waits for an environment that has just responded, before another one is
    /// started. Without the wait, a client on the same machine that sends its next request at once
    /// would use two environments. No client of Lambda is near enough for that.
    pub reuse_wait: Duration,
    /// Whether idle environments are stopped, as on Lambda.
    pub freeze: bool,
    /// Whether the template's throttling limits apply. A bench disables them.
    pub throttle: bool,
    /// The file that stores the tables. Without one they are in memory.
    pub tables: Option<PathBuf>,
    /// Receives the log lines of all functions.
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
        // Values of variables may be secrets.
        formatter
            .debug_struct("Options")
            .field("binaries", &self.binaries)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}
