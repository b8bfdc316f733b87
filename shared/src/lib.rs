//! What every function of Kai uses: the one `main`, requests and responses, configuration and application state.
//!
//! | module | contents |
//! |---|---|
//! | [`mod@run`] | the one `main` of every function |
//! | [`state`] | what a request is given: store, model, keys |
//! | [`http`] | typed request parts, responses, problem details |
//! | [`config`] | the only reader of the environment |
//! | [`telemetry`] | structured logs |
//!
//! The crates below are re-exported, so that a function depends on this crate alone:
//!
//! | crate | contents | depends on |
//! |---|---|---|
//! | [`domain`] | accounts, sessions, profile, journal, conversation: types, SQL, cache families | `cache`, `db`, `encoded-body`, `llm`, `safety` |
//! | [`cache`] | guarded generations over Redis; no domain types | `metrics`, `net`, `secret` |
//! | [`db`] | pool, TLS, statements with deadlines, slow-query log | `metrics`, `net`, `secret` |
//! | [`llm`] | the language model: a server, or replies by rules | `metrics`, `net`, `secret` |
//! | [`safety`] | the crisis detector, and where to find help | |
//! | [`metrics`] | what a request counts, and its EMF record | |
//! | [`encoded_body`] | a body as it is cached and sent | |
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
