//! Every variable with its default, rule, parser and meaning, in one struct for each concern.

use std::str::FromStr;
use std::time::Duration;

use aws::CacheKind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metrics::DEFAULT_SERVICE;
use secret::{Secret, SecretKey};
use tracing::level_filters::LevelFilter;

use super::reader::Reader;
use super::settings::{ANY, OPTIONAL, REQUIRED, Variable, settings};

/// Every variable, by concern.
pub const SECTIONS: &[(&str, &[Variable])] = &[
    SecretConfig::SECTION,
    DatabaseConfig::SECTION,
    CacheConfig::SECTION,
    KeysConfig::SECTION,
    LlmConfig::SECTION,
    TelemetryConfig::SECTION,
    AwsConfig::SECTION,
];

settings! {
    /// Secret in AWS Secrets Manager. It contains variables that are not set in the environment.
    pub(super) struct SecretConfig {
        /// Name of a secret that is a JSON object. Variables that are not set are read from it. The
        /// function reads the secret once, when an execution environment starts.
        pub(super) id: Option<String> = ("SECRET_ID", OPTIONAL, ANY, optional(parse)),
        /// URL of Secrets Manager, instead of the endpoint of the region.
        pub(super) endpoint: Option<String> = ("AWS_ENDPOINT_URL_SECRETS_MANAGER", OPTIONAL, ANY, optional(parse)),
        /// URL of all AWS services. `AWS_ENDPOINT_URL_SECRETS_MANAGER` takes precedence.
        pub(super) aws_endpoint: Option<String> = ("AWS_ENDPOINT_URL", OPTIONAL, ANY, optional(parse)),
    }
}

settings! {
    /// Postgres. The database with accounts, journals and conversations.
    pub struct DatabaseConfig {
        /// `postgres://user:password@host:port/database`. A `+asyncpg` in the scheme is ignored.
        /// TLS, with the certificate verified, is used only with `?sslmode=require`.
        pub url: db::Url = ("DATABASE_URL", REQUIRED, "must be a postgres:// URL with a host and a database", parse),
        /// With `iam`, each connection signs in with a token that the function signs itself. The
        /// URL then has a user, no password, and `?sslmode=require`.
        pub(super) with_iam: bool =
            ("DATABASE_AUTH", Some("password"), "must be password or iam", |text| match text {
                "password" => Some(false),
                "iam" => Some(true),
                _ => None,
            }),
        /// Duration in seconds from which a query is logged as slow.
        pub slow_query_threshold: Duration =
            ("SLOW_QUERY_THRESHOLD", Some("0.1"), "must be a number of seconds above 0 and at most 3600", |text| {
                parse(text).filter(|seconds| *seconds > 0.0 && *seconds <= 3600.0).map(Duration::from_secs_f64)
            }),
        /// Number of connections that an execution environment retains. They are opened when
        /// needed.
        pub pool_size: usize =
            ("DB_POOL_SIZE", Some("5"), "must be a whole number from 1 to 100", |text| in_range(text, 1)),
        /// Number of additional connections that an execution environment opens under load and
        /// closes after use.
        pub max_overflow: usize =
            ("DB_MAX_OVERFLOW", Some("10"), "must be a whole number from 0 to 100", |text| in_range(text, 0)),
    }
}

settings! {
    /// Redis. The cache, and the counters of failed sign-ins and of chat messages.
    pub struct CacheConfig {
        /// `redis://`, `rediss://` or `redis-cluster://host:port,host:port`, with `?tls=true` for
        /// nodes that use TLS.
        pub url: cache::Url = ("REDIS_URL", REQUIRED, "must be a redis://, rediss:// or redis-cluster:// URL", parse),
        /// With `iam`, or `iam-serverless` for a serverless cache, each connection signs in to
        /// ElastiCache with a token that the function signs itself. The URL then has a user, no
        /// password, and TLS, and `CACHE_ID` is required.
        pub(super) iam: Option<CacheKind> =
            ("REDIS_AUTH", Some("password"), "must be password, iam or iam-serverless", |text| match text {
                "password" => Some(None),
                "iam" => Some(Some(CacheKind::ReplicationGroup)),
                "iam-serverless" => Some(Some(CacheKind::Serverless)),
                _ => None,
            }),
        /// Name of the cache in ElastiCache. With it, `cache-monitor` publishes the state of the
        /// nodes.
        pub id: Option<String> = ("CACHE_ID", OPTIONAL, ANY, optional(parse)),
    }
}

