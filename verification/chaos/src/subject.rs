//! Whose data are read and written.

use api_tests::TestApp;
use uuid::Uuid;

use crate::register::{Expectation, Register};

/// What is cached as a whole, and holds two registers: two writers of one document announce themselves at the same guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// The profile: `communication_style`, and `preferences.version`.
    Profile,
    /// The first page of the journal: the contents of two entries.
    Journal,
}

/// How many registers a document has.
pub const REGISTERS: usize = 2;

impl Document {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Profile, Self::Journal];

    /// What its guards' names begin with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Profile => "user:profile",
            Self::Journal => "journal:list",
        }
    }
}

/// A person with a session, a profile and a journal of two entries.
#[derive(Debug)]
pub struct Subject {
    /// Who.
    pub id: Uuid,
    /// The session that reads and writes.
    pub token: String,
    /// The entries of the journal.
    pub entries: [Uuid; REGISTERS],
    profile: [Register; REGISTERS],
    journal: [Register; REGISTERS],
}

impl Subject {
    /// Somebody new, all of whose registers are at 0.
    pub async fn settle(kai: &TestApp) -> Self {
        let person = kai.new_user().await;
        let entries = [Uuid::now_v7(), Uuid::now_v7()];
        kai.query(
            "WITH profile AS (
                UPDATE user_profiles SET communication_style = '0', preferences = '{\"version\": 0}' WHERE user_id = $1
            )
            INSERT INTO journal_entries (id, user_id, content) SELECT unnest($2::uuid[]), $1, '0'",
            &[&person.id, &entries.as_slice()],
        )
        .await;
        let (id, token) = (person.id, person.token);
        Self { id, token, entries, profile: Default::default(), journal: Default::default() }
    }

    /// The registers of a document.
    pub fn registers(&self, document: Document) -> &[Register; REGISTERS] {
        match document {
            Document::Profile => &self.profile,
            Document::Journal => &self.journal,
        }
    }

    /// What a read of a document that begins now must not fall behind.
    pub fn expect(&self, document: Document) -> [Expectation; REGISTERS] {
        self.registers(document).each_ref().map(Register::expect)
    }

    /// The guard of a document in Redis.
    pub fn guard(&self, document: Document) -> String {
        format!("{}:{}:guard", document.prefix(), self.id)
    }

    /// The name under which the database remembers who has written a register.
    pub fn register_name(&self, document: Document, number: usize) -> String {
        match (document, number, self.entries.get(number)) {
            (Document::Journal, _, Some(entry)) => entry.to_string(),
            (_, 0, _) => format!("style:{}", self.id),
            _ => format!("preferences:{}", self.id),
        }
    }
}
