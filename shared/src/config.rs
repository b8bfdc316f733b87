//! The only reader of the environment.

use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tracing::level_filters::LevelFilter;

use crate::metrics::registry::DEFAULT_SERVICE;
use crate::secret::{Secret, SecretKey};
use crate::{cache, db, llm};

/// The operator's key that everybody has.
pub(crate) const EVERYBODY: &str = "*";

/// What a function is told by its environment, parsed.
#[derive(Debug, Clone)]
pub struct Config {
    /// `DATABASE_URL`: `postgres://user:password@host:port/database?sslmode=…`; `+asyncpg` in the scheme is ignored.
    pub database: db::Url,
    /// `REDIS_URL`: `redis://`, `rediss://` or `redis-cluster://host:port,host:port`.
    pub redis: cache::Url,
    /// `CACHE_KEY`: base64 of 32 random bytes.
    pub cache_key: SecretKey,
    /// `SLOW_QUERY_THRESHOLD`: seconds from which a query is logged as slow.
    pub slow_query_threshold: Duration,
    /// `DB_POOL_SIZE`: connections that an environment keeps.
    pub db_pool_size: usize,
    /// `DB_MAX_OVERFLOW`: further connections that it opens under load and closes again.
    pub db_max_overflow: usize,
    /// `LLM_BASE_URL`, `LLM_MODEL` and `LLM_API_KEY`: the model's server, or none, and the built-in companion answers.
    pub llm: Option<llm::Endpoint>,
    /// `CACHE_ID`: what the cache is called in `ElastiCache`, if it is there.
    pub cache_id: Option<String>,
    /// `PERFORMANCE_TABLE`: the table of DynamoDB in which requests are summed up.
    pub performance_table: Option<String>,
    /// `OPERATOR_KEY`: who shows it may see how the service performs; `*` lets everybody, as in development. Without one, nobody may.
    pub operator_key: Option<Secret<String>>,
    /// `SERVICE_NAME`: what the metrics of this stack are told apart by.
    pub service_name: String,
    /// `LOG_LEVEL`: the least severe level that is logged.
    pub log_level: LevelFilter,
}

/// Every variable that is missing or malformed, by name and rule; the values are not in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Names every missing or malformed variable at once.
    #[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the variables from anything that looks them up by name. An empty value counts as absent.
    ///
    /// # Errors
    /// Names every missing or malformed variable at once.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { lookup, errors: Vec::new() };
        let database = reader.required("DATABASE_URL", "must be a postgres:// URL with a host and a database", parse);
        let redis = reader.required("REDIS_URL", "must be a redis://, rediss:// or redis-cluster:// URL", parse);
        let cache_key = reader.required("CACHE_KEY", "must be the base64 of 32 random bytes", parse_key);
        let slow_query_threshold =
            reader.optional("SLOW_QUERY_THRESHOLD", "must be a number of seconds above 0", 0.1, |text| {
                parse(text).filter(|seconds: &f64| *seconds > 0.0 && *seconds <= 3600.0)
            });
        let db_pool_size = reader.optional("DB_POOL_SIZE", "must be between 1 and 100", 5, |text| in_range(text, 1));
        let db_max_overflow =
            reader.optional("DB_MAX_OVERFLOW", "must be between 0 and 100", 10, |text| in_range(text, 0));
        let llm = reader.llm();
        let cache_id = reader.text("CACHE_ID");
        let performance_table = reader.text("PERFORMANCE_TABLE");
        let operator_key =
            reader.optional("OPERATOR_KEY", "must be at least 16 bytes, or * for everybody", None, |text| {
                (text == EVERYBODY || text.len() >= 16).then(|| Some(Secret::new(text.to_owned())))
            });
        let rule = "must be 1 to 128 letters, digits and hyphens";
        let service_name = reader.optional("SERVICE_NAME", rule, DEFAULT_SERVICE.to_owned(), |text| {
            let is_name = text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            is_name.then(|| text.to_owned())
        });
        let log_level =
            reader.optional("LOG_LEVEL", "must be error, warn, info, debug or trace", LevelFilter::INFO, parse);
        match (database, redis, cache_key) {
            (Some(database), Some(redis), Some(cache_key)) if reader.errors.is_empty() => Ok(Self {
                database,
                redis,
                cache_key,
                slow_query_threshold: Duration::from_secs_f64(slow_query_threshold),
                db_pool_size,
                db_max_overflow,
                llm,
                cache_id,
                performance_table,
                operator_key,
                service_name,
                log_level,
            }),
            _ => Err(ConfigError(reader.errors)),
        }
    }
}

impl ConfigError {
    /// A variable that this function cannot do without.
    pub fn missing(name: &str) -> Self {
        Self(vec![format!("{name} is missing")])
    }
}

