//! AWS without its SDK: IAM tokens, which are signed locally, and the one request to Secrets
//! Manager that a function may send before it serves requests.

mod secrets_manager;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningInstructions, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::Timestamp;

pub use self::secrets_manager::fetch;
pub use self::token::CacheKind;

/// The AWS identity of this process: a region, and the credentials that Lambda gives to an
/// execution environment, which remain valid for the environment's whole life.
#[derive(Clone)]
pub struct Identity {
    region: String,
    credentials: aws_smithy_runtime_api::client::identity::Identity,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

/// The error of a request that cannot be signed, because a part of its URL is invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request to AWS cannot be signed: its URL is invalid")]
pub struct Unsignable;

impl Identity {
    /// Creates an identity. Long-lived keys have no session token.
    pub fn new(region: &str, access_key_id: &str, secret_access_key: &str, session_token: Option<String>) -> Self {
        let credentials = Credentials::new(access_key_id, secret_access_key, session_token, None, "environment");
        Self { region: region.to_owned(), credentials: credentials.into(), clock: Arc::new(|| Timestamp::now().into()) }
    }

    /// Replaces the clock that dates the signatures.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    fn sign(
        &self,
        service: &str,
        settings: SigningSettings,
        request: &Signed<'_>,
    ) -> Result<SigningInstructions, Unsignable> {
        let params = v4::SigningParams::builder()
            .identity(&self.credentials)
            .region(&self.region)
            .name(service)
            .time((self.clock)())
            .settings(settings)
            .build()
            .map_err(|_| Unsignable)?;
        let &Signed { method, url, headers, body } = request;
        let request = SignableRequest::new(method, url, headers.iter().copied(), SignableBody::Bytes(body));
        let signed = sign(request.map_err(|_| Unsignable)?, &params.into()).map_err(|_| Unsignable)?;
        Ok(signed.into_parts().0)
    }
}

/// The parts of a request that its signature covers.
struct Signed<'a> {
    method: &'a str,
    url: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("region", &self.region).finish_non_exhaustive()
    }
}
