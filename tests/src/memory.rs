//! Looking for secrets in the memory of another process.

use std::{fs::File, os::unix::fs::FileExt};

/// Read at a time.
const PIECE: usize = 1 << 20;

/// How many times `secret` stands in the writable memory of a process.
///
/// # Panics
/// When the kernel does not show it.
pub(crate) fn copies(process: u32, secret: &[u8]) -> usize {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).expect("the process runs");
    let memory = File::open(format!("/proc/{process}/mem")).expect("root may read it");
    let writable = maps.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (from, to) = fields.next()?.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        fields.next().filter(|rights| rights.starts_with("rw"))?;
        Some((number(from)?, number(to)?))
    });
    writable.map(|(from, to)| copies_between(&memory, from, to, secret)).sum()
}

fn copies_between(memory: &File, from: u64, to: u64, secret: &[u8]) -> usize {
    let mut found = 0;
    let mut kept = Vec::new();
    for at in (from..to).step_by(PIECE) {
        let mut piece = vec![0; usize::try_from((to - at).min(PIECE as u64)).expect("a small number")];
        if memory.read_exact_at(&mut piece, at).is_err() {
            // Nothing is mapped there any more.
            kept.clear();
            continue;
        }
        kept.extend(piece);
        found += kept.windows(secret.len()).filter(|window| *window == secret).count();
        kept.drain(..kept.len().saturating_sub(secret.len() - 1));
    }
    found
}
