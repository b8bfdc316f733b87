//! Checks under random faults that the cache never hides an acknowledged write. The checker is
//! modelled on Meta's Polaris.
//!
//! | module | contents |
//! |---|---|
//! | [`register`] | the rule that determines which versions a read may return |
//! | [`user`] | the users, each with a profile and a journal of two registers |
//! | [`checker`], [`counts`] | the verdict on every response, and the event counts |
//! | [`oracle`] | the records of the database, which decide on the one documented exception |
//! | [`target`] | the targets: the API, the library in this process, and plain cache-aside |
//! | [`load`] | the tasks that read, write and sign out |
//! | [`system`] | the servers and the functions |
//! | [`fault`], [`schedule`] | the faults that are injected into the system, and their schedule |
//! | [`workload`] | the load on each target |
//! | [`run`] | the run of one target under load and faults |
//! | [`report`] | the outcome of a run |

pub mod checker;
pub mod counts;
pub mod fault;
pub mod load;
pub mod oracle;
pub mod register;
pub mod report;
pub mod run;
pub mod schedule;
pub mod system;
pub mod target;
pub mod user;
pub mod workload;
