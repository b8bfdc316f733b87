//! What every function of Kai uses.
//!
//! | module | holds |
//! |---|---|
//! | [`mod@run`] | the one `main` of every function |
//! | [`state`] | what a request is given: cache, database, meter |
//! | [`config`] | the only reader of the environment |
//! | [`error`] | what can go wrong, in the words of the domain; knows no HTTP |
//! | [`http`] | typed request parts, replies, problem details, the one table from error to status |
//! | [`aws`] | tokens of IAM and the secret, without the SDK |
//! | [`cache`] | guarded generations over Redis: keys, sealed records, guards, client |
//! | [`db`] | connections to Postgres, statements with deadlines and timing |
//! | [`store`] | all SQL and Kai's nouns: account, session, profile, journal |
//! | [`document`] | a body as it is cached and sent: compressed, with its entity tag |
//! | [`compress`] | gzip and its negotiation |
//! | [`fields`] | reads typed fields and collects what is wrong with them |
//! | [`llm`] | the language model, and the companion that stands in for it |
//! | [`metrics`] | what a request counts, and the EMF line that tells it |
//! | [`outbound`] | one HTTP request to somebody else |
//! | [`password`] | argon2id, off the async threads |
//! | [`safety`] | the detector of crises, and whom to turn to in one |
//! | [`secret`] | values that are never printed |
//! | `silence` | how long a server has not answered, across a freeze |
//! | [`telemetry`] | structured logs |
//! | `tls` | whom a server has to be vouched for by |
//!
//! Dependencies run one way: `run → http → store → cache, db → error`; `cache`, `db`, `compress` and `metrics` know no noun of Kai.

pub mod aws;
pub mod cache;
pub mod compress;
pub mod config;
pub mod db;
pub mod document;
pub mod error;
pub mod fields;
pub mod http;
pub mod llm;
pub mod metrics;
pub mod outbound;
pub mod password;
pub mod run;
pub mod safety;
pub mod secret;
mod silence;
pub mod state;
pub mod store;
pub mod telemetry;
mod tls;

pub use error::{Error, Result};
pub use run::{run, run_alone, run_event, run_with_resources};
pub use state::State;
