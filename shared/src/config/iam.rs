//! Passwords that are IAM tokens: a new one for each connection.

use std::sync::Arc;

use aws::{CacheKind, Identity};

/// Signs in to the database with IAM tokens. Returns `None` unless the URL has one host, a user, no password, and TLS.
pub fn with_database_tokens(url: db::Url, identity: Identity) -> Option<db::Url> {
    let (host, port, user) = url.endpoint()?;
    let (host, user) = (host.to_owned(), user.to_owned());
    url.with_passwords(Arc::new(move || identity.database_token(&host, port, &user).ok()))
}

/// Signs in to `ElastiCache` with IAM tokens. Returns `None` unless the URL has a user, no password, and TLS.
pub fn with_cache_tokens(url: cache::Url, identity: Identity, cache: &str, kind: CacheKind) -> Option<cache::Url> {
    let (cache, user) = (cache.to_owned(), url.user()?.to_owned());
    url.with_passwords(Arc::new(move || identity.cache_token(&cache, kind, &user).ok()))
}
