//! A durable append, against a plain write of the same bytes with `fdatasync`.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use contrast_store::{Append, Opened, SEALING_OVERHEAD, SledBackend};

use crate::table::{Bound, Row, median};

const APPENDS: usize = 2000;

/// Sizes of the two events that a `set` leads to: the manifest event, and the certificates of a CA generation.
pub(crate) const EVENT_SIZES: [usize; 2] = [360, 1500];

/// Bytes of a manifest, which a `set` stores as a blob.
const MANIFEST_BYTES: usize = 3000;

/// Appends the events and the manifest of a `set`, in turn with the plain writes, so that both meet the same disk.
pub(crate) fn durable_append(directory: &Path) -> Row {
    let backend = SledBackend::open(directory.join("append")).expect("the directory is empty");
    let Ok(Opened::Empty(empty)) = contrast_store::open(backend) else { panic!("the store is new") };
    let first = Append::event(vec![0; 100]);
    let mut log = empty.initialize(&[1; 64], [2; 32], Vec::new(), first).expect("there is room");
    let mut plain = File::create(directory.join("plain")).expect("the directory can be written");
    let sealed = EVENT_SIZES.iter().chain(&[MANIFEST_BYTES]).map(|size| size + SEALING_OVERHEAD);
    let bytes = vec![7; sealed.sum()];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 0..APPENDS {
        let mut manifest = number.to_string().into_bytes();
        manifest.resize(MANIFEST_BYTES, b' ');
        let events = EVENT_SIZES.map(|size| vec![7; size]).to_vec();
        ours.push(timed(|| {
            log.append(Append { events, blobs: vec![&manifest] }).expect("there is room");
        }));
        theirs.push(timed(|| {
            plain.write_all(&bytes).expect("there is room");
            plain.sync_data().expect("the disk works");
        }));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    Row {
        what: "durable append of a `set`, p50".into(),
        measured: format!("{:.2} ms", ours * 1000.0),
        against: format!("write + fdatasync of the same bytes: {:.2} ms", theirs * 1000.0),
        value: ours / theirs,
        bound: Bound::Times(1.5),
    }
}

/// Seconds that something takes.
pub(crate) fn timed(work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().max(Duration::from_nanos(1)).as_secs_f64()
}
