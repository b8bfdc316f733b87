//! What is checked: the same reads, writes and sign-outs, by different means.

pub mod api;
pub mod library;
pub mod naive;

use std::future::Future;

use crate::checker::Answer;
use crate::subject::{Document, Subject};

/// Why something was not done, or is not known to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// No answer, or that the server cannot answer now.
    Unavailable,
    /// The session is not alive.
    SignedOut,
    /// Any other answer.
    Unexpected(String),
}

/// One way to use the cache.
pub trait Arm: Send + Sync + 'static {
    /// What it is called in the report.
    const NAME: &'static str;
    /// Whether it has sessions to sign out of.
    const HAS_SESSIONS: bool;

    /// Reads a document with a token of its subject.
    fn read(
        &self,
        subject: &Subject,
        token: &str,
        document: Document,
    ) -> impl Future<Output = Result<Answer, Failure>> + Send;

    /// Writes a version into a register of a document. To be repeated until it succeeds, which has the effect once.
    fn write(
        &self,
        subject: &Subject,
        document: Document,
        number: usize,
        version: u64,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Opens a further session, and returns its token.
    fn sign_in(&self, subject: &Subject) -> impl Future<Output = Result<String, Failure>> + Send;

    /// Ends a session. To be repeated until it succeeds.
    fn sign_out(&self, token: &str) -> impl Future<Output = Result<(), Failure>> + Send;
}
