//! Sign-in with IAM tokens: a new token for each connection.

use std::sync::Arc;

use aws::{CacheKind, Identity};

use super::reader::Reader;
use super::sections::{AwsConfig, CacheConfig, DatabaseConfig};

impl DatabaseConfig {
    /// Reads the variables, and configures the URL for the sign-in that `DATABASE_AUTH` selects.
    pub(super) fn with_auth(reader: &mut Reader<'_>) -> Option<Self> {
        let config = Self::read(reader)?;
        if !config.with_iam {
            return Some(config);
        }
        let url = AwsConfig::identity(reader).map(|identity| with_database_tokens(config.url, identity))?;
        let rule = "must have one host, a user, no password and sslmode=require, because DATABASE_AUTH is iam";
        Some(Self { url: reader.check("DATABASE_URL", rule, url)?, ..config })
    }
}

impl CacheConfig {
    /// Reads the variables, and configures the URL for the sign-in that `REDIS_AUTH` selects.
    pub(super) fn with_auth(reader: &mut Reader<'_>) -> Option<Self> {
        let config = Self::read(reader)?;
        let Some(kind) = config.iam else { return Some(config) };
        let id = reader.check(
            "CACHE_ID",
            "is missing, but required because REDIS_AUTH is iam or iam-serverless",
            config.id.as_deref(),
        )?;
        let url = AwsConfig::identity(reader).map(|identity| with_cache_tokens(config.url, identity, id, kind))?;
        let rule = "must have a user, no password and TLS, because REDIS_AUTH is iam or iam-serverless";
        Some(Self { url: reader.check("REDIS_URL", rule, url)?, ..config })
    }
}

impl AwsConfig {
    /// Reads the AWS credentials.
    pub(super) fn identity(reader: &mut Reader<'_>) -> Option<Identity> {
        let Self { region, access_key_id, secret_access_key, session_token } = Self::read(reader)?;
        let session_token = session_token.map(|token| token.expose().clone());
        Some(Identity::new(&region, &access_key_id, secret_access_key.expose(), session_token))
    }
}

/// Configures a URL to sign in to the database with IAM tokens. Returns `None` unless the URL has
/// one host, a user, no password, and TLS.
pub fn with_database_tokens(url: db::Url, identity: Identity) -> Option<db::Url> {
    let (host, port, user) = url.endpoint()?;
    let (host, user) = (host.to_owned(), user.to_owned());
    url.with_passwords(Arc::new(move || identity.database_token(&host, port, &user).ok()))
}

/// Configures a URL to sign in to `ElastiCache` with IAM tokens. Returns `None` unless the URL has
/// a user, no password, and TLS.
pub fn with_cache_tokens(url: cache::Url, identity: Identity, cache: &str, kind: CacheKind) -> Option<cache::Url> {
    let (cache, user) = (cache.to_owned(), url.user()?.to_owned());
    url.with_passwords(Arc::new(move || identity.cache_token(&cache, kind, &user).ok()))
}
