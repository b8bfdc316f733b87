//! Tests with sealed records, and with bytes that only look like one.
//!
//! Bytes must open if and only if they are an unchanged record within its time to live. The record
//! must have been sealed for the same key and generation, with the same secret.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use shared::cache::record::RecordCipher;
use shared::cache::{Family, Key};
use shared::secret::SecretKey;
use uuid::Uuid;

use crate::try_all;

const CASES: u32 = 1_200_000;

const FAMILY: Family = Family { prefix: "thing", ttl: Duration::from_secs(3600) };
/// The ages of the records, in milliseconds. A record opens if it is younger than its time to live,
/// or slightly in the future. No age comes close to a limit while the test runs, even on a slow
/// machine.
const AGES: [i64; 6] = [0, 600_000, -30_000, 4_000_000, -90_000_000, 90_000_000];
const BODIES: [&[u8]; 4] = [b"", b"x", b"{\"content\": \"I slept badly again\"}", &[0; 300]];

/// The position of the time at which a record was sealed.
const TIME: std::ops::Range<usize> = 2..10;
/// The position of the nonce in a record.
const NONCE: std::ops::Range<usize> = 10..22;

/// A reader of records, or the reader for which a record was sealed. There are two secrets, two
/// users with two records each, and two generations.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reader {
    secret: usize,
    key: usize,
    generation: usize,
}

impl Reader {
    const ALL: usize = 16;

    fn number(number: usize) -> Self {
        Self { secret: number / 8, key: number / 2 % 4, generation: number % 2 }
    }

    fn generation(self) -> [u8; 16] {
        [u8::try_from(self.generation).unwrap(); 16]
    }
}

struct Record {
    reader: Reader,
    age: i64,
    body: &'static [u8],
    sealed: Vec<u8>,
}

struct World {
    sealers: [RecordCipher; 2],
    keys: [Key; 4],
    records: Vec<Record>,
}

impl World {
    fn new() -> Self {
        let key = |number: u128| {
            let owner = Uuid::from_u128(number / 2);
            FAMILY.key(owner, format!("thing:{owner}:{}", number % 2))
        };
        let mut world = Self {
            sealers: [7, 8].map(|secret| RecordCipher::new(&SecretKey::new([secret; 32]))),
            keys: [0, 1, 2, 3].map(key),
            records: Vec::new(),
        };
        for reader in (0..Reader::ALL).map(Reader::number) {
            for (age, body) in AGES.iter().flat_map(|age| BODIES.iter().map(move |body| (*age, *body))) {
                let at = Timestamp::now() - jiff::SignedDuration::from_millis(age);
                let sealed = world.sealers[reader.secret].seal(&world.keys[reader.key], &reader.generation(), at, body);
                world.records.push(Record { reader, age, body, sealed: sealed.unwrap() });
            }
        }
        world
    }

    fn open(&self, reader: Reader, bytes: Vec<u8>) -> Option<Vec<u8>> {
        self.sealers[reader.secret].open(&self.keys[reader.key], &reader.generation(), bytes)
    }

    /// Returns the body that the reader must get from these bytes, or `None` if they must not open.
    fn expected(&self, reader: Reader, bytes: &[u8]) -> Option<&'static [u8]> {
        let record = self.records.iter().find(|record| record.sealed == bytes)?;
        let in_time = (-60_000..=3_600_000).contains(&record.age);
        (record.reader == reader && in_time).then_some(record.body)
    }
}

/// The origin of the bytes, before the edits.
#[derive(Debug, Clone)]
enum Origin {
    Record(Index),
    Noise(Vec<u8>),
    /// Bytes that begin like a record, with an age in milliseconds.
    Disguise(i64, Vec<u8>),
}

/// A change of the bytes.
#[derive(Debug, Clone)]
enum Edit {
    Cut(Index),
    Flip(Index),
    Extend(Vec<u8>),
    Drop(Index),
    Insert(Index, u8),
    /// Replaces the bytes from a position on with those of another record.
    Splice(Index, Index),
    /// Replaces the time with that of another record.
    Time(Index),
    /// Replaces the nonce with that of another record.
    Nonce(Index),
    /// Replaces everything before the ciphertext with that of another record.
    Header(Index),
    /// Replaces the time with any number.
    Moment(i64),
    Magic([u8; 2]),
    Twice,
}

