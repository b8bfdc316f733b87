//! A local `DynamoDB` with the template's tables, behind the real API.

use std::net::TcpListener;
use std::path::Path;

use dynoxide::Database;
use dynoxide::errors::DynoxideError;
use dynoxide::server::serve_on;
use serde_json::json;

use crate::error::{Error, Result};
use crate::template::Table;

/// The tables of a template, and the listener of their API.
pub(crate) struct DynamoDb {
    database: Database,
    listener: TcpListener,
    url: String,
}

impl DynamoDb {
    /// Opens the database in `file`, or in memory if `file` is `None`, and creates missing tables.
    /// Returns `None` if the template has no table.
    pub(crate) fn open(tables: &[Table], file: Option<&Path>) -> Result<Option<Self>> {
        if tables.is_empty() {
            return Ok(None);
        }
        let failed = |error: &dyn ToString| Error::Tables(error.to_string());
        let database = match file {
            Some(file) => Database::new(&file.to_string_lossy()),
            None => Database::memory(),
        };
        let database = database.map_err(|error| failed(&error))?;
        for table in tables {
            create_table(&database, table)?;
        }
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| failed(&error))?;
        listener.set_nonblocking(true).map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        Ok(Some(Self { database, listener, url: format!("http://{address}") }))
    }

    /// Returns the endpoint URL for AWS SDKs.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Serves the API until the task is dropped.
    pub(crate) async fn serve(self) {
        if let Ok(listener) = tokio::net::TcpListener::from_std(self.listener) {
            serve_on(listener, self.database).await;
        }
    }
}

fn create_table(database: &Database, table: &Table) -> Result<()> {
    let rejected = |property: &str, error: &dyn ToString| Error::template(&table.name, property, error.to_string());
    let request = serde_json::from_value(table.create.clone()).map_err(|error| rejected("KeySchema", &error))?;
    match database.create_table(request) {
        Ok(_) => {}
        // An earlier run created the table in this file.
        Err(DynoxideError::ResourceInUseException(_)) => return Ok(()),
        Err(error) => return Err(rejected("KeySchema", &error)),
    }
    let Some(attribute) = &table.expiry else { return Ok(()) };
    let request = json!({
        "TableName": table.name, "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true},
    });
    let request = serde_json::from_value(request).map_err(|error| rejected("TimeToLiveSpecification", &error))?;
    database.update_time_to_live(request).map(drop).map_err(|error| rejected("TimeToLiveSpecification", &error))
}