/// How many requests Lambda hands to one environment at a time: 1, or more on Managed Instances.
///
/// Read apart from [`Config`] because it is Lambda's own variable, and decides which runtime there is to read the rest.
#[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
pub fn max_concurrency() -> usize {
    std::env::var("AWS_LAMBDA_MAX_CONCURRENCY").ok().as_deref().and_then(parse).unwrap_or(1)
}

/// What Lambda calls this function; none outside of Lambda.
#[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
pub fn function_name() -> Option<String> {
    std::env::var("AWS_LAMBDA_FUNCTION_NAME").ok()
}

struct Reader<L> {
    lookup: L,
    errors: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn required<T>(&mut self, name: &str, rule: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let Some(text) = self.text(name) else {
            self.errors.push(format!("{name} is missing"));
            return None;
        };
        let value = parse(&text);
        if value.is_none() {
            self.errors.push(format!("{name} {rule}"));
        }
        value
    }

    fn optional<T>(&mut self, name: &str, rule: &str, default: T, parse: impl Fn(&str) -> Option<T>) -> T {
        let Some(text) = self.text(name) else { return default };
        parse(&text).unwrap_or_else(|| {
            self.errors.push(format!("{name} {rule}"));
            default
        })
    }

    fn llm(&mut self) -> Option<llm::Endpoint> {
        let key = self.text("LLM_API_KEY").map(Secret::new);
        self.text("LLM_BASE_URL")?;
        let rule = "must be an https:// URL, or http:// on this machine, without credentials, query and fragment";
        let base_url = self.required("LLM_BASE_URL", rule, parse);
        let model = self.required("LLM_MODEL", "must be a model's name", |text| Some(text.to_owned()));
        Some(llm::Endpoint { base_url: base_url?, model: model?, key })
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|text| !text.is_empty())
    }
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn parse_key(text: &str) -> Option<SecretKey> {
    STANDARD.decode(text).ok()?.try_into().ok().map(SecretKey::new)
}

fn in_range(text: &str, least: usize) -> Option<usize> {
    parse(text).filter(|number| (least..=100).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        Config::from_lookup(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_required_variables_are_enough() {
        let config = read(&[
            ("DATABASE_URL", "postgresql+asyncpg://kai:pw@db:5432/kai"),
            ("REDIS_URL", "redis://cache:6379"),
            ("CACHE_KEY", KEY),
        ])
        .unwrap();
        assert_eq!(config.db_pool_size, 5);
        assert_eq!(config.db_max_overflow, 10);
        assert_eq!(config.slow_query_threshold, Duration::from_millis(100));
        assert_eq!(config.log_level, LevelFilter::INFO);
        assert_eq!(config.service_name, "kai");
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once_and_no_value_is_shown() {
        let error = read(&[
            ("DATABASE_URL", "mysql://root:hunter2@db/kai"),
            ("CACHE_KEY", "hunter2"),
            ("DB_POOL_SIZE", "0"),
            ("SLOW_QUERY_THRESHOLD", "soon"),
            ("SERVICE_NAME", "Kai für alle"),
            ("LOG_LEVEL", "loud"),
        ])
        .unwrap_err();
        for name in [
            "DATABASE_URL",
            "REDIS_URL is missing",
            "CACHE_KEY",
            "DB_POOL_SIZE",
            "SLOW_QUERY_THRESHOLD",
            "SERVICE_NAME",
            "LOG_LEVEL",
        ] {
            assert!(error.contains(name), "{name} is not in: {error}");
        }
        assert!(!["hunter2", "soon", "Kai"].iter().any(|value| error.contains(value)), "{error}");
    }

    #[test]
    fn a_model_needs_a_name_and_a_url_that_can_be_trusted() {
        let base = [("DATABASE_URL", "postgres://db/kai"), ("REDIS_URL", "redis://cache"), ("CACHE_KEY", KEY)];
        let with = |pairs: &[(&'static str, &'static str)]| read(&[&base, pairs].concat());
        assert!(with(&[("LLM_MODEL", "small"), ("LLM_API_KEY", "hunter2")]).unwrap().llm.is_none());
        assert!(with(&[("LLM_BASE_URL", "https://llm/v1"), ("LLM_MODEL", "small")]).unwrap().llm.is_some());
        let error = with(&[("LLM_BASE_URL", "http://hunter2.example")]).unwrap_err();
        assert!(error.contains("LLM_BASE_URL must") && error.contains("LLM_MODEL is missing"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_printed_configuration_holds_no_secret() {
        let config = read(&[
            ("DATABASE_URL", "postgres://kai:hunter2@db/kai"),
            ("REDIS_URL", "rediss://user:hunter2@cache:6379"),
            ("CACHE_KEY", KEY),
        ])
        .unwrap();
        let printed = format!("{config:?}");
        assert!(!printed.contains("hunter2") && !printed.contains(KEY), "{printed}");
    }
}