fn origin() -> impl Strategy<Value = Origin> {
    let noise = prop::collection::vec(any::<u8>(), 0..80);
    prop_oneof![
        8 => any::<Index>().prop_map(Origin::Record),
        1 => noise.clone().prop_map(Origin::Noise),
        1 => (-70_000..3_700_000_i64, noise).prop_map(|(age, rest)| Origin::Disguise(age, rest)),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        at().prop_map(Edit::Cut),
        at().prop_map(Edit::Flip),
        prop::collection::vec(any::<u8>(), 1..20).prop_map(Edit::Extend),
        at().prop_map(Edit::Drop),
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        (at(), at()).prop_map(|(at, other)| Edit::Splice(at, other)),
        at().prop_map(Edit::Time),
        at().prop_map(Edit::Nonce),
        at().prop_map(Edit::Header),
        any::<i64>().prop_map(Edit::Moment),
        any::<[u8; 2]>().prop_map(Edit::Magic),
        Just(Edit::Twice),
    ]
}

/// Generates the origin of the bytes, the edits, and the reader. Half of the cases have no reader.
/// The test then uses the reader for which the record was sealed, if there is one.
fn cases() -> impl Strategy<Value = (Origin, Vec<Edit>, Option<usize>)> {
    (origin(), prop::collection::vec(edit(), 0..3), prop::option::of(0..Reader::ALL))
}

fn overwrite(bytes: &mut [u8], range: std::ops::Range<usize>, with: &[u8]) {
    if let Some(place) = bytes.get_mut(range) {
        place.copy_from_slice(with);
    }
}

impl Edit {
    fn make(self, bytes: &mut Vec<u8>, world: &World) {
        let (length, record) = (bytes.len(), |index: Index| &index.get(&world.records).sealed);
        match self {
            Self::Cut(at) => bytes.truncate(at.index(length + 1)),
            Self::Flip(at) if length > 0 => {
                let bit = at.index(length * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            Self::Drop(at) if length > 0 => drop(bytes.remove(at.index(length))),
            Self::Flip(_) | Self::Drop(_) => {}
            Self::Extend(more) => bytes.extend(more),
            Self::Insert(at, byte) => bytes.insert(at.index(length + 1), byte),
            Self::Splice(at, other) => {
                let at = at.index(length + 1);
                bytes.truncate(at);
                bytes.extend(record(other).get(at..).unwrap_or_default());
            }
            Self::Time(other) => overwrite(bytes, TIME, &record(other)[TIME]),
            Self::Nonce(other) => overwrite(bytes, NONCE, &record(other)[NONCE]),
            Self::Header(other) => overwrite(bytes, 0..NONCE.end, &record(other)[..NONCE.end]),
            Self::Moment(at) => overwrite(bytes, TIME, &at.to_be_bytes()),
            Self::Magic(magic) => overwrite(bytes, 0..2, &magic),
            Self::Twice => bytes.extend_from_within(..),
        }
    }
}

#[test]
fn only_an_unchanged_record_opens_and_only_for_its_reader_within_its_time_to_live() {
    let world = World::new();
    let (opened, refused_whole) = (AtomicU64::new(0), AtomicU64::new(0));
    let tried = try_all(CASES, cases, |(origin, edits, reader)| {
        let mut owner = Reader::number(0);
        let mut bytes = match origin {
            Origin::Record(index) => {
                let record = index.get(&world.records);
                owner = record.reader;
                record.sealed.clone()
            }
            Origin::Noise(noise) => noise,
            Origin::Disguise(age, rest) => {
                let at = Timestamp::now().as_millisecond() - age;
                [b"K1".as_slice(), &at.to_be_bytes(), &rest].concat()
            }
        };
        for edit in edits {
            edit.make(&mut bytes, &world);
        }
        let reader = reader.map_or(owner, Reader::number);
        let expected = world.expected(reader, &bytes);
        let is_whole = world.records.iter().any(|record| record.sealed == bytes);
        let found = world.open(reader, bytes);
        prop_assert_eq!(found.as_deref(), expected);
        opened.fetch_add(u64::from(expected.is_some()), Ordering::Relaxed);
        refused_whole.fetch_add(u64::from(is_whole && expected.is_none()), Ordering::Relaxed);
        Ok(())
    });
    let (opened, refused_whole) = (opened.into_inner(), refused_whole.into_inner());
    println!("{tried} byte strings, {opened} opened, {refused_whole} unchanged records rejected");
    assert!(tried >= 1_000_000, "only {tried} cases were tried");
    assert!(opened >= 10_000, "only {opened} records opened: a cipher that opens nothing would pass, too");
    assert!(refused_whole >= 10_000, "only {refused_whole} unchanged records were rejected");
}
