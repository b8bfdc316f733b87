//! Black-box tests of Kai. There is one module for each function, and one for each property of the
//! whole system.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helper functions of tests panic on every error"
)]

mod account_delete;
mod account_export;
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
mod journal_delete;
mod journal_get;
mod journal_insights;
mod journal_list;
mod journal_update;
mod metrics_rollup;
mod profile_get;
mod profile_update;

mod alarms;
mod authorization;
mod chat_model;
mod concurrency;
mod concurrent_changes;
mod corrupt_cache;
mod crisis;
mod dashboard;
mod database_role;
mod encryption_at_rest;
mod end_to_end;
mod errors;
mod events;
mod faults;
mod field_validation;
mod headers;
mod idempotency;
mod input_leaks;
mod journal_cursor;
mod journal_filter;
mod metrics;
mod pages;
mod pgbouncer;
mod privacy;
mod proxy;
mod query_counts;
mod query_plan;
mod redis_acl;
mod redis_cluster_and_tls;
mod routes;
mod scenario;
mod secrets_manager;
mod slow_query;
mod user_isolation;
