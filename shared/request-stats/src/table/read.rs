//! Reading the report of a window.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::{try_join, try_join_all};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::error::{Error, operation_failed};
use super::item::{Row, sortable};
use super::open::Table;
use crate::aggregate::Aggregate;
use crate::log_line::SlowQuery;
use crate::minute::{Minute, day, day_before};
use crate::report::{Report, Window};
use crate::resolution::Resolution;

/// The number of the latest slow queries that a report contains.
const MAX_SLOW_QUERIES: i32 = 20;

impl Table {
    /// Reads the report of a window that ends now.
    ///
    /// # Errors
    /// Returns an error if DynamoDB is unavailable or rejects the request.
    pub async fn report(&self, window: Window, now: Timestamp) -> Result<Report, Error> {
        let (first, last) = window.minutes(now);
        let (aggregates, slow_queries) =
            try_join(self.aggregates(window.resolution(), first, last), self.slow_queries(first.start(), now)).await?;
        Ok(Report::new(window, now, aggregates, slow_queries))
    }

    /// Reads the aggregates of these minutes, each with its first minute and its endpoint.
    async fn aggregates(
        &self,
        resolution: Resolution,
        first: Minute,
        last: Minute,
    ) -> Result<Vec<(Minute, String, Aggregate)>, Error> {
        let partitions: BTreeSet<_> = first.through(last).map(|minute| resolution.partition(minute)).collect();
        // "~" sorts after every character of an endpoint's name.
        let (from, to) = (resolution.name(first), format!("{}#~", resolution.name(last)));
        let queries = partitions.into_iter().map(|partition| self.query(partition, &from, &to, None));
        let rows: Vec<Vec<Row<Aggregate>>> = try_join_all(queries).await?;
        let aggregates = rows.into_iter().flatten().filter_map(|row| {
            let (name, endpoint) = row.sk.split_once('#')?;
            Some((resolution.parse(name)?, endpoint.to_owned(), row.held))
        });
        Ok(aggregates.collect())
    }

    /// Reads the latest slow queries, newest first.
    async fn slow_queries(&self, from: Timestamp, to: Timestamp) -> Result<Vec<SlowQuery>, Error> {
        let (earliest, latest) = (sortable(from), format!("{}~", sortable(to)));
        // A window is at most a day long, so it touches at most two days.
        let of_day = |time| self.query(format!("slow#{}", day(time)), &earliest, &latest, Some(MAX_SLOW_QUERIES));
        let mut rows: Vec<Row<SlowQuery>> = of_day(to).await?;
        if day(from) != day(to) && rows.len() < MAX_SLOW_QUERIES as usize {
            rows.extend(of_day(day_before(to)).await?);
        }
        Ok(rows.into_iter().map(|row| row.held).take(MAX_SLOW_QUERIES as usize).collect())
    }

    /// Reads the items of a partition between two sort keys: all of them, or the `last` ones in
    /// descending order.
    async fn query<T: DeserializeOwned>(
        &self,
        pk: String,
        from: &str,
        to: &str,
        last: Option<i32>,
    ) -> Result<Vec<Row<T>>, Error> {
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(":from", AttributeValue::S(from.to_owned()))
            .expression_attribute_values(":to", AttributeValue::S(to.to_owned()))
            .scan_index_forward(last.is_none())
            .set_limit(last);
        let items = match last {
            Some(_) => query.send().await.map_err(operation_failed("Query"))?.items.unwrap_or_default(),
            None => {
                let pages = query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
                pages.map_err(operation_failed("Query"))?
            }
        };
        Ok(serde_dynamo::from_items(items)?)
    }
}
