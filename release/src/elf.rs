//! What a program or a library needs of others before it can run (System V ABI, "Object Files" and "Dynamic Linking"; versions of symbols: Linux
//! Standard Base, "Symbol Versioning").

use std::collections::{BTreeMap, BTreeSet};

/// What the loader looks at.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Elf {
    /// The loader, of programs.
    pub interpreter: Option<String>,
    /// Libraries, by the names that they have for the loader.
    pub needed: Vec<String>,
    /// Folders to look for libraries in.
    pub run_path: Vec<String>,
    /// Versions of symbols that are needed, by library.
    pub versions_needed: BTreeMap<String, BTreeSet<String>>,
    /// Versions of symbols that are here.
    pub versions: BTreeSet<String>,
}

/// The file begins as a program does, but cannot be followed.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error, Debug)]
pub enum ElfError {
    /// Another class, byte order or processor.
    #[error("it is no program for amd64")]
    Machine,
    /// Something lies outside the file.
    #[error("it is damaged: something lies outside the file")]
    Damaged,
}

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;
const DT_VERDEF: u64 = 0x6fff_fffc;
const DT_VERDEFNUM: u64 = 0x6fff_fffd;
const DT_VERNEED: u64 = 0x6fff_fffe;
const DT_VERNEEDNUM: u64 = 0x6fff_ffff;

impl Elf {
    /// Reads a file; `None` if it is no program and no library.
    ///
    /// # Errors
    /// If it is one, but damaged or for other processors.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, ElfError> {
        if !bytes.starts_with(b"\x7fELF") {
            return Ok(None);
        }
        // 64 bits, the least significant byte first, and amd64.
        if bytes.get(4..6) != Some(&[2, 1]) || bytes.get(18..20) != Some(&[62, 0]) {
            return Err(ElfError::Machine);
        }
        File::new(bytes).and_then(|file| file.read()).map(Some).ok_or(ElfError::Damaged)
    }
}

struct File<'a> {
    bytes: &'a [u8],
    segments: Vec<Segment>,
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

impl<'a> File<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let table = u64_at(bytes, 32)?;
        let (size, count) = (u64::from(u16_at(bytes, 54)?), u64::from(u16_at(bytes, 56)?));
        let segment = |index: u64| {
            let at = table.checked_add(index.checked_mul(size)?)?;
            let field = |offset| u64_at(bytes, at.checked_add(offset)?);
            Some(Segment {
                kind: u32_at(bytes, at)?,
                offset: field(8)?,
                address: field(16)?,
                size: field(32)?,
            })
        };
        Some(Self { bytes, segments: (0..count).map(segment).collect::<Option<_>>()? })
    }

    fn read(&self) -> Option<Elf> {
        let mut elf = Elf::default();
        if let Some(segment) = self.segment(PT_INTERP) {
            elf.interpreter = Some(text_at(self.bytes, segment.offset)?);
        }
        let entries = self.dynamic()?;
        let value = |tag| entries.iter().find(|(found, _)| *found == tag).map(|(_, value)| *value);
        let Some(names) = value(DT_STRTAB) else { return Some(elf) };
        let names = self.offset(names)?;
        let name = |at: u64| text_at(self.bytes, names.checked_add(at)?);
        for (tag, value) in &entries {
            match *tag {
                DT_NEEDED => elf.needed.push(name(*value)?),
                DT_RPATH | DT_RUNPATH => {
                    elf.run_path.extend(name(*value)?.split(':').map(str::to_owned));
                }
                _ => {}
            }
        }
        if let Some((at, count)) = value(DT_VERNEED).zip(value(DT_VERNEEDNUM)) {
            self.list(at, count, 12, |at| {
                let library = name(u64::from(u32_at(self.bytes, at.checked_add(4)?)?))?;
                let (count, first) =
                    (u16_at(self.bytes, at.checked_add(2)?)?, u32_at(self.bytes, at.checked_add(8)?)?);
                let versions = elf.versions_needed.entry(library).or_default();
                chain(self.bytes, at.checked_add(first.into())?, count.into(), 12, |at| {
                    // A weak need is none.
                    if u16_at(self.bytes, at.checked_add(4)?)? & 2 == 0 {
                        versions.insert(name(u32_at(self.bytes, at.checked_add(8)?)?.into())?);
                    }
                    Some(())
                })
            })?;
        }
        if let Some((at, count)) = value(DT_VERDEF).zip(value(DT_VERDEFNUM)) {
            self.list(at, count, 16, |at| {
                let first = u32_at(self.bytes, at.checked_add(12)?)?;
                let at = at.checked_add(first.into())?;
                elf.versions.insert(name(u32_at(self.bytes, at)?.into())?);
                Some(())
            })?;
        }
        Some(elf)
    }

    fn segment(&self, kind: u32) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.kind == kind)
    }

    /// Tags and values. A program that needs no others has none.
    fn dynamic(&self) -> Option<Vec<(u64, u64)>> {
        let Some(segment) = self.segment(PT_DYNAMIC) else { return Some(Vec::new()) };
        let mut entries = Vec::new();
        for index in 0..segment.size / 16 {
            let at = segment.offset.checked_add(index * 16)?;
            let (tag, value) = (u64_at(self.bytes, at)?, u64_at(self.bytes, at.checked_add(8)?)?);
            if tag == 0 {
                break;
            }
            entries.push((tag, value));
        }
        Some(entries)
    }

    /// Where in the file an address is.
    fn offset(&self, address: u64) -> Option<u64> {
        let mut loaded = self.segments.iter().filter(|segment| segment.kind == PT_LOAD);
        loaded.find_map(|segment| {
            let inner = address.checked_sub(segment.address).filter(|inner| *inner < segment.size)?;
            segment.offset.checked_add(inner)
        })
    }

    /// The records of a list at an address.
    fn list(&self, address: u64, count: u64, next: u64, each: impl FnMut(u64) -> Option<()>) -> Option<()> {
        chain(self.bytes, self.offset(address)?, count, next, each)
    }
}

