//! Calls `GetSecretValue`, the only AWS call that a function makes before its first request.
//!
//! See <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>.
//! The SDK's client would account for half of the size of a function's binary.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sigv4::http_request::SigningSettings;
use http::Request;
use net::http_client;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use super::{Identity, Signed, Unsignable};

const TARGET: &str = "secretsmanager.GetSecretValue";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// Timeout of an attempt. Three attempts and the waits between them fit into the ten seconds of
/// Lambda's INIT phase.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Maximum size of a response, in bytes. A secret has at most 64 KiB.
const LIMIT: usize = 512 * 1024;
const WAITS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// The reason why a secret could not be read. It contains no part of the secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoint or the region is invalid.
    #[error(transparent)]
    Unsignable(#[from] Unsignable),
    /// The async runtime could not be created.
    #[error("the async runtime cannot be created: {0}")]
    NoRuntime(#[from] std::io::Error),
    /// Three attempts failed, or received a transient error.
    #[error("Secrets Manager is unavailable")]
    Unreachable,
    /// Secrets Manager rejected the request with this error, such as `ResourceNotFoundException`.
    #[error("Secrets Manager rejected the request: {0}")]
    Rejected(String),
    /// The secret is not a JSON object of strings.
    #[error("the secret must be a JSON object of strings")]
    NotAnObject,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValueRequest<'a> {
    secret_id: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValueResponse {
    secret_string: String,
}

#[derive(Deserialize)]
struct ErrorResponse {
    #[serde(rename = "__type")]
    kind: String,
}

/// Returns the members of a secret. `endpoint` replaces the endpoint of the region, for example
/// `http://127.0.0.1:4566`.
///
/// # Errors
/// Returns an error if the secret cannot be read. After a transient failure, up to three attempts
/// are made.
pub async fn fetch(identity: &Identity, endpoint: Option<&str>, id: &str) -> Result<BTreeMap<String, String>, Error> {
    let own = identity.own_endpoint();
    let url = format!("{}/", endpoint.unwrap_or(&own).trim_end_matches('/'));
    let body = serde_json::to_vec(&GetSecretValueRequest { secret_id: id }).map_err(|_| Error::NotAnObject)?;
    let mut waits = WAITS.iter();
    loop {
        let result = timeout(ATTEMPT, attempt(identity, &url, &body)).await;
        match (result.unwrap_or(Err(Error::Unreachable)), waits.next()) {
            (Err(Error::Unreachable), Some(wait)) => sleep(*wait).await,
            (outcome, _) => return outcome,
        }
    }
}

async fn attempt(identity: &Identity, url: &str, body: &[u8]) -> Result<BTreeMap<String, String>, Error> {
    let headers = [("content-type", CONTENT_TYPE), ("x-amz-target", TARGET)];
    let signed = Signed { method: "POST", url, headers: &headers, body };
    let (signature, _) = identity.sign("secretsmanager", SigningSettings::default(), &signed)?.into_parts();
    let mut request = Request::post(url);
    for (name, value) in headers.into_iter().chain(signature.iter().map(|header| (header.name(), header.value()))) {
        request = request.header(name, value);
    }
    let request = request.body(body.to_vec()).map_err(|_| Unsignable)?;
    let response = http_client::send(request, LIMIT).await.map_err(|_| Error::Unreachable)?;
    let (status, body) = (response.status(), response.into_body());
    match serde_json::from_slice(&body) {
        Ok(GetSecretValueResponse { secret_string }) if status.is_success() => {
            serde_json::from_str(&secret_string).map_err(|_| Error::NotAnObject)
        }
        _ if status.is_success() => Err(Error::NotAnObject),
        _ => Err(service_error(status.as_u16(), &body)),
    }
}

/// Converts an error response: server errors and throttling are transient, any other error is
/// reported with its kind.
fn service_error(status: u16, body: &[u8]) -> Error {
    let kind = serde_json::from_slice(body).map_or_else(|_| status.to_string(), |ErrorResponse { kind }| kind);
    let kind = kind.rsplit('#').next().unwrap_or_default();
    if status >= 500 || kind.contains("Throttl") {
        return Error::Unreachable;
    }
    Error::Rejected(kind.to_owned())
}

impl Identity {
    fn own_endpoint(&self) -> String {
        let region = &self.region;
        let china = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://secretsmanager.{region}.amazonaws.com{china}")
    }
}
