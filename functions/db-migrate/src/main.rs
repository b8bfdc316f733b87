//! Brings the database's schema up or down: as a custom resource of the stack before the functions take traffic, or by hand.
//!
//! By hand the event is `{"direction": "up"}`, `"down"` for one step back, or `"status"`. As a custom resource, `Create` and `Update` go
//! up and `Delete` touches nothing: what people wrote outlives the stack.

mod custom_resource;
mod schema;

use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use shared::config::{ConfigError, Variables};
use shared::db;
use shared::{Error, Result};

use self::custom_resource::CustomResource;
use self::schema::Applied;

fn main() -> ExitCode {
    shared::run_event(handle)
}

/// Whoever calls.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Event {
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
enum Direction {
    /// To the newest migration.
    Up,
    /// One step back.
    Down,
    /// Nowhere.
    Status,
}

/// Where the schema is now.
#[derive(Debug, Serialize)]
struct Outcome {
    /// Every migration that this function knows, oldest first; none when the database was not asked.
    migrations: Vec<Applied>,
}

/// The database whose schema it is, or why it cannot be told: whoever waits for the stack is told as well.
#[derive(Debug, Clone)]
struct Database(Result<db::Url, ConfigError>);

impl From<Variables> for Database {
    fn from(variables: Variables) -> Self {
        Self(variables.database())
    }
}

impl Database {
    async fn migrate(&self, direction: Direction) -> Result<Outcome> {
        schema::migrate(self.0.as_ref().map_err(|error| Error::internal(error.clone()))?, direction).await
    }
}

/// Migrates, and tells CloudFormation if it is waiting.
///
/// # Errors
/// When a migration fails; those before it stay, and it is rolled back unless it begins with `-- no-transaction`.
async fn handle(database: Database, event: Event) -> Result<Outcome> {
    match event {
        Event::ByHand { direction } => database.migrate(direction).await,
        Event::CustomResource(request) => {
            // The database may be gone before the stack, which must still be able to go.
            let outcome = if request.is_deletion() {
                Ok(Outcome { migrations: Vec::new() })
            } else {
                database.migrate(Direction::Up).await
            };
            request.answer(outcome.as_ref().map(drop)).await?;
            outcome
        }
    }
}
