//! How each mutant fails, found by hand.

use cache_model::action::Action::{self, Drain, EvictGuard, Lapse};
use cache_model::action::DrainStep::{Done, Invalidate, Pending};
use cache_model::action::Drainer::{Environment, Monitor};
use cache_model::action::ReaderStep::{Fill, Get, LateObserve, Observe, ObserveAgain, Select};
use cache_model::action::WriterStep::{
    Begin, BeginAgain, BeginFails, Commit, Crash, End, EndAgain, EndFails, LateBegin, LateCommit, LateEnd, Refuse,
    Retry,
};
use cache_model::action::{ReaderStep, WriterStep};
use cache_model::mutant::Mutant;

use crate::replay::{follow, replay};
use crate::verdict::Read;

/// Finds nothing, asks the database, and fills in.
const FILLS: &[ReaderStep] = &[Observe, Get, Select, Fill];
/// Finds something.
const HITS: &[ReaderStep] = &[Observe, Get];
/// Finds nothing that it may trust.
const ASKS: &[ReaderStep] = &[Observe, Select];
const WRITES: &[WriterStep] = &[Begin, Commit, End];

fn reader(number: usize, steps: &[ReaderStep]) -> Vec<Action> {
    steps.iter().map(|step| Action::Reader(number, *step)).collect()
}

fn writer(number: usize, steps: &[WriterStep]) -> Vec<Action> {
    steps.iter().map(|step| Action::Writer(number, *step)).collect()
}

/// The mutant hides an acknowledged write on this way, and the real protocol does not.
#[track_caller]
fn tells_apart(mutant: Mutant, path: &[Vec<Action>]) {
    let path = path.concat();
    let verdict = replay(&path, Some(mutant));
    let stale = verdict.reads.iter().find(|read| read.answered < read.promised);
    let Read { reader, promised, .. } = *stale.unwrap_or_else(|| panic!("{mutant:?}: {verdict:?}"));
    let verdict = replay(&path, None);
    assert!(verdict.makes_good(promised, reader), "the real protocol on the way of {mutant:?}: {verdict:?}");
}

#[test]
fn without_a_marker_a_writer_that_dies_after_its_commit_leaves_a_live_generation() {
    tells_apart(Mutant::NoMarker, &[reader(0, FILLS), writer(0, &[Begin, Commit, Crash]), reader(1, HITS)]);
}

/// Reads between the clearing of one writer and the commit of another.
fn overlapping_writers() -> Vec<Vec<Action>> {
    vec![writer(0, &[Begin]), writer(1, WRITES), reader(0, FILLS), writer(0, &[Commit, Crash]), reader(1, HITS)]
}

#[test]
fn a_marker_that_is_not_shared_is_cleared_by_whoever_set_it_last() {
    tells_apart(Mutant::NoSharedMarker, &overlapping_writers());
}

#[test]
fn a_marker_that_anybody_clears_does_not_protect_the_other_writer() {
    tells_apart(Mutant::ClearForeignMarker, &overlapping_writers());
}

#[test]
fn a_count_that_was_evicted_starts_again_and_brings_dead_records_back() {
    let path = [reader(0, FILLS), writer(0, WRITES), vec![EvictGuard], reader(1, HITS)];
    tells_apart(Mutant::CountingGeneration, &path);
}

#[test]
fn what_is_filled_in_under_a_marker_is_served_under_it_after_the_commit() {
    let path = [writer(0, &[Begin]), reader(0, FILLS), writer(0, &[Commit, Crash]), reader(1, HITS)];
    tells_apart(Mutant::FillUnderMarker, &path);
}

#[test]
fn a_marker_that_is_cleared_before_the_commit_lets_a_reader_fill_in_what_is_about_to_change() {
    let path = [writer(0, &[Begin, End]), reader(0, FILLS), writer(0, &[Commit]), reader(1, HITS)];
    tells_apart(Mutant::ClearBeforeCommit, &path);
}

#[test]
fn a_generation_that_took_the_place_of_an_evicted_marker_must_be_dropped_after_the_commit() {
    let path = [writer(0, &[Begin]), vec![EvictGuard], reader(0, FILLS), writer(0, &[Commit, End]), reader(1, HITS)];
    tells_apart(Mutant::LeaveLiveGeneration, &path);
}

#[test]
fn a_writer_that_does_not_know_how_its_statement_ended_must_leave_its_marker() {
    let path = [writer(0, &[Begin, Crash]), reader(0, FILLS), writer(0, &[LateCommit]), reader(1, HITS)];
    tells_apart(Mutant::ClearWhenOpen, &path);
}

#[test]
fn a_proposal_that_is_sent_twice_comes_to_life_again_after_a_write() {
    let first = reader(0, &[ObserveAgain, Get, Select, Fill]);
    tells_apart(Mutant::SameProposal, &[first, writer(0, WRITES), reader(0, &[LateObserve]), reader(1, HITS)]);
}

/// A write that Redis hears nothing of.
const SILENT: &[WriterStep] = &[BeginFails, Commit, EndFails];

