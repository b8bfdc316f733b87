//! A function's response, as the gateway would parse it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

/// A response of payload format 2.0.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    pub(crate) status_code: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<String>,
    #[serde(default)]
    pub(crate) is_base64_encoded: bool,
}

impl Response {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self> {
        serde_json::from_slice(payload).context("the response is not in payload format 2.0")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Returns the body as it is sent to the client.
    pub(crate) fn body_bytes(&self) -> Result<Vec<u8>> {
        let body = self.body.as_deref().unwrap_or_default();
        if self.is_base64_encoded { Ok(STANDARD.decode(body)?) } else { Ok(body.as_bytes().to_vec()) }
    }

    /// Parses the body as JSON. The response must not be compressed.
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_str(self.body.as_deref().unwrap_or_default()).context("the body is not JSON")
    }
}
