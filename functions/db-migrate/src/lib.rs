//! Brings the database's schema up or down: as a custom resource of the stack before the functions take traffic, or by hand.
//!
//! By hand the event is `{"direction": "up"}`, `"down"` for one step back, or `"status"`. As a custom resource, `Create` and `Update` go
//! up and `Delete` touches nothing: what people wrote outlives the stack.

mod custom_resource;
mod schema;

use serde::{Deserialize, Serialize};
use shared::Result;
use shared::config::{ConfigError, Variables};
use shared::db;

pub use self::custom_resource::CustomResource;
pub use self::schema::Applied;

/// Whoever calls.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// CloudFormation.
    CustomResource(CustomResource),
    /// A person or a script.
    ByHand {
        /// Where to.
        direction: Direction,
    },
}

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the newest migration.
    Up,
    /// One step back.
    Down,
    /// Nowhere.
    Status,
}

/// Where the schema is now.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Every migration that this function knows, oldest first; none when the database was not asked.
    pub migrations: Vec<Applied>,
}

/// The database whose schema it is.
#[derive(Debug, Clone)]
pub struct Database(db::Url);

impl TryFrom<Variables> for Database {
    type Error = ConfigError;

    fn try_from(variables: Variables) -> Result<Self, ConfigError> {
        variables.database().map(Self)
    }
}

/// Migrates, and tells CloudFormation if it is waiting.
///
/// # Errors
/// When a migration fails; those before it stay, and it is rolled back unless it begins with `-- no-transaction`.
pub async fn handle(database: Database, event: Event) -> Result<Outcome> {
    match event {
        Event::ByHand { direction } => schema::migrate(&database.0, direction).await,
        Event::CustomResource(request) => {
            // The database may be gone before the stack, which must still be able to go.
            let outcome = if request.is_deletion() {
                Ok(Outcome { migrations: Vec::new() })
            } else {
                schema::migrate(&database.0, Direction::Up).await
            };
            request.answer(outcome.as_ref().map(drop)).await?;
            outcome
        }
    }
}
