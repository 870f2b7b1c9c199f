//! docs/guide.md, command by command as it stands there, with either containerd.

use contrast_tests::{Cluster, Containerd, guide::Reader};

fn holds_with(containerd: Containerd) {
    let folder = tempfile::Builder::new().prefix("contrast-guide-").tempdir().unwrap();
    // A cluster of its own: the guide begins with an empty one.
    let cluster = Cluster::up_in(&folder.path().join("cluster"), containerd);
    let mut reader = Reader::new(&cluster, folder.path());
    let outcome = reader.read(|_, _| ());
    drop(reader);
    let report = outcome.is_err().then(|| cluster.report()).unwrap_or_default();
    cluster.down();
    outcome.unwrap_or_else(|reason| panic!("{reason}\n{report}"));
}

#[test]
fn the_guide_holds_as_it_is_written_with_containerd_2() {
    holds_with(Containerd::Two);
}

#[test]
fn the_guide_holds_as_it_is_written_with_containerd_1_6() {
    holds_with(Containerd::OneSix);
}
