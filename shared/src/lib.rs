//! The common parts of all functions of Kai: `main`, requests and responses, configuration and
//! state.
//!
//! | module | contents |
//! |---|---|
//! | [`mod@run`] | the common `main` of all functions |
//! | [`state`] | the state that handlers use: store, model, keys |
//! | [`http`] | typed request parts, responses, problem details |
//! | [`config`] | the only reader of the environment |
//! | [`telemetry`] | structured logs |
//!
//! The crates below are re-exported, so that a function depends only on this crate:
//!
//! | crate | contents | depends on |
//! |---|---|---|
//! | [`domain`] | accounts, sessions, profile, journal, conversation: types, SQL, cache families | `cache`, `db`, `encoded-body`, `llm`, `safety` |
//! | [`cache`] | guarded generations over Redis; no domain types | `metrics`, `net`, `secret` |
//! | [`db`] | pool, TLS, statements with deadlines, slow-query log | `metrics`, `net`, `secret` |
//! | [`llm`] | the language model: a server, or replies by rules | `metrics`, `net`, `secret` |
//! | [`safety`] | the crisis detector, and crisis services by country | |
//! | [`metrics`] | the counters of a request, and their EMF record | |
//! | [`encoded_body`] | a response body as it is cached and sent | |
//! | [`aws`] | IAM tokens and Secrets Manager, without the SDK | `net`, `secret` |
//! | [`net`] | trusted certificates, single HTTP requests, stale connections | |
//! | [`secret`] | values that are never printed | |

pub mod config;
pub mod http;
pub mod run;
pub mod state;
pub mod telemetry;

pub use domain::error::{self, Error, Result};
pub use {aws, cache, db, domain, encoded_body, llm, metrics, net, safety, secret};

pub use self::run::{run, run_event, run_with_resources, run_without_state};
pub use self::state::AppState;
