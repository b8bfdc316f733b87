//! Reading a window.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::{try_join, try_join_all};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::{Error, Row, Table, moment, refused};
use crate::aggregate::Aggregate;
use crate::line::SlowQuery;
use crate::minute::{Minute, day, day_before};
use crate::report::{Report, Window};
use crate::scale::Scale;

/// So many of the last slow queries are shown.
const SLOW_QUERIES: i32 = 20;

impl Table {
    /// What a window that ends now tells.
    ///
    /// # Errors
    /// DynamoDB is away or refuses.
    pub async fn report(&self, window: Window, now: Timestamp) -> Result<Report, Error> {
        let (first, last) = window.minutes(now);
        let (aggregates, slow_queries) =
            try_join(self.aggregates(window.scale(), first, last), self.slow_queries(first.start(), now)).await?;
        Ok(Report::new(window, now, aggregates, slow_queries))
    }

    /// The aggregates of these minutes, each with the first of its own and with its endpoint.
    async fn aggregates(
        &self,
        scale: Scale,
        first: Minute,
        last: Minute,
    ) -> Result<Vec<(Minute, String, Aggregate)>, Error> {
        let partitions: BTreeSet<_> = first.until(last).map(|minute| scale.partition(minute)).collect();
        // "~" sorts after everything that an endpoint's name is made of.
        let (from, to) = (scale.name(first), format!("{}#~", scale.name(last)));
        let queries = partitions.into_iter().map(|partition| self.query(partition, &from, &to, None));
        let rows: Vec<Vec<Row<Aggregate>>> = try_join_all(queries).await?;
        let aggregates = rows.into_iter().flatten().filter_map(|row| {
            let (name, endpoint) = row.sk.split_once('#')?;
            Some((scale.parse(name)?, endpoint.to_owned(), row.held))
        });
        Ok(aggregates.collect())
    }

    /// The last slow queries, the latest first.
    async fn slow_queries(&self, from: Timestamp, to: Timestamp) -> Result<Vec<SlowQuery>, Error> {
        let (earliest, latest) = (moment(from), format!("{}~", moment(to)));
        // A window is a day long at most.
        let of = |time| self.query(format!("slow#{}", day(time)), &earliest, &latest, Some(SLOW_QUERIES));
        let mut rows: Vec<Row<SlowQuery>> = of(to).await?;
        if day(from) != day(to) && rows.len() < SLOW_QUERIES as usize {
            rows.extend(of(day_before(to)).await?);
        }
        Ok(rows.into_iter().map(|row| row.held).take(SLOW_QUERIES as usize).collect())
    }

    /// The items of a partition between two sort keys: all of them, or the last so many, the last one first.
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
            Some(_) => query.send().await.map_err(refused("Query"))?.items.unwrap_or_default(),
            None => {
                let pages = query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
                pages.map_err(refused("Query"))?
            }
        };
        Ok(serde_dynamo::from_items(items)?)
    }
}
