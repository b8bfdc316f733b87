//! Passwords that are IAM tokens: a new one for each connection.

use std::sync::Arc;

use aws::{CacheKind, Identity};

use super::reader::Reader;
use super::sections::{AwsConfig, CacheConfig, DatabaseConfig};

impl DatabaseConfig {
    /// Reads the variables, and makes the URL sign in as `DATABASE_AUTH` says.
    pub(super) fn with_auth(reader: &mut Reader<'_>) -> Option<Self> {
        let config = Self::read(reader)?;
        if !config.with_iam {
            return Some(config);
        }
        let url = AwsConfig::identity(reader).map(|identity| with_database_tokens(config.url, identity))?;
        let rule = "must have a user, no password and sslmode=require, as DATABASE_AUTH is iam";
        Some(Self { url: reader.check("DATABASE_URL", rule, url)?, ..config })
    }
}

impl CacheConfig {
    /// Reads the variables, and makes the URL sign in as `REDIS_AUTH` says.
    pub(super) fn with_auth(reader: &mut Reader<'_>) -> Option<Self> {
        let config = Self::read(reader)?;
        let Some(kind) = config.iam else { return Some(config) };
        let id = reader.check("CACHE_ID", "is missing, as REDIS_AUTH is iam", config.id.as_deref())?;
        let url = AwsConfig::identity(reader).map(|identity| with_cache_tokens(config.url, identity, id, kind))?;
        let rule = "must have a user, no password and TLS, as REDIS_AUTH is iam";
        Some(Self { url: reader.check("REDIS_URL", rule, url)?, ..config })
    }
}

impl AwsConfig {
    /// Reads the credentials.
    pub(super) fn identity(reader: &mut Reader<'_>) -> Option<Identity> {
        let Self { region, access_key_id, secret_access_key, session_token } = Self::read(reader)?;
        let session_token = session_token.map(|token| token.expose().clone());
        Some(Identity::new(&region, &access_key_id, secret_access_key.expose(), session_token))
    }
}

/// Signs in to the database with IAM tokens. Returns `None` unless the URL has one host, a user, no
/// password, and TLS.
pub fn with_database_tokens(url: db::Url, identity: Identity) -> Option<db::Url> {
    let (host, port, user) = url.endpoint()?;
    let (host, user) = (host.to_owned(), user.to_owned());
    url.with_passwords(Arc::new(move || identity.database_token(&host, port, &user).ok()))
}

/// Signs in to `ElastiCache` with IAM tokens. Returns `None` unless the URL has a user, no password,
/// and TLS.
pub fn with_cache_tokens(url: cache::Url, identity: Identity, cache: &str, kind: CacheKind) -> Option<cache::Url> {
    let (cache, user) = (cache.to_owned(), url.user()?.to_owned());
    url.with_passwords(Arc::new(move || identity.cache_token(&cache, kind, &user).ok()))
}
