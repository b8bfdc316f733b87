//! What a function answers, as the gateway would read it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

/// A response of payload format 2.0.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    pub(crate) status_code: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<String>,
    #[serde(default)]
    pub(crate) is_base64_encoded: bool,
}

impl Answer {
    pub(crate) fn parse(response: &[u8]) -> Result<Self> {
        serde_json::from_slice(response).context("the answer is not of payload format 2.0")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as it goes over the wire.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        let body = self.body.as_deref().unwrap_or_default();
        if self.is_base64_encoded { Ok(STANDARD.decode(body)?) } else { Ok(body.as_bytes().to_vec()) }
    }

    /// The body as JSON, of an answer that is not compressed.
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_str(self.body.as_deref().unwrap_or_default()).context("the body is not JSON")
    }
}
