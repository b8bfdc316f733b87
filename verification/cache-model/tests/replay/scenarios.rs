//! Paths written by hand: how each mutant fails, and what the real protocol returns.

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

/// A miss, which queries the database and fills.
const MISS: &[ReaderStep] = &[Observe, Get, Select, Fill];
/// A hit.
const HIT: &[ReaderStep] = &[Observe, Get];
/// A lookup that may not be served or filled.
const BYPASS: &[ReaderStep] = &[Observe, Select];
const WRITE: &[WriterStep] = &[Begin, Commit, End];

fn reader(number: usize, steps: &[ReaderStep]) -> Vec<Action> {
    steps.iter().map(|step| Action::Reader(number, *step)).collect()
}

fn writer(number: usize, steps: &[WriterStep]) -> Vec<Action> {
    steps.iter().map(|step| Action::Writer(number, *step)).collect()
}

/// Asserts that the mutant hides an acknowledged write on this path, and the real protocol does
/// not.
#[track_caller]
fn assert_only_mutant_fails(mutant: Mutant, path: &[Vec<Action>]) {
    let path = path.concat();
    let history = replay(&path, Some(mutant));
    let stale = history.reads.iter().find(|read| read.answered < read.promised);
    let Read { reader, promised, .. } = *stale.unwrap_or_else(|| panic!("{mutant:?}: {history:?}"));
    let history = replay(&path, None);
    assert!(history.keeps_promise(promised, reader), "the real protocol on the path of {mutant:?}: {history:?}");
}

#[test]
fn without_a_marker_a_writer_that_dies_after_its_commit_leaves_a_live_generation() {
    assert_only_mutant_fails(Mutant::NoMarker, &[reader(0, MISS), writer(0, &[Begin, Commit, Crash]), reader(1, HIT)]);
}

/// A read between the clearing of one writer and the commit of another.
fn overlapping_writers() -> Vec<Vec<Action>> {
    vec![writer(0, &[Begin]), writer(1, WRITE), reader(0, MISS), writer(0, &[Commit, Crash]), reader(1, HIT)]
}

#[test]
fn a_marker_that_is_not_shared_is_cleared_by_the_last_writer_that_set_it() {
    assert_only_mutant_fails(Mutant::NoSharedMarker, &overlapping_writers());
}

#[test]
fn a_marker_that_every_writer_clears_does_not_protect_the_other_writer() {
    assert_only_mutant_fails(Mutant::ClearForeignMarker, &overlapping_writers());
}

#[test]
fn a_count_that_was_evicted_starts_again_and_revives_dead_records() {
    let path = [reader(0, MISS), writer(0, WRITE), vec![EvictGuard], reader(1, HIT)];
    assert_only_mutant_fails(Mutant::CountingGeneration, &path);
}

#[test]
fn what_is_filled_in_under_a_marker_is_served_under_it_after_the_commit() {
    let path = [writer(0, &[Begin]), reader(0, MISS), writer(0, &[Commit, Crash]), reader(1, HIT)];
    assert_only_mutant_fails(Mutant::FillUnderMarker, &path);
}

#[test]
fn a_marker_that_is_cleared_before_the_commit_lets_a_reader_fill_in_what_is_about_to_change() {
    let path = [writer(0, &[Begin, End]), reader(0, MISS), writer(0, &[Commit]), reader(1, HIT)];
    assert_only_mutant_fails(Mutant::ClearBeforeCommit, &path);
}

#[test]
fn a_generation_that_took_the_place_of_an_evicted_marker_must_be_dropped_after_the_commit() {
    let path = [writer(0, &[Begin]), vec![EvictGuard], reader(0, MISS), writer(0, &[Commit, End]), reader(1, HIT)];
    assert_only_mutant_fails(Mutant::LeaveLiveGeneration, &path);
}

#[test]
fn a_writer_that_does_not_know_how_its_statement_ended_must_leave_its_marker() {
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

/// A write during which Redis is unreachable.
const UNANNOUNCED_WRITE: &[WriterStep] = &[BeginFails, Commit, EndFails];

#[test]
fn a_write_that_was_not_announced_and_left_no_row_in_the_outbox_stays_hidden() {
    assert_only_mutant_fails(Mutant::NoOutbox, &[reader(1, MISS), writer(0, UNANNOUNCED_WRITE), reader(2, HIT)]);
}

#[test]
fn a_row_that_is_deleted_before_its_guard_is_dropped_promises_too_early() {
    let drain = [Pending, Done].map(|step| Drain(Monitor, step)).to_vec();
    assert_only_mutant_fails(
        Mutant::DoneBeforeInvalidate,
        &[reader(1, MISS), writer(0, UNANNOUNCED_WRITE), drain, reader(2, HIT)],
    );
}

#[test]
fn a_writer_that_could_not_announce_its_write_drops_the_generation_all_the_same() {
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
    // No gate can move the check after the lookup, so that only the real protocol is tested.
    assert!(replay(&path.concat(), None).keeps_promise(2, 0));
}

/// Asserts that the real protocol takes every step of this path, and that the readers get these
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
fn a_slow_reader_fills_in_under_a_dead_generation() {
    let path = [reader(0, &[Observe, Get, Select]), writer(0, WRITE), reader(0, &[Fill]), reader(1, MISS)];
    assert_answers(&path, &[1, 2]);
}

#[test]
fn commands_that_arrive_twice_and_late_do_no_harm() {
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
fn a_write_that_is_rolled_back_leaves_the_version_and_clears_its_marker() {
    let path = [reader(0, MISS), writer(0, &[Begin, Rollback, End]), reader(1, MISS)];
    assert_answers(&path, &[1, 1]);
}

#[test]
fn a_write_whose_outcome_is_unknown_takes_effect_once_however_often_it_is_sent() {
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
fn what_waits_in_the_outbox_is_promised_to_its_own_environment_alone() {
    let path = [reader(1, MISS), writer(0, UNANNOUNCED_WRITE), reader(2, HIT), reader(0, BYPASS)];
    let history = follow(&path.concat());
    let elsewhere = Read { reader: 2, promised: 1, answered: 1 };
    let own = Read { reader: 0, promised: 2, answered: 2 };
    assert_eq!(history.reads[1..], [elsewhere, own]);
}

#[test]
#[should_panic(expected = "did not happen")]
fn a_mutant_that_leaves_its_path_is_a_failure() {
    replay(&[reader(0, MISS), reader(1, MISS)].concat(), Some(Mutant::NoMarker));
}
