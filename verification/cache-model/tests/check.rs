//! The promise, in everything that can happen; and what each part of the protocol is there for.

use cache_model::check::Outcome;
use cache_model::fault::Faults;
use cache_model::mutant::Mutant;
use cache_model::protocol::Protocol;

#[test]
fn no_acknowledged_write_is_hidden_under_any_single_fault() {
    for (name, faults) in Faults::SINGLE {
        hold(name, Protocol { faults, mutant: None, side_by_side: false });
    }
}

#[test]
fn it_holds_on_a_cluster_where_a_record_may_answer_before_its_guard() {
    // With what arrives late there are some thirty million states more, which take minutes.
    for (name, faults) in Faults::SINGLE.into_iter().filter(|(_, faults)| !faults.arrives_late) {
        hold(name, Protocol { faults, mutant: None, side_by_side: true });
    }
}

#[test]
fn every_mutant_is_caught_under_the_fault_that_its_missing_part_is_there_for() {
    for mutant in Mutant::ALL {
        let outcome = Protocol { faults: mutant.faults(), mutant: Some(mutant), side_by_side: false }.check();
        tell(&format!("{mutant:?}"), &outcome);
        assert!(outcome.counter_example.is_some(), "{mutant:?} is as good as the real protocol");
    }
}

#[test]
fn two_faults_at_once_break_the_promise_as_the_document_says() {
    let outcome = Protocol { faults: Faults::EVICTION_AND_CRASH, mutant: None, side_by_side: false }.check();
    tell("eviction and writer crash", &outcome);
    assert!(outcome.counter_example.is_some(), "the document promises too little");
}

fn hold(name: &str, protocol: Protocol) {
    let outcome = protocol.check();
    tell(name, &outcome);
    assert_eq!(outcome.counter_example, None, "{name}");
    assert!(outcome.unreached.is_empty(), "{name}: never happened: {:?}", outcome.unreached);
}

/// For whoever runs the tests with `--nocapture`.
#[expect(clippy::print_stdout, reason = "a report")]
fn tell(name: &str, outcome: &Outcome) {
    println!("{name}: {} states", outcome.states);
    for action in outcome.counter_example.iter().flat_map(|found| &found.path) {
        println!("    {action}");
    }
}
