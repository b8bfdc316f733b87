//! Hand-written paths. They show how each mutant fails, and what the real protocol returns.

use cache_model::action::Action::{self, Drain, EvictGuard, ExpireMarker};
use cache_model::action::DrainStep::{Done, Invalidate, Pending};
use cache_model::action::Drainer::{Environment, Monitor};
use cache_model::action::ReaderStep::{Fill, Get, LateObserve, Observe, ObserveAgain, Select};
use cache_model::action::WriterStep::{
    Begin, BeginAgain, BeginFails, Commit, Crash, End, EndAgain, EndFails, LateBegin, LateCommit, LateEnd, Retry,
    Rollback,
};
use cache_model::action::{ReaderStep, WriterStep};
use cache_model::mutant::Mutant;

use crate::history::Read;
use crate::replay::{follow, replay};

/// The steps of a miss, which queries the database and fills the record.
const MISS: &[ReaderStep] = &[Observe, Get, Select, Fill];
/// The steps of a hit.
const HIT: &[ReaderStep] = &[Observe, Get];
/// The steps of a lookup that neither serves nor fills a record.
const BYPASS: &[ReaderStep] = &[Observe, Select];
const WRITE: &[WriterStep] = &[Begin, Commit, End];

fn reader(number: usize, steps: &[ReaderStep]) -> Vec<Action> {
    steps.iter().map(|step| Action::Reader(number, *step)).collect()
}

fn writer(number: usize, steps: &[WriterStep]) -> Vec<Action> {
    steps.iter().map(|step| Action::Writer(number, *step)).collect()
}

/// Asserts that the mutant hides an acknowledged write on this path, and that the real protocol
/// does not.
#[track_caller]
fn assert_only_mutant_fails(mutant: Mutant, path: &[Vec<Action>]) {
    let path = path.concat();
    let history = replay(&path, Some(mutant));
    let stale = history.reads.iter().find(|read| read.answered < read.promised);
    let Read { reader, promised, .. } = *stale.unwrap_or_else(|| panic!("{mutant:?}: {history:?}"));
    let history = replay(&path, None);
    assert!(
        history.keeps_promise(promised, reader),
        "the real protocol breaks the promise on the path of {mutant:?}: {history:?}"
    );
}

#[test]
fn without_a_marker_a_writer_that_crashes_after_its_commit_leaves_a_live_generation() {
    assert_only_mutant_fails(Mutant::NoMarker, &[reader(0, MISS), writer(0, &[Begin, Commit, Crash]), reader(1, HIT)]);
}

/// Returns a path with a read between the clearing of one writer and the commit of another.
fn overlapping_writers() -> Vec<Vec<Action>> {
    vec![writer(0, &[Begin]), writer(1, WRITE), reader(0, MISS), writer(0, &[Commit, Crash]), reader(1, HIT)]
}

#[test]
fn a_marker_that_is_not_shared_is_cleared_by_the_last_writer_that_set_it() {
    assert_only_mutant_fails(Mutant::NoSharedMarker, &overlapping_writers());
}

#[test]
fn a_marker_that_any_writer_may_clear_does_not_protect_the_other_writer() {
    assert_only_mutant_fails(Mutant::ClearForeignMarker, &overlapping_writers());
}

#[test]
fn a_generation_counter_that_was_evicted_starts_again_and_revives_dead_records() {
    let path = [reader(0, MISS), writer(0, WRITE), vec![EvictGuard], reader(1, HIT)];
    assert_only_mutant_fails(Mutant::CountingGeneration, &path);
}

#[test]
fn a_record_that_is_filled_under_a_marker_is_served_under_it_after_the_commit() {
    let path = [writer(0, &[Begin]), reader(0, MISS), writer(0, &[Commit, Crash]), reader(1, HIT)];
    assert_only_mutant_fails(Mutant::FillUnderMarker, &path);
}

#[test]
fn a_marker_that_is_cleared_before_the_commit_lets_a_reader_fill_the_old_version() {
    let path = [writer(0, &[Begin, End]), reader(0, MISS), writer(0, &[Commit]), reader(1, HIT)];
    assert_only_mutant_fails(Mutant::ClearBeforeCommit, &path);
}

#[test]
fn a_generation_that_replaced_an_evicted_marker_must_be_dropped_after_the_commit() {
    let path = [writer(0, &[Begin]), vec![EvictGuard], reader(0, MISS), writer(0, &[Commit, End]), reader(1, HIT)];
    assert_only_mutant_fails(Mutant::LeaveLiveGeneration, &path);
}

#[test]
fn a_writer_that_does_not_learn_the_outcome_of_its_statement_must_leave_its_marker() {
    let path = [writer(0, &[Begin, Crash]), reader(0, MISS), writer(0, &[LateCommit]), reader(1, HIT)];
    assert_only_mutant_fails(Mutant::ClearWhenUnknown, &path);
}

#[test]
fn a_proposal_that_is_sent_twice_becomes_live_again_after_a_write() {
    let first = reader(0, &[ObserveAgain, Get, Select, Fill]);
    assert_only_mutant_fails(
        Mutant::SameProposal,
        &[first, writer(0, WRITE), reader(0, &[LateObserve]), reader(1, HIT)],
    );
}

/// The steps of a write during which Redis is unreachable.
const UNANNOUNCED_WRITE: &[WriterStep] = &[BeginFails, Commit, EndFails];

