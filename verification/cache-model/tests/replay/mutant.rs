//! The mutants of the model. The gates create them by rewriting the commands of the real code.

use cache_model::mutant::Mutant;

use crate::gate::Operation;
use crate::gate::resp::{self, Words};

/// The script that the real code sends after the commit, for a guard that is a string. Some mutants
/// send it at another time.
pub(crate) const END: &str = "local v = redis.call('GET', KEYS[1])
if v and (v == '!' .. ARGV[1] or string.sub(v, 1, 1) == 'g') then redis.call('UNLINK', KEYS[1]) end
return 1";

/// The first generation of a protocol that counts. It has the length of a random generation.
const FIRST: &[u8] = b"g0000000000000001";

/// Sets a marker that includes the count.
const COUNTING_BEGIN: &str = "local v, m = redis.call('GET', KEYS[1]) or '', '!' .. ARGV[1]
if string.sub(v, 1, 1) == '!' and string.sub(v, 1, #m) ~= m then m = '!S' .. ARGV[1] end
return redis.call('SET', KEYS[1], m .. string.format('%016d', tonumber(string.sub(v, -16)) or 0), 'PX', ARGV[2])";

/// Increments the count, except under the marker of another write.
const COUNTING_END: &str = "local v, m = redis.call('GET', KEYS[1]) or '', '!' .. ARGV[1]
if string.sub(v, 1, 1) == '!' and (#v ~= #m + 16 or string.sub(v, 1, #m) ~= m) then return 0 end
redis.call('SET', KEYS[1], 'g' .. string.format('%016d', (tonumber(string.sub(v, -16)) or 0) + 1))
return 1";

/// Drops only the writer's own marker.
const END_OF_MARKER: &str = "if redis.call('GET', KEYS[1]) == '!' .. ARGV[1] then redis.call('UNLINK', KEYS[1]) end
return 1";

/// Returns the command that reaches Redis in place of `words`, or `None` if no command does.
pub(crate) fn rewrite_command(mutant: Mutant, operation: Operation, words: &Words) -> Option<Words> {
    let mut words = words.clone();
    match (mutant, operation) {
        (Mutant::NoMarker, Operation::Begin) => return None,
        (Mutant::NoSharedMarker, Operation::Begin) => {
            let marker = [b"!".as_slice(), &words[4]].concat();
            words = vec![b"SET".to_vec(), words[3].clone(), marker, b"PX".to_vec(), words[5].clone()];
        }
        (Mutant::CountingGeneration, Operation::Observe) => words[2] = FIRST.to_vec(),
        (Mutant::CountingGeneration, Operation::Begin) => words[1] = COUNTING_BEGIN.into(),
        (Mutant::CountingGeneration, Operation::End | Operation::Invalidate) => words[1] = COUNTING_END.into(),
        (Mutant::NoEndWhenUnmarked, Operation::End) => return None,
        (Mutant::ClearForeignMarker, Operation::End) | (Mutant::InvalidateClearsMarker, Operation::Invalidate) => {
            words = vec![b"UNLINK".to_vec(), words[3].clone()]
        }
        (Mutant::LeaveLiveGeneration, Operation::End) => words[1] = END_OF_MARKER.into(),
        _ => {}
    }
    Some(words)
}

/// Rewrites the first copy of a command, which is still in transit when the second copy is sent.
pub(crate) fn rewrite_first_copy(mutant: Mutant, operation: Operation, first: &mut Words, second: &Words) {
    if (mutant, operation) == (Mutant::SameProposal, Operation::Observe) {
        first[2].clone_from(&second[2]);
    }
}

/// Returns the reply that the client gets in place of `reply`.
pub(crate) fn rewrite_reply(mutant: Mutant, operation: Operation, reply: Vec<u8>) -> Vec<u8> {
    match (mutant, operation, resp::parse_bulk(&reply)) {
        (Mutant::CountingGeneration, Operation::Observe, None) => resp::encode_bulk(FIRST),
        (Mutant::FillUnderMarker, Operation::Observe, Some([b'!', marker @ ..])) => {
            resp::encode_bulk(&[b"g".as_slice(), &marker[..16]].concat())
        }
        _ => reply,
    }
}
