//! The API: the real functions behind the emulator, each in several environments.

use std::sync::Arc;

use api_tests::{Request, Response, TestApp};

use super::{Failure, ReadResponse, Target, body, session};
use crate::user::{Resource, User};

/// Reads and writes over HTTP.
#[derive(Debug)]
pub struct Api(pub Arc<TestApp>);

impl Target for Api {
    const NAME: &'static str = "api";
    const HAS_SESSIONS: bool = true;

    async fn read(&self, user: &User, token: &str, resource: Resource) -> Result<ReadResponse, Failure> {
        let path = match resource {
            Resource::Profile => profile_path(user),
            Resource::Journal => "/api/journal/entries".to_owned(),
        };
        let reply = send(self.0.anonymous().with_token(token).get(path)).await?;
        let versions = body::parse_versions(user, resource, &reply.decompressed())?;
        Ok(ReadResponse { versions, hit: reply.header("x-cache") == Some("hit") })
    }

    async fn write(&self, user: &User, resource: Resource, number: usize, version: u64) -> Result<(), Failure> {
        let path = match (resource, user.entries.get(number)) {
            (Resource::Journal, Some(entry)) => format!("/api/journal/entries/{entry}"),
            _ => profile_path(user),
        };
        let key = format!("{}-{version}", user.register_name(resource, number));
        let client = self.0.anonymous().with_token(&user.token);
        let request = client.patch(path, &body::patch(resource, number, version));
        send(request.header("idempotency-key", key)).await.map(drop)
    }

    async fn sign_in(&self, user: &User) -> Result<String, Failure> {
        session::open(self.0.database_url(), user.id).await
    }

    async fn sign_out(&self, token: &str) -> Result<(), Failure> {
        let client = self.0.anonymous().with_token(token);
        // The token is a suitable key, because a token is signed out only once.
        let request = client.request("POST", "/api/auth/logout?scope=this").header("idempotency-key", token);
        send(request).await.map(drop)
    }
}

fn profile_path(user: &User) -> String {
    format!("/api/users/{}/profile", user.id)
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