#[test]
fn an_unannounced_write_without_a_row_in_the_outbox_stays_hidden() {
    assert_only_mutant_fails(Mutant::NoOutbox, &[reader(1, MISS), writer(0, UNANNOUNCED_WRITE), reader(2, HIT)]);
}

#[test]
fn a_row_of_the_outbox_must_not_be_deleted_before_its_guard_is_dropped() {
    let drain = [Pending, Done].map(|step| Drain(Monitor, step)).to_vec();
    assert_only_mutant_fails(
        Mutant::DoneBeforeInvalidate,
        &[reader(1, MISS), writer(0, UNANNOUNCED_WRITE), drain, reader(2, HIT)],
    );
}

#[test]
fn a_writer_that_could_not_announce_its_write_must_still_drop_the_generation() {
    let path = [reader(1, MISS), writer(0, &[BeginFails, Commit, End]), reader(2, HIT)];
    assert_only_mutant_fails(Mutant::NoEndWhenUnmarked, &path);
}

#[test]
fn an_environment_that_trusts_the_cache_before_the_outbox_is_drained_hides_its_own_write() {
    assert_only_mutant_fails(
        Mutant::TrustWhileBehind,
        &[reader(1, MISS), writer(0, UNANNOUNCED_WRITE), reader(0, HIT)],
    );
}

#[test]
fn a_lookup_does_not_trust_replies_from_before_its_environment_drained_the_outbox() {
    let drain = [Pending, Invalidate, Done].map(|step| Drain(Environment, step)).to_vec();
    let path = [reader(1, MISS), writer(0, UNANNOUNCED_WRITE), reader(0, &[Observe]), drain, reader(0, &[Get])];
    // No gate can move the check after the lookup, so this test runs only the real protocol.
    assert!(replay(&path.concat(), None).keeps_promise(2, 0));
}

/// Asserts that the real protocol performs every step of this path, and that the readers get these
/// versions.
#[track_caller]
fn assert_answers(path: &[Vec<Action>], versions: &[u32]) {
    let history = follow(&path.concat());
    let answered: Vec<u32> = history.reads.iter().map(|read| read.answered).collect();
    assert_eq!((answered.as_slice(), history.is_stale()), (versions, false), "{history:?}");
}

#[test]
fn a_record_is_served_until_a_write_and_filled_again_after_it() {
    let path = [reader(0, MISS), reader(1, HIT), writer(0, WRITE), reader(2, MISS), reader(3, HIT)];
    assert_answers(&path, &[1, 1, 2, 2]);
}

#[test]
fn a_slow_reader_fills_under_a_dead_generation() {
    let path = [reader(0, &[Observe, Get, Select]), writer(0, WRITE), reader(0, &[Fill]), reader(1, MISS)];
    assert_answers(&path, &[1, 2]);
}

#[test]
fn duplicate_and_late_commands_are_harmless() {
    let path = [
        reader(0, &[ObserveAgain, Get, Select, Fill]),
        writer(0, &[BeginAgain, Commit, EndAgain]),
        reader(0, &[LateObserve]),
        reader(1, MISS),
        writer(0, &[LateBegin]),
        reader(2, BYPASS),
        writer(0, &[LateEnd]),
        reader(3, MISS),
    ];
    assert_answers(&path, &[1, 2, 2, 2]);
}

#[test]
fn a_rolled_back_write_changes_nothing_and_clears_its_marker() {
    let path = [reader(0, MISS), writer(0, &[Begin, Rollback, End]), reader(1, MISS)];
    assert_answers(&path, &[1, 1]);
}

#[test]
fn a_retried_write_whose_outcome_was_unknown_takes_effect_once() {
    let first = writer(0, &[Begin, Crash, LateCommit, Retry]);
    assert_answers(&[first, writer(0, WRITE), reader(0, BYPASS), vec![ExpireMarker], reader(1, MISS)], &[2, 2]);
}

#[test]
fn an_environment_trusts_the_cache_again_once_the_outbox_is_drained() {
    let drain = |drainer| [Pending, Invalidate, Done].map(|step| Drain(drainer, step)).to_vec();
    let path = [
        reader(1, MISS),
        writer(0, UNANNOUNCED_WRITE),
        reader(2, HIT),
        drain(Environment),
        reader(0, MISS),
        reader(3, HIT),
    ];
    assert_answers(&path, &[1, 1, 2, 2]);
    let path = [
        reader(1, MISS),
        writer(0, UNANNOUNCED_WRITE),
        drain(Monitor),
        reader(2, MISS),
        drain(Environment),
        reader(0, HIT),
    ];
    assert_answers(&path, &[1, 2, 2]);
}

#[test]
fn a_write_in_the_outbox_is_promised_only_to_its_own_environment() {
    let path = [reader(1, MISS), writer(0, UNANNOUNCED_WRITE), reader(2, HIT), reader(0, BYPASS)];
    let history = follow(&path.concat());
    let elsewhere = Read { reader: 2, promised: 1, answered: 1 };
    let own = Read { reader: 0, promised: 2, answered: 2 };
    assert_eq!(history.reads[1..], [elsewhere, own]);
}

#[test]
#[should_panic(expected = "did not happen")]
fn the_replay_of_a_mutant_panics_if_a_step_of_its_path_does_not_happen() {
    replay(&[reader(0, MISS), reader(1, MISS)].concat(), Some(Mutant::NoMarker));
}
