//! Replays of the counter-examples that the model finds.

use cache_model::check::CounterExample;
use cache_model::mutant::Mutant;
use cache_model::protocol::Protocol;

use crate::history::Read;
use crate::replay::replay;

#[test]
fn each_counter_example_breaks_the_promise_of_the_mutated_code_and_not_of_the_real_code() {
    for mutant in Mutant::ALL {
        let protocol = Protocol { faults: mutant.faults(), mutant: Some(mutant), separate_connections: false };
        let CounterExample { path, stale } =
            protocol.check().counter_example.expect("the model has a counter-example for every mutant");
        // No gate can change a check inside the real code. A test of `shared` covers that mutant.
        // Here, only the real code follows its path.
        if mutant != Mutant::CheckBehindTooLate {
            let history = replay(&path, Some(mutant));
            let promised = stale.promised.into();
            let expected = Read { reader: stale.reader, promised, answered: stale.answered.into() };
            assert!(history.reads.contains(&expected), "{mutant:?} keeps the promise on {path:?}: {history:?}");
        }
        let history = replay(&path, None);
        let holds = history.keeps_promise(stale.promised.into(), stale.reader);
        assert!(holds, "the real protocol breaks the promise on the path of {mutant:?}, {path:?}: {history:?}");
    }
}
