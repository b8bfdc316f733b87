//! IAM tokens: passwords that are valid for 15 minutes and need no storage. A token is a presigned
//! request that is never sent.
//!
//! RDS:
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html>,
//! `ElastiCache`: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html>. Both
//! tokens are byte for byte those of `botocore`.

use std::fmt;
use std::time::Duration;

use aws_sigv4::http_request::{SignatureLocation, SigningSettings};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secret::Secret;
use url::Url;

use super::{Identity, Signed, Unsignable};

/// The longest lifetime that AWS accepts. A connection remains open after the token with which it
/// was opened expires.
const LIFETIME: Duration = Duration::from_mins(15);

/// The kind of cache for which a token is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheKind {
    /// A replication group: a cluster whose nodes the operator chooses.
    ReplicationGroup,
    /// A serverless cache, which AWS scales. Its tokens name the resource type.
    Serverless,
}

impl Identity {
    /// Returns the password of `user` for a database or a proxy of RDS. `host` must be the name
    /// that AWS assigned, not an alias.
    ///
    /// # Errors
    /// Returns an error if `host` is not a valid host name.
    pub fn database_token(&self, host: &str, port: u16, user: &str) -> Result<Secret<String>, Unsignable> {
        self.presign("rds-db", &format!("{host}:{port}"), &[("DBUser", user)])
    }

    /// Returns the password of `user` for an `ElastiCache` cache. `cache` is the name of the cache,
    /// not its host.
    ///
    /// # Errors
    /// Returns an error if `cache` is not a valid cache name.
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
        // The order does not affect the signature. It is that of `botocore`.
        params.sort_by_key(|(name, _)| *name == "X-Amz-Signature");
        let params: String = params.iter().map(|(name, value)| format!("&{name}={}", encoded(value))).collect();
        Ok(Secret::new(format!("{}{params}", url.trim_start_matches("https://"))))
    }
}

/// Whether the text is a host, with or without a port, whose normalized form is the same.
fn is_authority(text: &str) -> bool {
    let url = Url::parse(&format!("https://{text}/"));
    url.is_ok_and(|url| url.host_str() == text.split(':').next())
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
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
    fn tokens_equal_those_of_botocore() {
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
    fn an_invalid_host_is_rejected() {
        let identity = Identity::new("eu-central-1", "AKID", "secret", None);
        for host in ["", "a host", "häuser"] {
            assert_eq!(identity.database_token(host, 5432, "kai").unwrap_err(), Unsignable, "{host}");
        }
    }

    #[test]
    fn debug_output_contains_no_secret() {
        let identity = Identity::new("eu-central-1", "AKIDEXAMPLE", "hunter2", Some("swordfish".to_owned()));
        let shown = format!("{identity:?} {:?}", identity.database_token("db", 5432, "kai"));
        assert!(!["hunter2", "swordfish", "Amz", "AKID"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}
