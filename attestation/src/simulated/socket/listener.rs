//! The side of the node.

use std::{
    fs, io,
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{Answer, MAX_CONNECTIONS, MAX_REFUSAL, PATIENCE, Patient, read_question, write_answer};
use crate::Attester;

/// A socket that answers questions for evidence of one pod.
#[derive(Debug)]
pub struct EvidenceSocket {
    listener: UnixListener,
}

impl EvidenceSocket {
    /// Makes the socket at `path`, in place of one that is there, for every user. At no moment is there none.
    ///
    /// # Errors
    /// If the folder cannot be written, or the path is longer than a socket's can be (107 bytes).
    pub fn bind(path: &Path) -> io::Result<Self> {
        let new = path.with_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&new)?;
        // Whoever sees the folder may ask.
        fs::set_permissions(&new, fs::Permissions::from_mode(0o666))?;
        fs::rename(&new, path)?;
        Ok(Self { listener })
    }

    /// Answers with evidence of `attester`, as long as connections can be accepted.
    ///
    /// # Errors
    /// If they cannot.
    pub fn serve(&self, attester: &Arc<dyn Attester>) -> io::Result<()> {
        let open = Arc::new(AtomicUsize::new(0));
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if is_passing(&error) => continue,
                Err(error) => return Err(error),
            };
            let place = Place::take(&open);
            let Some(place) = place else { continue };
            let attester = Arc::clone(attester);
            let served = move || {
                let _place = place;
                // Whoever asks learns of a failure from the missing answer.
                let _ = answer(&stream, &*attester);
            };
            // Without a thread, this connection is closed, and the next one may have one.
            let _ = thread::Builder::new().spawn(served);
        }
    }
}

fn answer(stream: &UnixStream, attester: &dyn Attester) -> io::Result<()> {
    let mut stream = Patient::new(stream, PATIENCE);
    let report_data = read_question(&mut stream)?;
    let answer = match attester.attest(&report_data) {
        Ok(evidence) => Answer::Document(evidence.document),
        Err(error) => {
            let mut reason = error.to_string();
            reason.truncate(reason.floor_char_boundary(MAX_REFUSAL));
            Answer::Refusal(reason)
        }
    };
    write_answer(&mut stream, &answer)
}

/// Whether it says nothing about the next connection.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}

/// One of the connections that may be open.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(open));
        (open.fetch_add(1, Ordering::Relaxed) < MAX_CONNECTIONS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
