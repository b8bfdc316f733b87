//! The counter-examples that the model finds.

use cache_model::check::CounterExample;
use cache_model::mutant::Mutant;
use cache_model::protocol::Protocol;

use crate::replay::replay;
use crate::verdict::Read;

#[test]
fn each_counter_example_of_a_mutant_is_one_of_the_real_code_without_that_part_and_not_of_the_real_code() {
    for mutant in Mutant::ALL {
        let protocol = Protocol { faults: mutant.faults(), mutant: Some(mutant), side_by_side: false };
        let CounterExample { path, stale } = protocol.check().counter_example.expect("a mutant that is caught");
        // What the real code asks itself no gate can answer: that one is tried by a test of `shared`, on the real code alone here.
        if mutant != Mutant::AskLateWhetherBehind {
            let verdict = replay(&path, Some(mutant));
            let promised = stale.promised.into();
            let expected = Read { reader: stale.reader, promised, answered: stale.answered.into() };
            assert!(verdict.reads.contains(&expected), "{mutant:?} is not caught on {path:?}: {verdict:?}");
        }
        let verdict = replay(&path, None);
        let makes_good = verdict.makes_good(stale.promised.into(), stale.reader);
        assert!(makes_good, "the real protocol on the way of {mutant:?}, {path:?}: {verdict:?}");
    }
}
