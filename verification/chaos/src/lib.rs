//! A checker after Meta's Polaris: does the cache ever hide an acknowledged write, whatever fails meanwhile?
//!
//! | module | holds |
//! |---|---|
//! | [`register`] | the rule: what a reader may be given, by what was acknowledged before it asked |
//! | [`subject`] | the people, each with a profile and a journal of two registers |
//! | [`checker`] | counts, and the judgement on every answer |
//! | [`witness`] | what the database itself remembers, for the one delay that is stated |
//! | [`arm`] | what is checked: the API, the library in this process, and cache-aside as it is usually written |
//! | [`load`] | readers, writers and those who sign out |
//! | [`stage`] | the servers and functions |
//! | [`fault`], [`schedule`] | what is done to them, and when |
//! | [`choice`] | how much is asked of each arm |
//! | [`trial`] | one arm, for a time |
//! | [`report`] | what came of it |

pub mod arm;
pub mod checker;
pub mod choice;
pub mod fault;
pub mod load;
pub mod register;
pub mod report;
pub mod schedule;
mod session;
pub mod stage;
pub mod subject;
pub mod trial;
pub mod witness;
