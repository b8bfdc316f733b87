//! The API: the real functions behind the emulator, each in several environments.

use std::sync::Arc;

use api_tests::{Request, Response, TestApp};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Arm, Failure};
use crate::checker::Answer;
use crate::session;
use crate::subject::{Document, REGISTERS, Subject};

/// Reads and writes over HTTP.
#[derive(Debug)]
pub struct Api(pub Arc<TestApp>);

impl Arm for Api {
    const NAME: &'static str = "api";
    const HAS_SESSIONS: bool = true;

    async fn read(&self, subject: &Subject, token: &str, document: Document) -> Result<Answer, Failure> {
        let path = match document {
            Document::Profile => format!("/api/users/{}/profile", subject.id),
            Document::Journal => "/api/journal/entries".to_owned(),
        };
        let reply = send(self.0.anonymous().with_token(token).get(path)).await?;
        let versions = versions(subject, document, &reply.decompressed())?;
        Ok(Answer { versions, hit: reply.header("x-cache") == Some("hit") })
    }

    async fn write(&self, subject: &Subject, document: Document, number: usize, version: u64) -> Result<(), Failure> {
        let (path, change) = match (document, number, subject.entries.get(number)) {
            (Document::Journal, _, Some(entry)) => {
                (format!("/api/journal/entries/{entry}"), json!({"content": version.to_string()}))
            }
            (_, 0, _) => {
                (format!("/api/users/{}/profile", subject.id), json!({"communication_style": version.to_string()}))
            }
            _ => (format!("/api/users/{}/profile", subject.id), json!({"preferences": {"version": version}})),
        };
        let key = format!("{}-{version}", subject.register_name(document, number));
        let client = self.0.anonymous().with_token(&subject.token);
        send(client.patch(path, &change).header("idempotency-key", key)).await.map(drop)
    }

    async fn sign_in(&self, subject: &Subject) -> Result<String, Failure> {
        session::open(self.0.database_url(), subject.id).await
    }

    async fn sign_out(&self, token: &str) -> Result<(), Failure> {
        let client = self.0.anonymous().with_token(token);
        // The token itself is as good a key as any: it signs out once.
        let request = client.request("POST", "/api/auth/logout?scope=this").header("idempotency-key", token);
        send(request).await.map(drop)
    }
}

async fn send(request: Request) -> Result<Response, Failure> {
    let reply = request.try_send().await.ok_or(Failure::Unavailable)?;
    match reply.status {
        200 => Ok(reply),
        401 => Err(Failure::SignedOut),
        500..=599 => Err(Failure::Unavailable),
        status => Err(Failure::Unexpected(format!("{status} {}", String::from_utf8_lossy(&reply.decompressed())))),
    }
}

#[derive(Deserialize)]
struct Profile {
    communication_style: String,
    preferences: Preferences,
}

#[derive(Deserialize)]
struct Preferences {
    version: u64,
}

#[derive(Deserialize)]
struct Page {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: Uuid,
    content: String,
}

/// The registers in the body of a document.
///
/// # Errors
/// It is another document.
pub(super) fn versions(subject: &Subject, document: Document, body: &[u8]) -> Result<[u64; REGISTERS], Failure> {
    let versions = match document {
        Document::Profile => serde_json::from_slice(body).ok().and_then(|profile: Profile| {
            Some([profile.communication_style.parse().ok()?, profile.preferences.version])
        }),
        Document::Journal => serde_json::from_slice(body).ok().and_then(|page: Page| {
            let find = |id: &Uuid| page.entries.iter().find(|entry| entry.id == *id)?.content.parse().ok();
            let [first, second] = subject.entries.each_ref().map(find);
            Some([first?, second?])
        }),
    };
    versions.ok_or_else(|| Failure::Unexpected(format!("{document:?}: {}", String::from_utf8_lossy(body))))
}