#[test]
fn a_write_that_was_not_announced_and_left_nothing_behind_is_never_made_good() {
    tells_apart(Mutant::NoOutbox, &[reader(1, FILLS), writer(0, SILENT), reader(2, HITS)]);
}

#[test]
fn a_row_that_is_deleted_before_its_guard_is_dropped_promises_too_early() {
    let drain = [Pending, Done].map(|step| Drain(Monitor, step)).to_vec();
    tells_apart(Mutant::DoneBeforeInvalidate, &[reader(1, FILLS), writer(0, SILENT), drain, reader(2, HITS)]);
}

#[test]
fn a_writer_that_could_not_announce_its_write_drops_the_generation_all_the_same() {
    let path = [reader(1, FILLS), writer(0, &[BeginFails, Commit, End]), reader(2, HITS)];
    tells_apart(Mutant::NoEndWhenUnmarked, &path);
}

#[test]
fn an_environment_that_trusts_the_cache_before_it_has_caught_up_hides_its_own_write() {
    tells_apart(Mutant::TrustWhileBehind, &[reader(1, FILLS), writer(0, SILENT), reader(0, HITS)]);
}

#[test]
fn an_environment_that_catches_up_while_it_looks_up_does_not_trust_what_it_was_told_before() {
    let drain = [Pending, Invalidate, Done].map(|step| Drain(Environment, step)).to_vec();
    let path = [reader(1, FILLS), writer(0, SILENT), reader(0, &[Observe]), drain, reader(0, &[Get])];
    // That the question comes first is not to be undone at a gate.
    assert!(replay(&path.concat(), None).makes_good(2, 0));
}

/// The real protocol does this to the letter, and the readers get these versions.
#[track_caller]
fn answers(path: &[Vec<Action>], versions: &[u32]) {
    let verdict = follow(&path.concat());
    let answered: Vec<u32> = verdict.reads.iter().map(|read| read.answered).collect();
    assert_eq!((answered.as_slice(), verdict.is_stale()), (versions, false), "{verdict:?}");
}

#[test]
fn a_record_is_served_until_a_write_and_filled_in_anew_after_it() {
    let path = [reader(0, FILLS), reader(1, HITS), writer(0, WRITES), reader(2, FILLS), reader(3, HITS)];
    answers(&path, &[1, 1, 2, 2]);
}

#[test]
fn a_slow_reader_fills_in_under_a_dead_generation() {
    let path = [reader(0, &[Observe, Get, Select]), writer(0, WRITES), reader(0, &[Fill]), reader(1, FILLS)];
    answers(&path, &[1, 2]);
}

#[test]
fn commands_that_arrive_twice_and_late_do_no_harm() {
    let path = [
        reader(0, &[ObserveAgain, Get, Select, Fill]),
        writer(0, &[BeginAgain, Commit, EndAgain]),
        reader(0, &[LateObserve]),
        reader(1, FILLS),
        writer(0, &[LateBegin]),
        reader(2, ASKS),
        writer(0, &[LateEnd]),
        reader(3, FILLS),
    ];
    answers(&path, &[1, 2, 2, 2]);
}

#[test]
fn a_refused_write_leaves_the_version_and_clears_its_marker() {
    let path = [reader(0, FILLS), writer(0, &[Begin, Refuse, End]), reader(1, FILLS)];
    answers(&path, &[1, 1]);
}

#[test]
fn a_write_whose_end_is_open_is_done_once_however_often_it_is_sent() {
    let first = writer(0, &[Begin, Crash, LateCommit, Retry]);
    answers(&[first, writer(0, WRITES), reader(0, ASKS), vec![Lapse], reader(1, FILLS)], &[2, 2]);
}

#[test]
fn an_outbox_that_is_finished_lets_its_environment_trust_the_cache_again() {
    let drain = |who| [Pending, Invalidate, Done].map(|step| Drain(who, step)).to_vec();
    let path =
        [reader(1, FILLS), writer(0, SILENT), reader(2, HITS), drain(Environment), reader(0, FILLS), reader(3, HITS)];
    answers(&path, &[1, 1, 2, 2]);
    let path =
        [reader(1, FILLS), writer(0, SILENT), drain(Monitor), reader(2, FILLS), drain(Environment), reader(0, HITS)];
    answers(&path, &[1, 2, 2]);
}

#[test]
fn what_waits_in_the_outbox_is_promised_to_its_own_environment_alone() {
    let path = [reader(1, FILLS), writer(0, SILENT), reader(2, HITS), reader(0, ASKS)];
    let verdict = follow(&path.concat());
    let elsewhere = Read { reader: 2, promised: 1, answered: 1 };
    let own = Read { reader: 0, promised: 2, answered: 2 };
    assert_eq!(verdict.reads[1..], [elsewhere, own]);
}

#[test]
#[should_panic(expected = "does not come about")]
fn a_mutant_that_goes_another_way_is_a_failure() {
    replay(&[reader(0, FILLS), reader(1, FILLS)].concat(), Some(Mutant::NoMarker));
}
