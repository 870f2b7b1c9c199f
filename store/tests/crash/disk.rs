//! The disk as a power cut could leave it.
//!
//! What was synced is there. Of the rest, any 512-byte sector may hold any version between the synced and the
//! latest one, and of the unsynced changes of a directory any may be missing.

use crate::trace::{Event, Inode, Op, ROOT, Trace};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const SECTOR: usize = 512;

/// A small generator with a printable seed (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// What becomes of unsynced writes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loss {
    /// All are lost.
    Everything,
    /// None is lost: a killed process rather than a power cut.
    Nothing,
    /// Those after a point in time are lost, the one at that point is torn.
    Tail,
    /// Any whole writes are lost, whatever the order.
    Writes,
    /// Any sectors are lost.
    Sectors,
}

pub(crate) const LOSSES: [Loss; 5] =
    [Loss::Everything, Loss::Nothing, Loss::Tail, Loss::Writes, Loss::Sectors];

/// Builds the state at time `cut` below `to`.
pub(crate) fn build(trace: &Trace, cut: usize, loss: Loss, dice: &mut Dice, to: &Path) {
    let begun: Vec<&Event> = trace.events.iter().filter(|event| event.time.start < cut).collect();
    let mut syncs: BTreeMap<Inode, Vec<usize>> = BTreeMap::new();
    for event in &begun {
        if let Op::Sync { inode } = event.op
            && event.time.end <= cut
        {
            syncs.entry(inode).or_default().push(event.time.start);
        }
    }
    let disk = Disk { begun, syncs, loss };
    disk.directory(trace, ROOT, dice, to);
}

struct Disk<'a> {
    begun: Vec<&'a Event>,
    /// When the finished syncs of an inode began.
    syncs: BTreeMap<Inode, Vec<usize>>,
    loss: Loss,
}

impl<'a> Disk<'a> {
    fn directory(&self, trace: &Trace, dir: Inode, dice: &mut Dice, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for (name, inode) in self.entries(dir, dice) {
            let path = to.join(name);
            if trace.directories[inode] {
                self.directory(trace, inode, dice, &path);
            } else {
                std::fs::write(path, self.file(inode, dice)).unwrap();
            }
        }
    }

    fn entries(&self, dir: Inode, dice: &mut Dice) -> BTreeMap<String, Inode> {
        let is_here = |op: &Op| matches!(op, Op::Link { dir: d, .. } | Op::Rename { dir: d, .. } | Op::Unlink { dir: d, .. } if *d == dir);
        let ops: Vec<&Event> = self.begun.iter().copied().filter(|event| is_here(&event.op)).collect();
        let unsynced = ops.iter().filter(|event| !self.synced(event, dir)).count();
        let kept_first = dice.below(unsynced + 1);
        let (mut entries, mut seen) = (BTreeMap::new(), 0);
        for event in ops {
            if !self.synced(event, dir) {
                seen += 1;
                let kept = match self.loss {
                    Loss::Everything => false,
                    Loss::Nothing => true,
                    Loss::Tail => seen <= kept_first,
                    Loss::Writes | Loss::Sectors => dice.coin(),
                };
                if !kept {
                    continue;
                }
            }
            match &event.op {
                Op::Link { name, inode, .. } => drop(entries.insert(name.clone(), *inode)),
                Op::Unlink { name, .. } => drop(entries.remove(name)),
                Op::Rename { from, to, inode, .. } => {
                    entries.remove(from);
                    entries.insert(to.clone(), *inode);
                }
                _ => {}
            }
        }
        entries
    }

    fn file(&self, file: Inode, dice: &mut Dice) -> Vec<u8> {
        let is_here =
            |op: &Op| matches!(op, Op::Write { file: f, .. } | Op::Truncate { file: f, .. } if *f == file);
        let ops: Vec<&Event> = self.begun.iter().copied().filter(|event| is_here(&event.op)).collect();
        let (synced, open): (Vec<&Event>, Vec<&Event>) =
            ops.into_iter().partition(|event| self.synced(event, file));
        let mut base = Vec::new();
        synced.iter().for_each(|event| apply(&mut base, &event.op));
        let mut latest = base.clone();
        open.iter().for_each(|event| apply(&mut latest, &event.op));

        // How many of the open writes a sector has seen.
        let kept: Vec<bool> = open.iter().map(|_| dice.coin()).collect();
        let point = dice.below(open.len() + 1);
        let mut content = base.clone();
        let mut end = base.len();
        for sector in open.iter().flat_map(|event| sectors(&event.op)).collect::<BTreeSet<usize>>() {
            let seen = match self.loss {
                Loss::Everything => 0,
                Loss::Nothing => open.len(),
                Loss::Tail => point + usize::from(dice.coin()),
                Loss::Writes => kept.iter().rposition(|kept| *kept).map_or(0, |last| {
                    let touched =
                        (0..=last).rev().find(|at| kept[*at] && sectors(&open[*at].op).contains(&sector));
                    touched.map_or(0, |at| at + 1)
                }),
                Loss::Sectors => dice.below(open.len() + 1),
            };
            let begin = sector * SECTOR;
            let mut version = base.get(begin..base.len().min(begin + SECTOR)).unwrap_or_default().to_vec();
            let mut touched = false;
            for event in open.iter().take(seen).filter(|event| sectors(&event.op).contains(&sector)) {
                apply_to_sector(&mut version, begin, &event.op);
                touched = true;
            }
            if touched {
                end = end.max(begin + version.len());
                content.resize(content.len().max(end), 0);
                content[begin..begin + version.len()].copy_from_slice(&version);
            }
        }
        // The length is known to the disk apart from the data.
        let length = match self.loss {
            Loss::Everything => base.len(),
            Loss::Nothing => latest.len(),
            _ if dice.coin() => latest.len(),
            _ => end,
        };
        content.resize(length, 0);
        content
    }

    /// Whether a sync of `inode` began after the operation had ended, and ended before the cut.
    fn synced(&self, event: &Event, inode: Inode) -> bool {
        self.syncs.get(&inode).is_some_and(|begun| begun.iter().any(|start| *start >= event.time.end))
    }
}

fn sectors(op: &Op) -> std::ops::Range<usize> {
    match op {
        Op::Write { offset, data, .. } => offset / SECTOR..(offset + data.len()).div_ceil(SECTOR),
        _ => 0..0,
    }
}

/// Applies the part of a write that lies in one sector.
fn apply_to_sector(sector: &mut Vec<u8>, begin: usize, op: &Op) {
    if let Op::Write { offset, data, .. } = op {
        let (from, to) = (begin.max(*offset), (begin + SECTOR).min(offset + data.len()));
        sector.resize(sector.len().max(to - begin), 0);
        sector[from - begin..to - begin].copy_from_slice(&data[from - offset..to - offset]);
    }
}

fn apply(content: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write { offset, data, .. } => {
            content.resize(content.len().max(offset + data.len()), 0);
            content[*offset..offset + data.len()].copy_from_slice(data);
        }
        Op::Truncate { length, .. } => content.resize(*length, 0),
        _ => {}
    }
}
