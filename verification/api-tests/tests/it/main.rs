//! Kai from the outside: a module for each function, and one for each property of the whole.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code outside of the test functions themselves"
)]

mod auth_login;
mod auth_logout;
mod auth_me;
mod auth_password;
mod auth_refresh;
mod auth_register;
mod cache_monitor;
mod chat_clear;
mod chat_history;
mod chat_send;
mod db_migrate;
mod docs;
mod health;
mod health_detailed;
mod journal_create;
mod journal_cursor;
mod journal_delete;
mod journal_filter;
mod journal_get;
mod journal_insights;
mod journal_list;
mod journal_update;
mod metrics_rollup;
mod profile_get;
mod profile_update;

mod access;
mod account_delete;
mod account_export;
mod alarms;
mod at_rest;
mod chat_model;
mod cluster;
mod concurrency;
mod counts;
mod crisis;
mod dashboard;
mod errors;
mod events;
mod faults;
mod fields;
mod flow;
mod harness;
mod headers;
mod hostile;
mod idempotency;
mod isolation;
mod journey;
mod markers;
mod matrix;
mod metrics;
mod overlap;
mod plan;
mod pooler;
mod privacy;
mod role;
mod secret;
mod slow_query;
