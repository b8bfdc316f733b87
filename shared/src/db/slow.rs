//! The warning about a slow statement.

use std::time::Duration;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Param, Statement};

/// Warns with the statement's name and text, how long it took and how many rows it gave, and the ids among its parameters: those are the only
/// ones that cannot hold what a person wrote.
pub(super) fn warn(statement: Statement, params: &[Param<'_>], took: Duration, rows: usize) {
    let ids: Vec<String> = params.iter().filter_map(id).map(|id| id.to_string()).collect();
    tracing::warn!(
        statement = statement.name,
        sql = statement.sql,
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        rows,
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
    fn only_ids_are_taken_from_the_parameters() {
        let user = Uuid::from_u128(7);
        assert_eq!(id(&(&user, Type::UUID)), Some(user));
        assert_eq!(id(&(&"dear diary", Type::TEXT)), None);
        assert_eq!(id(&(&None::<Uuid>, Type::UUID)), None);
    }
}
