//! The environment variables of the functions. No other module reads the environment.
//!
//! Each variable is a field of a struct in `sections`, from which its parser and its row in
//! `docs/configuration.md` come.

mod iam;
mod reader;
mod sections;
mod settings;
mod variables;

pub use self::iam::{with_cache_tokens, with_database_tokens};
use self::reader::Reader;
pub(crate) use self::sections::EVERY_CLIENT;
use self::sections::LlmConfig;
pub use self::sections::{CacheConfig, DatabaseConfig, KeysConfig, SECTIONS, TelemetryConfig};
pub use self::settings::Variable;
pub use self::variables::{Variables, function_name, max_concurrency};

/// The configuration of a function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The settings of Postgres.
    pub database: DatabaseConfig,
    /// The settings of Redis.
    pub cache: CacheConfig,
    /// The keys of the service, of operators and of `CloudFront`.
    pub keys: KeysConfig,
    /// The server of the language model. Without one, the built-in companion replies.
    pub llm: Option<llm::Endpoint>,
    /// The settings of logs, metrics and request statistics.
    pub telemetry: TelemetryConfig,
}

/// The names and rules of all variables that are missing or malformed, without their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

impl Config {
    /// Reads the variables from a function that looks them up by name. An empty value counts as
    /// missing.
    ///
    /// # Errors
    /// Returns an error that names every missing or malformed variable.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&lookup);
        let database = DatabaseConfig::with_auth(&mut reader);
        let cache = CacheConfig::with_auth(&mut reader);
        let keys = KeysConfig::read(&mut reader);
        let llm = LlmConfig::read(&mut reader).and_then(|config| config.endpoint(&mut reader));
        let telemetry = TelemetryConfig::read(&mut reader);
        let required = database.zip(cache).zip(keys).zip(telemetry);
        let (((database, cache), keys), telemetry) = reader.finish(required)?;
        Ok(Self { database, cache, keys, llm, telemetry })
    }
}

impl LlmConfig {
    fn endpoint(self, reader: &mut Reader<'_>) -> Option<llm::Endpoint> {
        reader.text("LLM_BASE_URL")?;
        let model = reader.check("LLM_MODEL", "is missing", self.model);
        Some(llm::Endpoint { base_url: self.base_url?, model: model?, key: self.key })
    }
}

impl TryFrom<Variables> for Config {
    type Error = ConfigError;

    /// Reads the secret and the variables. The error names every missing or malformed variable.
    fn try_from(variables: Variables) -> Result<Self, ConfigError> {
        let variables = variables.with_secret()?;
        Self::from_lookup(|name| variables.get(name))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        assert_eq!(config.database.pool_size, 5);
        assert_eq!(config.database.max_overflow, 10);
        assert_eq!(config.database.slow_query_threshold, Duration::from_millis(100));
    }

    #[test]
    fn all_errors_are_reported_at_once_and_without_values() {
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
    fn debug_and_trace_are_not_valid_log_levels() {
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
    fn a_model_requires_a_name_and_a_secure_url() {
        let base = [("DATABASE_URL", "postgres://db/kai"), ("REDIS_URL", "redis://cache"), ("CACHE_KEY", KEY)];
        let with = |pairs: &[(&'static str, &'static str)]| read(&[&base, pairs].concat());
        assert!(with(&[("LLM_MODEL", "small"), ("LLM_API_KEY", "hunter2")]).unwrap().llm.is_none());
        assert!(with(&[("LLM_BASE_URL", "https://llm/v1"), ("LLM_MODEL", "small")]).unwrap().llm.is_some());
        let error = with(&[("LLM_BASE_URL", "http://hunter2.example")]).unwrap_err();
        assert!(error.contains("LLM_BASE_URL must") && error.contains("LLM_MODEL is missing"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn iam_tokens_require_credentials_and_a_suitable_url() {
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
            ("CACHE_ID", "", "CACHE_ID is missing, but required because REDIS_AUTH is iam"),
            ("DATABASE_AUTH", "kerberos", "DATABASE_AUTH must be password or iam"),
            ("REDIS_AUTH", "kerberos", "REDIS_AUTH must be password, iam or iam-serverless"),
            (
                "DATABASE_URL",
                "postgres://kai_app@proxy:5432/kai",
                "DATABASE_URL must have one host, a user, no password and sslmode",
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
    fn debug_output_of_the_configuration_contains_no_secret() {
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
