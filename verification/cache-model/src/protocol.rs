//! The protocol under test.

use crate::fault::Faults;
use crate::mutant::Mutant;

/// Guarded generations, or one of its mutants, under faults.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// The faults that may occur.
    pub faults: Faults,
    /// The defect of a mutant, or `None` for the real protocol.
    pub mutant: Option<Mutant>,
    /// Whether the two commands of a lookup travel on separate connections, as they do to a
    /// cluster, so that their replies arrive in any order.
    pub separate_connections: bool,
}
