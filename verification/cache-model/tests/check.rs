//! Checks the promise in every reachable state, and that each part of the protocol is necessary.

use cache_model::check::Outcome;
use cache_model::fault::Faults;
use cache_model::mutant::Mutant;
use cache_model::protocol::Protocol;

#[test]
fn no_acknowledged_write_is_hidden_under_any_single_fault() {
    for (name, faults) in Faults::TOLERATED {
        assert_holds(name, Protocol { faults, mutant: None, separate_connections: false });
    }
}

#[test]
fn no_acknowledged_write_is_hidden_on_a_cluster_where_a_record_may_arrive_before_its_guard() {
    // Late delivery adds some thirty million states, which take minutes.
    for (name, faults) in Faults::TOLERATED.into_iter().filter(|(_, faults)| !faults.late_delivery) {
        assert_holds(name, Protocol { faults, mutant: None, separate_connections: true });
    }
}

#[test]
fn every_mutant_breaks_the_promise_under_the_fault_that_its_missing_part_handles() {
    for mutant in Mutant::ALL {
        let outcome = Protocol { faults: mutant.faults(), mutant: Some(mutant), separate_connections: false }.check();
        report(&format!("{mutant:?}"), &outcome);
        assert!(outcome.counter_example.is_some(), "{mutant:?} does not break the promise");
    }
}

#[test]
fn two_faults_at_once_break_the_promise_as_documented() {
    let outcome = Protocol { faults: Faults::EVICTION_AND_CRASH, mutant: None, separate_connections: false }.check();
    report("eviction and writer crash", &outcome);
    assert!(outcome.counter_example.is_some(), "docs/cache.md promises too little for two faults at once");
}

fn assert_holds(name: &str, protocol: Protocol) {
    let outcome = protocol.check();
    report(name, &outcome);
    assert_eq!(outcome.counter_example, None, "{name}");
    assert!(outcome.unreached.is_empty(), "{name}: never reached: {:?}", outcome.unreached);
}

/// Prints the outcome. `--nocapture` shows it.
#[expect(clippy::print_stdout, reason = "the test prints a report")]
fn report(name: &str, outcome: &Outcome) {
    println!("{name}: {} states", outcome.states);
    for action in outcome.counter_example.iter().flat_map(|found| &found.path) {
        println!("    {action}");
    }
}
