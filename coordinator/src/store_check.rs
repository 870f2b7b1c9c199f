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
    /// The last event asks for another one.
    #[error(
        "the log ends in the middle of what belongs together, so its end was cut off; restore the volume from a backup"
    )]
    CutOff,
    /// There was no seed to verify with.
    #[error(
        "nothing was verified, because that takes the seed; give the file that holds it with --seed-file"
    )]
    NotVerified,
    /// Standard output is closed.
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
}

/// Prints a summary and, with the seed, every event as one JSON line to `out` (then the summary goes to `notes`).
///
/// # Errors
/// Unless the whole log verifies. Without the seed it never does: nothing can be verified then.
pub fn run(options: &CheckOptions, out: &mut impl Write, notes: &mut impl Write) -> Result<(), CheckError> {
    let seed = options.seed_file.as_ref().map(read_seed).transpose()?;
    let mut state = State::default();
    let mut inconsistent = 0;
    let mut broken_pipe = None;
    let summary = check::inspect(&options.state_dir, seed.as_ref().map(|seed| seed.as_slice()), |record| {
        let decoded = Event::decode(record.event);
        let fault = match &decoded {
            Ok(event) => state.apply(event.clone()).err().map(|fault| fault.to_string()),
            Err(error) => Some(error.to_string()),
        };
        inconsistent += u64::from(fault.is_some());
        if let Err(error) = writeln!(out, "{}", line(&record, decoded.as_ref().ok(), fault)) {
            broken_pipe.get_or_insert(error);
        }
        decoded.iter().flat_map(Event::contents).collect::<Vec<_>>()
    })?;
    if let Some(error) = broken_pipe {
        return Err(error.into());
    }
    // With the seed, standard output is for the events alone.
    let to: &mut dyn Write = if seed.is_some() { notes } else { out };
    writeln!(to, "format version: {}", summary.format_version)?;
    writeln!(to, "events:         {}", summary.events)?;
    writeln!(to, "head digest:    {}", hex::encode(summary.head_digest))?;
    if inconsistent > 0 {
        return Err(CheckError::Inconsistent(inconsistent));
    }
    if summary.verified && state.awaited.is_some() {
        return Err(CheckError::CutOff);
    }
    if !summary.verified {
        return Err(CheckError::NotVerified);
    }
    writeln!(to, "verified:       yes")?;
    Ok(())
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
        EventKind::SeedHandedOver(handed) => json!({
            "type": "SeedHandedOver",
            "policy": hex::encode(handed.policy),
            "transition": hex::encode(handed.transition),
            "platform": handed.platform.name(),
            "evidence_digest": hex::encode(handed.evidence),
            "accepted_by": handed.accepted_by,
        }),
        EventKind::SeedConsentGiven(consent) => json!({ "type": "SeedConsentGiven", "consent": consent }),
    }
}

fn author(author: &Author) -> Value {
    match author {
        Author::Anyone => json!({ "proof": "none" }),
        Author::TlsKey(key) => json!({ "proof": "tls key", "key_digest": hex::encode(key) }),
        Author::Signature(key) => json!({ "proof": "signature", "key_digest": hex::encode(key) }),
    }
}
