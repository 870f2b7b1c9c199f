//! `coordinator store check`: what is in a store, without serving it.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use contrast_store::{Replayed, StoreError, check};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    event::{Author, Cause, Event, EventKind},
    options::CheckOptions,
    state::State,
};

/// Why a store is not all right, or was not looked at.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file with the seed cannot be read.
    #[error("cannot read the seed from {path} ({source}); give the file that holds the decrypted seed")]
    SeedFile {
        /// Where.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Some events verify, but are no events of a deployment.
    #[error(
        "{0} of the events verify but cannot follow the events before them; restore the volume from a backup"
    )]
    Inconsistent(u64),
    /// Standard output is closed.
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
}

/// Prints a summary and, with the seed, every event as one JSON line.
///
/// # Errors
/// Unless the whole log verifies (without a seed: as far as it can be judged).
pub fn run(options: &CheckOptions, out: &mut impl Write) -> Result<(), CheckError> {
    let seed = options.seed_file.as_ref().map(read_seed).transpose()?;
    let mut state = State::default();
    let mut inconsistent = 0;
    let mut broken_pipe = None;
    let summary = check::inspect(&options.state_dir, seed.as_ref().map(|seed| seed.as_slice()), |record| {
        let line = match Event::decode(record.event) {
            Ok(event) => {
                let place = state.apply(&event).err().map(|fault| fault.to_string());
                inconsistent += u64::from(place.is_some());
                line(&record, Some(&event), place)
            }
            Err(error) => {
                inconsistent += 1;
                line(&record, None, Some(error.to_string()))
            }
        };
        if let Err(error) = writeln!(out, "{line}") {
            broken_pipe.get_or_insert(error);
        }
    })?;
    if let Some(error) = broken_pipe {
        return Err(error.into());
    }
    let verified = match (summary.verified, inconsistent) {
        (true, 0) => "yes",
        (true, _) => "no",
        (false, _) => "not checked (no --seed-file)",
    };
    writeln!(out, "format version: {}", summary.format_version)?;
    writeln!(out, "events:         {}", summary.events)?;
    writeln!(out, "head digest:    {}", hex::encode(summary.head_digest))?;
    writeln!(out, "verified:       {verified}")?;
    if inconsistent > 0 { Err(CheckError::Inconsistent(inconsistent)) } else { Ok(()) }
}

fn read_seed(path: &PathBuf) -> Result<Zeroizing<Vec<u8>>, CheckError> {
    let bytes = fs::read(path).map_err(|source| CheckError::SeedFile { path: path.clone(), source })?;
    let bytes = Zeroizing::new(bytes);
    Ok(match hex::decode(bytes.trim_ascii()) {
        Ok(decoded) => Zeroizing::new(decoded),
        Err(_) => bytes,
    })
}

fn line(record: &Replayed<'_>, event: Option<&Event>, fault: Option<String>) -> Value {
    json!({
        "position": record.position,
        "digest": hex::encode(record.digest),
        "time_unix_ms": event.map(|event| event.time_unix_ms),
        "event": event.map(|event| describe(&event.kind)),
        "fault": fault,
    })
}

fn describe(kind: &EventKind) -> Value {
    match kind {
        EventKind::ManifestSet(set) => json!({
            "type": "ManifestSet",
            "manifest": hex::encode(set.manifest),
            "policies": set.policies.iter().map(hex::encode).collect::<Vec<_>>(),
            "author": author(&set.author),
            "previous": hex::encode(set.previous),
            "transition": hex::encode(set.transition),
            "signature": hex::encode(&set.signature),
        }),
        EventKind::CaGenerationStarted(started) => json!({
            "type": "CaGenerationStarted",
            "generation": started.generation,
            "cause": match started.cause { Cause::ManifestSet => "manifest set", Cause::Recovery => "recovery" },
        }),
        EventKind::Recovered(recovered) => json!({
            "type": "Recovered",
            "author": author(&recovered.author),
            "transition": hex::encode(recovered.transition),
        }),
    }
}

fn author(author: &Author) -> Value {
    match author {
        Author::Anyone => json!({ "proof": "none" }),
        Author::TlsKey(key) => json!({ "proof": "tls key", "key_digest": hex::encode(key) }),
        Author::Signature(key) => json!({ "proof": "signature", "key_digest": hex::encode(key) }),
    }
}
