//! Passwords for a quarter of an hour that nobody has to keep: a presigned request that is never sent.
//!
//! RDS: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html>, `ElastiCache`:
//! <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html>. Both are what `botocore` makes, byte for byte.

use std::fmt;
use std::time::Duration;

use aws_sigv4::http_request::{SignatureLocation, SigningSettings};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secret::Secret;
use url::Url;

use super::{Identity, Signed, Unsignable};

/// As long as AWS accepts one for. A connection that was opened with it lives on.
const LIFETIME: Duration = Duration::from_mins(15);

/// What kind of cache a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheKind {
    /// A cluster with nodes.
    ReplicationGroup,
    /// A serverless cache.
    Serverless,
}

impl Identity {
    /// The password of `user` at a database or a proxy of RDS. The name of the host is the one that AWS gave it, not an alias.
    ///
    /// # Errors
    /// When `host` is not the name of a host.
    pub fn database_token(&self, host: &str, port: u16, user: &str) -> Result<Secret<String>, Unsignable> {
        self.presign("rds-db", &format!("{host}:{port}"), &[("DBUser", user)])
    }

    /// The password of `user` at a cache of `ElastiCache`, which is told by its name and not by its host.
    ///
    /// # Errors
    /// When `cache` cannot be the name of a cache.
    pub fn cache_token(&self, cache: &str, kind: CacheKind, user: &str) -> Result<Secret<String>, Unsignable> {
        let query = [("User", user), ("ResourceType", "ServerlessCache")];
        let length = if kind == CacheKind::Serverless { 2 } else { 1 };
        self.presign("elasticache", cache, query.get(..length).unwrap_or(&query))
    }

    fn presign(&self, service: &str, authority: &str, query: &[(&str, &str)]) -> Result<Secret<String>, Unsignable> {
        if !is_authority(authority) {
            return Err(Unsignable);
        }
        let query: String = query.iter().map(|(name, value)| format!("&{name}={}", encoded(value))).collect();
        let url = format!("https://{authority}/?Action=connect{query}");
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(LIFETIME);
        let signed = Signed { method: "GET", url: &url, headers: &[], body: &[] };
        let (_, mut params) = self.sign(service, settings, &signed)?.into_parts();
        // The order makes no difference to the signature; it is `botocore`'s.
        params.sort_by_key(|(name, _)| *name == "X-Amz-Signature");
        let params: String = params.iter().map(|(name, value)| format!("&{name}={}", encoded(value))).collect();
        Ok(Secret::new(format!("{}{params}", url.trim_start_matches("https://"))))
    }
}

/// Whether it is a host, with or without a port, that is written as it is sent.
fn is_authority(text: &str) -> bool {
    let url = Url::parse(&format!("https://{text}/"));
    url.is_ok_and(|url| url.host_str() == text.split(':').next())
}

/// Percent-encoded but for the unreserved characters of RFC 3986.
fn encoded(value: &str) -> impl fmt::Display {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(value, RESERVED)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        region: String,
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
        unix_seconds: u64,
        user: String,
        host: Option<String>,
        port: Option<u16>,
        cache: Option<String>,
        serverless: Option<bool>,
        token: String,
    }

    impl Case {
        fn identity(&self) -> Identity {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(self.unix_seconds);
            Identity::new(&self.region, &self.access_key_id, &self.secret_access_key, self.session_token.clone())
                .with_clock(move || at)
        }
    }

    #[test]
    fn the_tokens_are_those_of_botocore() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../tests/botocore.json")).unwrap();
        assert!(cases.len() >= 8);
        for case in &cases {
            let identity = case.identity();
            let token = match (&case.host, &case.cache) {
                (Some(host), _) => identity.database_token(host, case.port.unwrap(), &case.user),
                (_, Some(cache)) => {
                    let serverless = case.serverless.unwrap();
                    let kind = if serverless { CacheKind::Serverless } else { CacheKind::ReplicationGroup };
                    identity.cache_token(cache, kind, &case.user)
                }
                _ => panic!("neither a database nor a cache"),
            };
            assert_eq!(*token.unwrap().expose(), case.token);
        }
    }

    #[test]
    fn a_host_that_is_none_is_refused() {
        let identity = Identity::new("eu-central-1", "AKID", "secret", None);
        for host in ["", "a host", "häuser"] {
            assert_eq!(identity.database_token(host, 5432, "kai").unwrap_err(), Unsignable, "{host}");
        }
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let identity = Identity::new("eu-central-1", "AKIDEXAMPLE", "hunter2", Some("swordfish".to_owned()));
        let shown = format!("{identity:?} {:?}", identity.database_token("db", 5432, "kai"));
        assert!(!["hunter2", "swordfish", "Amz", "AKID"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}
