//! Reads variables, and notes everything that is wrong with them.

use aws::{CacheKind, Identity};
use metrics::DEFAULT_SERVICE;
use secret::Secret;
use tracing::level_filters::LevelFilter;

use super::{ConfigError, Telemetry, iam, parse};

pub(super) struct Reader<L> {
    lookup: L,
    errors: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    pub(super) fn new(lookup: L) -> Self {
        Self { lookup, errors: Vec::new() }
    }

    /// What was read, if nothing was wrong.
    pub(super) fn finish<T>(self, read: Option<T>) -> Result<T, ConfigError> {
        read.filter(|_| self.errors.is_empty()).ok_or(ConfigError(self.errors))
    }

    pub(super) fn required<T>(&mut self, name: &str, rule: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
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

    pub(super) fn optional<T>(&mut self, name: &str, rule: &str, default: T, parse: impl Fn(&str) -> Option<T>) -> T {
        let Some(text) = self.text(name) else { return default };
        parse(&text).unwrap_or_else(|| {
            self.errors.push(format!("{name} {rule}"));
            default
        })
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|text| !text.is_empty())
    }

    pub(super) fn database(&mut self) -> Option<db::Url> {
        let url: db::Url =
            self.required("DATABASE_URL", "must be a postgres:// URL with a host and a database", parse)?;
        let by_token = self.optional("DATABASE_AUTH", "must be password or iam", false, |text| match text {
            "password" => Some(false),
            "iam" => Some(true),
            _ => None,
        });
        if !by_token {
            return Some(url);
        }
        let signed = self.identity().map(|identity| iam::with_database_tokens(url, identity))?;
        self.noted(signed, "DATABASE_URL must have a user, no password and sslmode=require, as DATABASE_AUTH is iam")
    }

    pub(super) fn redis(&mut self, cache: Option<&str>) -> Option<cache::Url> {
        let url: cache::Url =
            self.required("REDIS_URL", "must be a redis://, rediss:// or redis-cluster:// URL", parse)?;
        let kind = self.optional("REDIS_AUTH", "must be password, iam or iam-serverless", None, |text| match text {
            "password" => Some(None),
            "iam" => Some(Some(CacheKind::ReplicationGroup)),
            "iam-serverless" => Some(Some(CacheKind::Serverless)),
            _ => None,
        });
        let Some(kind) = kind else { return Some(url) };
        let cache = self.noted(cache, "CACHE_ID is missing, as REDIS_AUTH is iam")?;
        let signed = self.identity().map(|identity| iam::with_cache_tokens(url, identity, cache, kind))?;
        self.noted(signed, "REDIS_URL must have a user, no password and TLS, as REDIS_AUTH is iam")
    }

    pub(super) fn llm(&mut self) -> Option<llm::Endpoint> {
        let key = self.text("LLM_API_KEY").map(Secret::new);
        self.text("LLM_BASE_URL")?;
        let rule = "must be an https:// URL, or http:// on this machine, without credentials, query and fragment";
        let base_url = self.required("LLM_BASE_URL", rule, parse);
        let model = self.required("LLM_MODEL", "must be a model's name", |text| Some(text.to_owned()));
        Some(llm::Endpoint { base_url: base_url?, model: model?, key })
    }

    pub(super) fn telemetry(&mut self) -> Telemetry {
        let rule = "must be 1 to 128 letters, digits and hyphens";
        let service_name = self.optional("SERVICE_NAME", rule, DEFAULT_SERVICE.to_owned(), |text| {
            let is_name = text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            is_name.then(|| text.to_owned())
        });
        let log_level = self.optional("LOG_LEVEL", "must be error, warn or info", LevelFilter::INFO, |text| {
            parse(text).filter(|level| *level <= LevelFilter::INFO)
        });
        Telemetry { service_name, log_level }
    }

    /// What Lambda gives to every environment.
    pub(super) fn identity(&mut self) -> Option<Identity> {
        let as_it_is = |text: &str| Some(text.to_owned());
        let region = self.required("AWS_REGION", "must be a region", as_it_is);
        let id = self.required("AWS_ACCESS_KEY_ID", "must be the id of a key", as_it_is);
        let key = self.required("AWS_SECRET_ACCESS_KEY", "must be a key", as_it_is);
        Some(Identity::new(&region?, &id?, &key?, self.text("AWS_SESSION_TOKEN")))
    }

    fn noted<T>(&mut self, read: Option<T>, error: &str) -> Option<T> {
        if read.is_none() {
            self.errors.push(error.to_owned());
        }
        read
    }
}
