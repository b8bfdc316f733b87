//! The targets of a run: different ways to perform the same reads, writes and sign-outs.

pub mod api;
mod body;
pub mod library;
pub mod naive;
mod session;

use std::future::Future;

use crate::user::{REGISTERS, Resource, User};

/// One way to read and write through the cache.
pub trait Target: Send + Sync + 'static {
    /// The name of the target in the report.
    const NAME: &'static str;
    /// Whether the target has sessions that can be signed out.
    const HAS_SESSIONS: bool;

    /// Reads a resource with a token of its user.
    fn read(
        &self,
        user: &User,
        token: &str,
        resource: Resource,
    ) -> impl Future<Output = Result<ReadResponse, Failure>> + Send;

    /// Writes a version into a register of a resource. The caller repeats the write until it
    /// succeeds, and the write takes effect once.
    fn write(
        &self,
        user: &User,
        resource: Resource,
        number: usize,
        version: u64,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Opens another session and returns its token.
    fn sign_in(&self, user: &User) -> impl Future<Output = Result<String, Failure>> + Send;

    /// Ends a session. The caller repeats the sign-out until it succeeds.
    fn sign_out(&self, token: &str) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// The response of a target to a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadResponse {
    /// The versions in the registers of the resource.
    pub versions: [u64; REGISTERS],
    /// Whether the response came from the cache.
    pub hit: bool,
}

/// The reason why a request failed, or may have failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There was no response, or the server is currently unavailable.
    Unavailable,
    /// The session has ended.
    SignedOut,
    /// The response is neither a success nor an expected error.
    Unexpected(String),
}
