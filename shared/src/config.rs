//! What the functions are told by their environment: the only reader of it.

mod iam;
mod reader;
mod variables;

use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secret::{Secret, SecretKey};
use tracing::level_filters::LevelFilter;

pub use self::iam::{with_cache_tokens, with_database_tokens};
use self::reader::Reader;
pub use self::variables::{Variables, function_name, max_concurrency};

/// The operator's key that everybody has.
pub(crate) const EVERYBODY: &str = "*";

/// What a function is told by its environment, parsed.
#[derive(Debug, Clone)]
pub struct Config {
    /// `DATABASE_URL`: `postgres://user:password@host:port/database?sslmode=…`; `+asyncpg` in the scheme is ignored. Without a password when
    /// `DATABASE_AUTH` is `iam`.
    pub database: db::Url,
    /// `REDIS_URL`: `redis://`, `rediss://` or `redis-cluster://host:port,host:port`. Without a password when `REDIS_AUTH` is `iam`, or
    /// `iam-serverless` for a serverless cache.
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
    /// `EDGE_KEY`: what `CloudFront` shows, which then is believed where a request came from.
    pub edge_key: Option<Secret<String>>,
}

/// Every variable that is missing or malformed, by name and rule; the values are not in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

impl Config {
    /// Reads the variables from anything that looks them up by name. An empty value counts as absent.
    ///
    /// # Errors
    /// Names every missing or malformed variable at once.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let cache_id = reader.text("CACHE_ID");
        let database = reader.database();
        let redis = reader.redis(cache_id.as_deref());
        let cache_key = reader.required("CACHE_KEY", "must be the base64 of 32 random bytes", parse_key);
        let slow_query_threshold =
            reader.optional("SLOW_QUERY_THRESHOLD", "must be a number of seconds above 0", 0.1, |text| {
                parse(text).filter(|seconds: &f64| *seconds > 0.0 && *seconds <= 3600.0)
            });
        let db_pool_size = reader.optional("DB_POOL_SIZE", "must be between 1 and 100", 5, |text| in_range(text, 1));
        let db_max_overflow =
            reader.optional("DB_MAX_OVERFLOW", "must be between 0 and 100", 10, |text| in_range(text, 0));
        let llm = reader.llm();
        let performance_table = reader.text("PERFORMANCE_TABLE");
        let operator_key =
            reader.optional("OPERATOR_KEY", "must be at least 16 bytes, or * for everybody", None, |text| {
                (text == EVERYBODY || text.len() >= 16).then(|| Some(Secret::new(text.to_owned())))
            });
        let edge_key = reader.optional("EDGE_KEY", "must be at least 16 bytes", None, |text| {
            (text.len() >= 16).then(|| Some(Secret::new(text.to_owned())))
        });
        reader.telemetry();
        let required = database.zip(redis).zip(cache_key);
        let ((database, redis), cache_key) = reader.finish(required)?;
        Ok(Self {
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
            edge_key,
        })
    }
}

impl TryFrom<Variables> for Config {
    type Error = ConfigError;

    /// Reads the secret, and names every missing or malformed variable at once.
    fn try_from(variables: Variables) -> Result<Self, ConfigError> {
        let variables = variables.with_secret()?;
        Self::from_lookup(|name| variables.get(name))
    }
}

/// How a function tells of itself.
#[derive(Debug, Clone)]
pub(crate) struct Telemetry {
    /// `SERVICE_NAME`: what the metrics of this stack are told apart by.
    pub(crate) service_name: String,
    /// `LOG_LEVEL`: the least severe level that is logged.
    pub(crate) log_level: LevelFilter,
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
    fn a_level_below_which_nothing_is_ever_said_is_none() {
        let with = |level| {
            let base = [("DATABASE_URL", "postgres://db/kai"), ("REDIS_URL", "redis://cache"), ("CACHE_KEY", KEY)];
            read(&[&base[..], &[("LOG_LEVEL", level)]].concat())
        };
        assert!(["error", "warn", "info", "INFO"].into_iter().all(|level| with(level).is_ok()));
        for level in ["debug", "trace"] {
            assert_eq!(with(level).unwrap_err().matches("LOG_LEVEL").count(), 1, "{level}");
        }
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
    fn tokens_need_an_identity_and_a_place_that_takes_them() {
        let base = [
            ("DATABASE_URL", "postgres://kai_app@proxy:5432/kai?sslmode=require"),
            ("DATABASE_AUTH", "iam"),
            ("REDIS_URL", "redis-cluster://kai-prod@cache:6379?tls=true"),
            ("REDIS_AUTH", "iam-serverless"),
            ("CACHE_ID", "kai-prod"),
            ("CACHE_KEY", KEY),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ];
        assert!(read(&base).is_ok());
        for (name, value, said) in [
            ("AWS_REGION", "", "AWS_REGION is missing"),
            ("AWS_SECRET_ACCESS_KEY", "", "AWS_SECRET_ACCESS_KEY is missing"),
            ("CACHE_ID", "", "CACHE_ID is missing, as REDIS_AUTH is iam"),
            ("DATABASE_AUTH", "kerberos", "DATABASE_AUTH must be password or iam"),
            ("REDIS_AUTH", "kerberos", "REDIS_AUTH must be password, iam or iam-serverless"),
            (
                "DATABASE_URL",
                "postgres://kai_app@proxy:5432/kai",
                "DATABASE_URL must have a user, no password and sslmode",
            ),
            ("REDIS_URL", "redis://kai-prod@cache:6379", "REDIS_URL must have a user, no password and TLS"),
            ("EDGE_KEY", "short", "EDGE_KEY must be at least 16 bytes"),
        ] {
            let others = base.iter().copied().filter(|(other, _)| *other != name);
            let error = read(&others.chain([(name, value)]).collect::<Vec<_>>()).unwrap_err();
            assert!(error.contains(said) && !error.contains("hunter2"), "{error}");
        }
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