settings! {
    /// Keys. Secret keys of the service, of operators and of CloudFront.
    pub struct KeysConfig {
        /// Seals the cached records, distinguishes one `Idempotency-Key` from another, and derives
        /// the tokens of sessions that were opened with one. With this key and the database, anyone
        /// can sign in. With a new key, cached data are lost, and a request that is repeated after
        /// the change is rejected. `openssl rand -base64 32` generates a key.
        pub cache: SecretKey = ("CACHE_KEY", REQUIRED, "must be the base64 of 32 random bytes", |text| {
            STANDARD.decode(text).ok()?.try_into().ok().map(SecretKey::new)
        }),
        /// Key of operators, who see `GET /health/detailed` and the dashboard. Without a key, no
        /// client is an operator. With `*` every client is one, as in development.
        pub operator: Option<Secret<String>> =
            ("OPERATOR_KEY", OPTIONAL, "must be at least 16 bytes, or * for all clients", optional(|text| {
                if text == EVERY_CLIENT { Some(Secret::new(text.to_owned())) } else { key(text) }
            })),
        /// Key that CloudFront sends as `x-edge-key`. In a request with it, `X-Forwarded-For` is
        /// trusted, so that sign-ins are counted by the address of the client and not of
        /// CloudFront.
        pub edge: Option<Secret<String>> = ("EDGE_KEY", OPTIONAL, "must be at least 16 bytes", optional(key)),
    }
}

settings! {
    /// Language model. The server that replies to chat messages.
    pub(super) struct LlmConfig {
        /// Base URL of a server that implements OpenAI's `chat/completions`, such as
        /// `https://api.example.com/v1`. An international domain name is written as `xn--…`.
        /// Without a URL, a small built-in companion replies by rules.
        pub(super) base_url: Option<llm::BaseUrl> = (
            "LLM_BASE_URL",
            OPTIONAL,
            "must be an https:// URL, or http:// on this machine, without credentials, query or fragment",
            optional(parse)
        ),
        /// Name of the server's model. Required with `LLM_BASE_URL`.
        pub(super) model: Option<String> = ("LLM_MODEL", OPTIONAL, ANY, optional(parse)),
        /// API key for the server.
        pub(super) key: Option<Secret<String>> = ("LLM_API_KEY", OPTIONAL, ANY, optional(secret)),
    }
}

settings! {
    /// Logs, metrics and request statistics.
    pub struct TelemetryConfig {
        /// Name that distinguishes the metrics of stacks in one account. The template sets the
        /// stack's name.
        pub service_name: String =
            ("SERVICE_NAME", Some(DEFAULT_SERVICE), "must be 1 to 128 letters, digits and hyphens", |text| {
                let is_name =
                    text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                is_name.then(|| text.to_owned())
            }),
        /// Least severe log level that is written.
        pub log_level: LevelFilter = ("LOG_LEVEL", Some("info"), "must be error, warn or info", |text| {
            parse(text).filter(|level| *level <= LevelFilter::INFO)
        }),
        /// DynamoDB table with the sums of requests. Without it there are no statistics.
        pub performance_table: Option<String> = ("PERFORMANCE_TABLE", OPTIONAL, ANY, optional(parse)),
    }
}

settings! {
    /// AWS credentials, which Lambda sets. They are required only with `SECRET_ID` and with `iam`.
    pub(super) struct AwsConfig {
        /// Region of the secret, the database and the cache.
        pub(super) region: String = ("AWS_REGION", REQUIRED, ANY, parse),
        /// Id of the AWS access key.
        pub(super) access_key_id: String = ("AWS_ACCESS_KEY_ID", REQUIRED, ANY, parse),
        /// The secret part of the AWS access key.
        pub(super) secret_access_key: Secret<String> = ("AWS_SECRET_ACCESS_KEY", REQUIRED, ANY, secret),
        /// Session token of temporary credentials. Long-lived keys have none.
        pub(super) session_token: Option<Secret<String>> = ("AWS_SESSION_TOKEN", OPTIONAL, ANY, optional(secret)),
    }
}

/// The value of `OPERATOR_KEY` that makes every client an operator.
pub(crate) const EVERY_CLIENT: &str = "*";

/// Returns the parser of an optional variable. An empty text is the default, `None`.
fn optional<T>(parse: impl Fn(&str) -> Option<T>) -> impl Fn(&str) -> Option<Option<T>> {
    move |text| if text.is_empty() { Some(None) } else { parse(text).map(Some) }
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn in_range(text: &str, least: usize) -> Option<usize> {
    parse(text).filter(|number| (least..=100).contains(number))
}

fn key(text: &str) -> Option<Secret<String>> {
    (text.len() >= 16).then(|| Secret::new(text.to_owned()))
}

fn secret(text: &str) -> Option<Secret<String>> {
    Some(Secret::new(text.to_owned()))
}
