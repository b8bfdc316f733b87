//! The counter-examples that the model finds.

use cache_model::mutant::Mutant;
use cache_model::protocol::Protocol;

use crate::replay::replay;

#[test]
fn each_counter_example_of_a_mutant_is_one_of_the_real_code_without_that_part_and_not_of_the_real_code() {
    for mutant in Mutant::ALL {
        let protocol = Protocol { faults: mutant.faults(), mutant: Some(mutant), side_by_side: false };
        let path = protocol.check().counter_example.expect("a mutant that is caught");
        let verdict = replay(&path, Some(mutant));
        assert!(verdict.is_stale(), "{mutant:?} is not caught on {path:?}: {verdict:?}");
        let verdict = replay(&path, None);
        assert!(!verdict.is_stale(), "the real protocol on the way of {mutant:?}, {path:?}: {verdict:?}");
    }
}
