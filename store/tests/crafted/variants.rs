//! Stores that a host could leave: one number of the engine's files changed, or some, and every checksum right.

use crate::engine_file::{self, Segment, put_varint};

/// A changed store: what was changed, and the files in its `log/` that are not as they were.
pub(crate) struct Variant {
    pub(crate) what: String,
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

/// Numbers that are small, at the edge of something, or far beyond everything.
const NUMBERS: [u64; 16] =
    [0, 1, 2, 3, 4, 5, 7, 240, 70_000, 1 << 20, 1 << 27, 1 << 33, 1 << 37, (1 << 37) + 1, 1 << 62, u64::MAX];

/// Hands out one in `step` of the variants of a database with these two files, one after the other: together they
/// would not fit into memory.
pub(crate) fn each(db: &[u8], snapshot: Option<&[u8]>, step: usize, mut on_variant: impl FnMut(Variant)) {
    let mut number = 0;
    let mut on_turn = |variant: &dyn Fn() -> Variant| {
        number += 1;
        if number % step == 0 {
            on_variant(variant());
        }
    };
    let segment = Segment::parse(db);
    let mut add = |what: String, segment: &Segment| {
        on_turn(&|| {
            let mut bytes = segment.bytes();
            bytes.extend(db.get(engine_file::SEGMENT..).unwrap_or_default());
            Variant { what: what.clone(), files: vec![("db".to_owned(), bytes)] }
        });
    };
    for number in NUMBERS.map(u64::cast_signed).into_iter().chain([-1, 524_288, 524_289, 1_048_576]) {
        add(format!("the segment begins at {number}"), &Segment { begins: number, ..segment.clone() });
        add(format!("durable up to {number}"), &Segment { durable: number, ..segment.clone() });
    }
    for (index, message) in segment.messages.iter().enumerate() {
        let mut change = |what: String, change: &dyn Fn(&mut engine_file::Message)| {
            let mut changed = segment.clone();
            change(&mut changed.messages[index]);
            add(format!("message {index} ({}, page {}): {what}", message.kind, message.page), &changed);
        };
        for kind in 0..14 {
            change(format!("kind {kind}"), &|message| message.kind = kind);
        }
        for number in NUMBERS {
            change(format!("page {number}"), &|message| message.page = number);
            change(format!("length {number}"), &|message| message.length = Some(number));
            change(format!("segment {number}"), &|message| message.segment = number);
        }
        let places = (0..message.content.len()).filter(|at| *at < 40 || at % 61 == 0);
        for at in places {
            for value in [0, 1, 2, 3, 4, 9, 255] {
                change(format!("byte {at} is {value}"), &|message| message.content[at] = value);
            }
            for number in [1 << 20, 1 << 36, u64::MAX] {
                change(format!("at byte {at} the number {number}"), &|message| {
                    let mut long = Vec::new();
                    put_varint(number, &mut long);
                    message.content.splice(at..=at, long);
                });
            }
        }
        change("cut in the middle".to_owned(), &|message| {
            message.content.truncate(message.content.len() / 2)
        });
    }
    let mut random = Random(88_172_645_463_325_252);
    for round in 0..2_000 {
        let mut changed = segment.clone();
        let mut what = format!("round {round}:");
        for _ in 0..2 + random.below(3) {
            let index = random.below(changed.messages.len());
            let other = changed.messages[random.below(changed.messages.len())].clone();
            let message = &mut changed.messages[index];
            let at = random.below(message.content.len().clamp(1, 24));
            match random.below(4) {
                0 => message.page = other.page,
                1 => *message = engine_file::Message { page: message.page, ..other },
                _ => {
                    if let Some(byte) = message.content.get_mut(at) {
                        *byte = u8::try_from(random.below(9)).unwrap();
                    }
                }
            }
            what += &format!(" message {index}");
        }
        add(what, &changed);
    }
    if let Some(snapshot) = snapshot {
        each_of_snapshot(engine_file::snapshot_content(snapshot), on_turn);
    }
}

fn each_of_snapshot(content: &[u8], mut on_turn: impl FnMut(&dyn Fn() -> Variant)) {
    for at in 0..content.len() {
        let mut add = |what: String, with: Vec<u8>| {
            let mut changed = content.to_vec();
            changed.splice(at..=at, with);
            on_turn(&|| {
                let files = vec![engine_file::snapshot(&changed)];
                Variant { what: format!("byte {at} of the snapshot: {what}"), files }
            });
        };
        for value in [0, 1, 2, 255, content[at] ^ 1, content[at] ^ 0x40] {
            add(value.to_string(), vec![value]);
        }
        for number in [1 << 20, 1 << 36, u64::MAX] {
            let mut long = Vec::new();
            put_varint(number, &mut long);
            add(format!("the number {number}"), long);
        }
    }
}

/// Xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}
