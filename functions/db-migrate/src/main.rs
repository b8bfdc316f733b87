//! Migrates the schema of the database: as a custom resource of the stack, before the functions
//! receive traffic, or by hand.
//!
//! By hand, the event is `{"direction": "up"}`, `{"direction": "down"}` to revert one migration, or
//! `{"direction": "status"}`. As a custom resource, `Create` and `Update` apply all migrations.
//! `Delete` changes nothing: the users' data outlive the stack.

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

/// An event that invokes the function.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Event {
    /// A request of CloudFormation.
    CustomResource(CustomResource),
    /// An invocation by a person or a script.
    ByHand { direction: Direction },
}

/// A direction in which to migrate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    /// Applies all migrations that are not applied yet.
    Up,
    /// Reverts the newest migration.
    Down,
    /// Reports the migrations without changing anything.
    Status,
}

/// The state of the schema after the invocation.
#[derive(Debug, Serialize)]
struct Outcome {
    /// Every migration of this build, oldest first. Empty if the stack is being deleted.
    migrations: Vec<Applied>,
}

/// The URL of the database, or the error of the configuration. CloudFormation receives that error
/// too, because the stack waits for a result in any case.
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

/// Migrates the schema, and sends the result to CloudFormation if CloudFormation asked for it.
///
/// # Errors
/// A migration fails. It is rolled back, unless it begins with `-- no-transaction`. The migrations
/// before it remain applied.
async fn handle(database: Database, event: Event) -> Result<Outcome> {
    match event {
        Event::ByHand { direction } => database.migrate(direction).await,
        Event::CustomResource(request) => {
            // The database may already be deleted, and the stack must be deletable without it.
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
