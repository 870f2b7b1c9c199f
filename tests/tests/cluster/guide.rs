//! docs/guide.md, command by command as it stands there, with either containerd.

use contrast_tests::{Containerd, OwnCluster, guide::Reader};

fn holds_with(containerd: Containerd) {
    // The guide begins with an empty cluster.
    let cluster = OwnCluster::up(containerd);
    let mut reader = Reader::new(&cluster, &cluster.path("reader"));
    let outcome = reader.read(|_, _| ());
    outcome.unwrap_or_else(|reason| panic!("{reason}\n{}", cluster.report()));
}

#[test]
fn the_guide_holds_as_it_is_written_with_containerd_2() {
    holds_with(Containerd::Two);
}

#[test]
fn the_guide_holds_as_it_is_written_with_containerd_1_6() {
    holds_with(Containerd::OneSix);
}
