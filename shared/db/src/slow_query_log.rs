//! The log line about a slow statement.

use std::time::Duration;

use metrics::RequestMetrics;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Error, Param, Statement};

/// Logs a slow statement.
///
/// The line has the name and the text of the statement, the time that the request waited for it
/// (including the connection), and the number of rows or the error. It also has the function, the
/// request and the ids among the parameters. Ids are the only parameters that cannot contain what a
/// user wrote.
pub(super) fn warn(
    statement: Statement,
    params: &[Param<'_>],
    took: Duration,
    rows: Result<usize, &Error>,
    metrics: &RequestMetrics,
) {
    let ids: Vec<String> = params.iter().filter_map(id).map(|id| id.to_string()).collect();
    tracing::warn!(
        statement = statement.name,
        sql = statement.line(),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        rows = rows.ok(),
        error = rows.err().map(ToString::to_string),
        function = metrics::function_name(),
        request_id = metrics.request_id(),
        endpoint = metrics.endpoint(),
        ids = ids.join(" "),
        "slow query"
    );
}

fn id((value, kind): &Param<'_>) -> Option<Uuid> {
    if *kind != Type::UUID {
        return None;
    }
    let mut wire = bytes::BytesMut::with_capacity(16);
    value.to_sql_checked(&Type::UUID, &mut wire).ok()?;
    Uuid::from_slice(&wire).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_among_the_parameters_are_logged() {
        let user = Uuid::from_u128(7);
        assert_eq!(id(&(&user, Type::UUID)), Some(user));
        assert_eq!(id(&(&"dear diary", Type::TEXT)), None);
        assert_eq!(id(&(&None::<Uuid>, Type::UUID)), None);
    }

    #[test]
    fn the_sql_text_is_logged_on_one_line() {
        let statement = Statement { name: "x", sql: "SELECT 1\n        FROM users\n" };
        assert_eq!(statement.line(), "SELECT 1 FROM users");
    }
}
