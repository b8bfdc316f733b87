//! Where the variables come from: the process's environment, and the secret that it names.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::{io, thread};

use tokio::runtime::Builder;

use super::reader::Reader;
use super::{ConfigError, Telemetry, parse};

/// The variables of this process.
///
/// One that is not set is looked for in the secret of Secrets Manager that `SECRET_ID` names, which whoever may see how a function is
/// configured need not be able to read. A function that needs nothing of it does not ask.
#[derive(Clone, Default)]
pub struct Variables {
    secret: BTreeMap<String, String>,
}

impl Variables {
    /// Reads the secret, if there is one. It waits for it: an environment has nothing else to do before.
    ///
    /// # Errors
    /// When there is one, and it cannot be read.
    pub(super) fn with_secret(self) -> Result<Self, ConfigError> {
        let Some(id) = self.get("SECRET_ID") else { return Ok(self) };
        let mut reader = self.reader();
        let endpoint =
            ["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"].iter().find_map(|name| reader.text(name));
        let identity = reader.identity();
        let identity = reader.finish(identity)?;
        let secret = waited_for(aws::fetch(&identity, endpoint.as_deref(), &id));
        Ok(Self { secret: secret.map_err(|error| ConfigError(vec![format!("SECRET_ID: {error}")]))? })
    }

    /// A variable's value. An empty one counts as absent.
    #[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
    pub(super) fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|text| !text.is_empty()).or_else(|| self.secret.get(name).cloned())
    }

    pub(crate) fn telemetry(&self) -> Telemetry {
        self.reader().telemetry()
    }

    /// Where the database is, for a function that asks nobody else. A secret that RDS keeps has its owner's `username` and `password`.
    ///
    /// # Errors
    /// Names every missing or malformed variable at once.
    pub fn database(self) -> Result<db::Url, ConfigError> {
        let variables = self.with_secret()?;
        let mut reader = variables.reader();
        reader.telemetry();
        let url = reader.database();
        let owner = variables.secret.get("username").zip(variables.secret.get("password"));
        reader.finish(match owner {
            Some((user, password)) => url.and_then(|url| url.as_user(user, password)),
            None => url,
        })
    }

    /// `PERFORMANCE_TABLE`, for a function that works with nothing else.
    ///
    /// # Errors
    /// Names every missing or malformed variable at once.
    pub fn performance_table(&self) -> Result<String, ConfigError> {
        let mut reader = self.reader();
        reader.telemetry();
        let table = reader.required("PERFORMANCE_TABLE", "must be the name of a table", |text| Some(text.to_owned()));
        reader.finish(table)
    }

    fn reader(&self) -> Reader<impl Fn(&str) -> Option<String>> {
        Reader::new(|name: &str| self.get(name))
    }
}

/// Waits for something on a thread of its own, as this one may belong to a runtime, which must not wait.
fn waited_for<T: Send, E: From<io::Error> + Send>(work: impl Future<Output = Result<T, E>> + Send) -> Result<T, E> {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let outcome = runtime.block_on(work);
            // A look-up of a name that nobody answers may go on by itself.
            runtime.shutdown_background();
            outcome
        });
        waiting.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// How many requests Lambda hands to one environment at a time: 1, or more on Managed Instances.
///
/// Read apart from [`Variables`] because it is Lambda's own variable, and decides which runtime there is to read the rest.
#[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
pub fn max_concurrency() -> usize {
    std::env::var("AWS_LAMBDA_MAX_CONCURRENCY").ok().as_deref().and_then(parse).unwrap_or(1)
}

/// What Lambda calls this function; none outside of Lambda.
#[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
pub fn function_name() -> Option<String> {
    std::env::var("AWS_LAMBDA_FUNCTION_NAME").ok()
}