/// Records of which each says, at `next`, how far the following one is; the last says 0.
fn chain(
    bytes: &[u8],
    first: u64,
    count: u64,
    next: u64,
    mut each: impl FnMut(u64) -> Option<()>,
) -> Option<()> {
    let mut at = first;
    for _ in 0..count {
        each(at)?;
        // Records of either kind have their distance as the last four bytes.
        match u32_at(bytes, at.checked_add(next)?)? {
            0 => break,
            distance => at = at.checked_add(distance.into())?,
        }
    }
    Some(())
}

fn text_at(bytes: &[u8], at: u64) -> Option<String> {
    let rest = bytes.get(usize::try_from(at).ok()?..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    String::from_utf8(rest.get(..end)?.to_vec()).ok()
}

fn u16_at(bytes: &[u8], at: u64) -> Option<u16> {
    field(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: u64) -> Option<u32> {
    field(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: u64) -> Option<u64> {
    field(bytes, at).map(u64::from_le_bytes)
}

fn field<const N: usize>(bytes: &[u8], at: u64) -> Option<[u8; N]> {
    let at = usize::try_from(at).ok()?;
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn own() -> Vec<u8> {
        fs::read("/proc/self/exe").unwrap()
    }

    #[test]
    fn this_program_needs_a_loader_and_versions_of_the_c_library() {
        let elf = Elf::read(&own()).unwrap().unwrap();
        assert!(elf.interpreter.is_some_and(|path| path.ends_with("/ld-linux-x86-64.so.2")));
        assert!(elf.needed.iter().any(|name| name == "libc.so.6"), "{:?}", elf.needed);
        let versions = &elf.versions_needed["libc.so.6"];
        assert!(versions.iter().any(|version| version.starts_with("GLIBC_2.")), "{versions:?}");
    }

    #[test]
    fn what_is_no_program_is_none() {
        assert_eq!(Elf::read(b"#!/bin/sh\n"), Ok(None));
        assert_eq!(Elf::read(b""), Ok(None));
    }

    #[test]
    fn a_program_for_another_processor_is_refused() {
        let mut bytes = own();
        bytes[18] = 183; // AArch64
        assert_eq!(Elf::read(&bytes), Err(ElfError::Machine));
    }

    #[test]
    fn a_program_that_was_cut_off_is_damaged() {
        let bytes = own();
        for length in [16, 63, 64, 100, 400] {
            assert!(Elf::read(&bytes[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_changed_in_a_program_reading_it_ends(
            changes in proptest::collection::vec((0..4096_usize, any::<u8>()), 1..8),
            length in 0..200_000_usize,
        ) {
            let mut bytes = fs::read(Elf::read(&own()).unwrap().unwrap().interpreter.unwrap()).unwrap();
            for (at, byte) in changes {
                bytes[at] = byte;
            }
            let _ = Elf::read(&bytes);
            bytes.truncate(length);
            let _ = Elf::read(&bytes);
        }
    }
}
