//! Connections to servers: trusted certificates, single HTTP requests, and when a connection may be
//! stale.

pub mod http_client;
pub mod staleness;
pub mod tls;
