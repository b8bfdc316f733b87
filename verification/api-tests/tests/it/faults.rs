//! Failures of servers and environments, as clients see them. Each test has its own servers, and
//! the tests run one at a time.

mod fixture;
mod killed_environments;
mod load;
mod logout;
mod postgres;
mod redis;
mod session_revocation;
mod silent_disconnects;
