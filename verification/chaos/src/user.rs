//! The users whose data are read and written.

use api_tests::TestApp;
use uuid::Uuid;

use crate::register::{Expectation, Register};

/// The number of registers in a resource.
pub const REGISTERS: usize = 2;

/// A user with a session, a profile and a journal of two entries.
#[derive(Debug)]
pub struct User {
    /// The id of the user.
    pub id: Uuid,
    /// The token of the session that reads and writes.
    pub token: String,
    /// The ids of the journal entries.
    pub entries: [Uuid; REGISTERS],
    profile: [Register; REGISTERS],
    journal: [Register; REGISTERS],
}

impl User {
    /// Creates a user whose registers are all zero.
    pub async fn create(kai: &TestApp) -> Self {
        let user = kai.new_user().await;
        let entries = [Uuid::now_v7(), Uuid::now_v7()];
        kai.query(
            "WITH profile AS (
                UPDATE user_profiles SET communication_style = '0', preferences = '{\"version\": 0}' WHERE user_id = $1
            )
            INSERT INTO journal_entries (id, user_id, content) SELECT unnest($2::uuid[]), $1, '0'",
            &[&user.id, &entries.as_slice()],
        )
        .await;
        let (id, token) = (user.id, user.token);
        Self { id, token, entries, profile: Default::default(), journal: Default::default() }
    }

    /// Returns the registers of a resource.
    pub fn registers(&self, resource: Resource) -> &[Register; REGISTERS] {
        match resource {
            Resource::Profile => &self.profile,
            Resource::Journal => &self.journal,
        }
    }

    /// Returns the oldest versions that a read may return if it begins now.
    pub fn expect(&self, resource: Resource) -> [Expectation; REGISTERS] {
        self.registers(resource).each_ref().map(Register::expect)
    }

    /// Returns the key of a resource's guard in Redis.
    pub fn guard(&self, resource: Resource) -> String {
        format!("{}:{}:guard", resource.prefix(), self.id)
    }

    /// Returns the name of a register in the records that the triggers of the oracle write.
    pub fn register_name(&self, resource: Resource, number: usize) -> String {
        match (resource, number, self.entries.get(number)) {
            (Resource::Journal, _, Some(entry)) => entry.to_string(),
            (_, 0, _) => format!("style:{}", self.id),
            _ => format!("preferences:{}", self.id),
        }
    }
}

/// A resource, which is cached as a whole and contains two registers. Two writers of one resource
/// mark the same guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The profile. The registers are `communication_style` and `preferences.version`.
    Profile,
    /// The first page of the journal. The registers are the contents of two entries.
    Journal,
}

impl Resource {
    /// Returns the prefix of the guard keys.
    fn prefix(self) -> &'static str {
        match self {
            Self::Profile => "user:profile",
            Self::Journal => "journal:list",
        }
    }
}
