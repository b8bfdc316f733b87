//! The environment variables of this process, and the secret that one of them names.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::{io, thread};

use tokio::runtime::Builder;

use super::ConfigError;
use super::reader::Reader;
use super::sections::{AwsConfig, DatabaseConfig, SecretConfig, TelemetryConfig};

/// The variables of this process.
///
/// A variable that is not set is read from the secret that `SECRET_ID` names. A person who may see
/// a function's configuration therefore sees no secret. A function that needs no such variable does
/// not read the secret.
#[derive(Clone, Default)]
pub struct Variables {
    secret: BTreeMap<String, String>,
}

impl Variables {
    /// Reads the secret, if there is one. Blocks until then, because a starting environment has
    /// nothing else to do.
    ///
    /// # Errors
    /// Returns an error if the secret cannot be read.
    pub(super) fn with_secret(self) -> Result<Self, ConfigError> {
        let lookup = |name: &str| self.get(name);
        let mut reader = Reader::new(&lookup);
        let config = SecretConfig::read(&mut reader);
        let Some(SecretConfig { id: Some(id), endpoint, aws_endpoint }) = config else { return Ok(self) };
        let identity = AwsConfig::identity(&mut reader);
        let identity = reader.finish(identity)?;
        let secret = waited_for(aws::fetch(&identity, endpoint.or(aws_endpoint).as_deref(), &id));
        Ok(Self { secret: secret.map_err(|error| ConfigError(vec![format!("SECRET_ID: {error}")]))? })
    }

    /// Returns a variable's value. An empty one counts as missing.
    #[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
    pub(super) fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|text| !text.is_empty()).or_else(|| self.secret.get(name).cloned())
    }

    /// Returns the settings of logs and metrics. A malformed variable counts as missing, and its
    /// error is reported with the others, once there is a log.
    pub(crate) fn telemetry(&self) -> Option<TelemetryConfig> {
        TelemetryConfig::read(&mut Reader::new(&|name| self.get(name)))
    }

    /// Returns the URL of the database, for a function that needs nothing else. A secret that RDS
    /// manages has the `username` and the `password` of the database's owner.
    ///
    /// # Errors
    /// Returns an error that names every missing or malformed variable.
    pub fn database(self) -> Result<db::Url, ConfigError> {
        let variables = self.with_secret()?;
        let lookup = |name: &str| variables.get(name);
        let mut reader = Reader::new(&lookup);
        TelemetryConfig::read(&mut reader);
        let url = DatabaseConfig::with_auth(&mut reader).map(|config| config.url);
        let owner = variables.secret.get("username").zip(variables.secret.get("password"));
        reader.finish(match owner {
            Some((user, password)) => url.and_then(|url| url.as_user(user, password)),
            None => url,
        })
    }

    /// Returns `PERFORMANCE_TABLE`, for a function that needs nothing else.
    ///
    /// # Errors
    /// Returns an error that names every missing or malformed variable.
    pub fn performance_table(&self) -> Result<String, ConfigError> {
        let lookup = |name: &str| self.get(name);
        let mut reader = Reader::new(&lookup);
        let table = TelemetryConfig::read(&mut reader).and_then(|config| config.performance_table);
        let table = reader.check("PERFORMANCE_TABLE", "is missing", table);
        reader.finish(table)
    }
}

/// Blocks on a future on another thread, because the current thread may run an async runtime, which
/// does not allow blocking.
fn waited_for<T: Send, E: From<io::Error> + Send>(work: impl Future<Output = Result<T, E>> + Send) -> Result<T, E> {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let outcome = runtime.block_on(work);
            // A DNS lookup without a response may still be running.
            runtime.shutdown_background();
            outcome
        });
        waiting.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Returns the number of requests that Lambda sends to one environment at the same time: 1, or more
/// on Managed Instances.
///
/// It is not part of [`Variables`]: Lambda sets it, and it decides which runtime reads the others.
#[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
pub fn max_concurrency() -> usize {
    std::env::var("AWS_LAMBDA_MAX_CONCURRENCY").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Returns the function's name in Lambda, or `None` outside of Lambda.
#[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
pub fn function_name() -> Option<String> {
    std::env::var("AWS_LAMBDA_FUNCTION_NAME").ok()
}
