//! The model's mutants: what the gates make of the real code's commands.

use cache_model::mutant::Mutant;

use crate::board::Kind;
use crate::resp::{self, Words};

/// What the real code sends after the commit, for a guard that is a string, for those who send it at another time.
pub(crate) const END: &str = "local v = redis.call('GET', KEYS[1])
if v and (v == '!' .. ARGV[1] or string.sub(v, 1, 1) == 'g') then redis.call('UNLINK', KEYS[1]) end
return 1";

/// The count that begins anew where there is none, in as many bytes as a random generation has.
const FIRST: &[u8] = b"g0000000000000001";

/// Keeps the count in the marker.
const COUNTING_BEGIN: &str = "local v, m = redis.call('GET', KEYS[1]) or '', '!' .. ARGV[1]
if string.sub(v, 1, 1) == '!' and string.sub(v, 1, #m) ~= m then m = '!S' .. ARGV[1] end
return redis.call('SET', KEYS[1], m .. string.format('%016d', tonumber(string.sub(v, -16)) or 0), 'PX', ARGV[2])";

/// Counts up, except under the marker of somebody else.
const COUNTING_END: &str = "local v, m = redis.call('GET', KEYS[1]) or '', '!' .. ARGV[1]
if string.sub(v, 1, 1) == '!' and (#v ~= #m + 16 or string.sub(v, 1, #m) ~= m) then return 0 end
redis.call('SET', KEYS[1], 'g' .. string.format('%016d', (tonumber(string.sub(v, -16)) or 0) + 1))
return 1";

/// Drops its own marker alone.
const END_OF_MARKER: &str = "if redis.call('GET', KEYS[1]) == '!' .. ARGV[1] then redis.call('UNLINK', KEYS[1]) end
return 1";

/// What reaches Redis instead of a command; nothing if it is not sent at all.
pub(crate) fn request(mutant: Mutant, kind: Kind, words: &Words) -> Option<Words> {
    let mut words = words.clone();
    match (mutant, kind) {
        (Mutant::NoMarker, Kind::Begin) => return None,
        (Mutant::NoSharedMarker, Kind::Begin) => {
            let marker = [b"!".as_slice(), &words[4]].concat();
            words = vec![b"SET".to_vec(), words[3].clone(), marker, b"PX".to_vec(), words[5].clone()];
        }
        (Mutant::CountingGeneration, Kind::Observe) => words[2] = FIRST.to_vec(),
        (Mutant::CountingGeneration, Kind::Begin) => words[1] = COUNTING_BEGIN.into(),
        (Mutant::CountingGeneration, Kind::End | Kind::Invalidate) => words[1] = COUNTING_END.into(),
        (Mutant::NoEndWhenUnmarked, Kind::End) => return None,
        (Mutant::ClearForeignMarker, Kind::End) | (Mutant::InvalidateClearsMarker, Kind::Invalidate) => {
            words = vec![b"UNLINK".to_vec(), words[3].clone()]
        }
        (Mutant::LeaveLiveGeneration, Kind::End) => words[1] = END_OF_MARKER.into(),
        _ => {}
    }
    Some(words)
}

/// What is changed of a command's first copy, which is on its way when the second is sent.
pub(crate) fn repeat(mutant: Mutant, kind: Kind, first: &mut Words, second: &Words) {
    if (mutant, kind) == (Mutant::SameProposal, Kind::Observe) {
        first[2].clone_from(&second[2]);
    }
}

/// What the client gets instead of a reply.
pub(crate) fn reply(mutant: Mutant, kind: Kind, reply: Vec<u8>) -> Vec<u8> {
    match (mutant, kind, resp::held_by(&reply)) {
        (Mutant::CountingGeneration, Kind::Observe, None) => resp::bulk(FIRST),
        (Mutant::FillUnderMarker, Kind::Observe, Some([b'!', marker @ ..])) => {
            resp::bulk(&[b"g".as_slice(), &marker[..16]].concat())
        }
        _ => reply,
    }
}
