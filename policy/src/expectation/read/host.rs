//! What is expected of requests about no container.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{plain, text};
use crate::{
    check::Subject,
    engine::Engine,
    expectation::{Member, Text},
    request::Kind,
};

/// Loopback addresses of both families.
const LOOPBACK: &str = r"(?i)^([0:]*:(ffff:)?)?0*127\.|^[0:]*:ffff:7f[0-9a-f]{2}:|^[0:]*:0*1(/.*)?$";

/// What is no name of an interface, or the loopback's.
const NOT_OUTWARD: &str = "^lo$|^$|[^A-Za-z0-9_.-]|.{16}";

/// What requests must say, by kind. What is always denied is left out.
pub(super) fn read(engine: &mut Engine, pod: &Value) -> BTreeMap<Kind, Vec<Member>> {
    let mut requests = BTreeMap::new();
    for kind in Kind::ALL {
        if engine.rule(kind.name(), json!({})) == Ok(Value::Bool(true)) {
            requests.insert(*kind, Vec::new());
        }
    }
    let shared = text(pod, "shared_file");
    let outward = || unlike(NOT_OUTWARD, "an interface other than lo");
    let not_loopback = || unlike(LOOPBACK, "no loopback address");
    let network = |members: Vec<(&str, Text)>| of(Subject::Network, members);
    requests.insert(Kind::StartContainer, Vec::new());
    requests.insert(Kind::RemoveContainer, Vec::new());
    requests.insert(
        Kind::CreateSandbox,
        of(
            Subject::Pod,
            vec![
                ("guest_hook_path", Text::default()),
                ("kernel_modules", "[]".into()),
                ("sandbox_pidns", "false".into()),
                ("storages", Text::Is(pod.get("sandbox_storages").map(plain).unwrap_or_default())),
            ],
        ),
    );
    requests.insert(
        Kind::CopyFile,
        of(
            Subject::File,
            vec![
                ("file_type", Text::OneOf(["Regular", "Directory", "Symlink"].map(str::to_owned).into())),
                ("path", Text::Matches(format!("^{shared}[^/]+(/.*)?$"))),
                ("path", unlike(r"(^|/)\.\.(/|$)|\n", "one that does not lead back")),
                ("symlink_target", unlike(r"^/|(^|/)\.\.(/|$)", "one that does not lead out")),
            ],
        ),
    );
    requests.insert(
        Kind::UpdateInterface,
        network(vec![
            ("interface.name", outward()),
            ("interface.device", unlike("^lo$", "not lo")),
            ("interface.raw_flags", Text::OneOf(["0", "128"].map(str::to_owned).into())),
            ("interface.hwAddr", Text::Matches("^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$".to_owned())),
            ("interface.hwAddr", unlike("^(00:){5}00$", "not all zero")),
            ("interface.IPAddresses[].address", not_loopback()),
        ]),
    );
    requests.insert(
        Kind::UpdateRoutes,
        network(vec![
            ("routes.Routes[].device", outward()),
            ("routes.Routes[].source", not_loopback()),
            ("routes.Routes[].dest", not_loopback()),
            ("routes.Routes[].gateway", not_loopback()),
        ]),
    );
    requests.insert(
        Kind::AddArpNeighbors,
        network(vec![
            ("neighbors.ARPNeighbors[].device", outward()),
            ("neighbors.ARPNeighbors[].toIPAddress.mask", Text::default()),
            ("neighbors.ARPNeighbors[].toIPAddress.address", not_loopback()),
            ("neighbors.ARPNeighbors[].state", Text::OneOf(["2", "128"].map(str::to_owned).into())),
            (
                "neighbors.ARPNeighbors[].flags",
                Text::OneOf(["0", "8", "128", "136"].map(str::to_owned).into()),
            ),
        ]),
    );
    requests
}

fn of(subject: Subject, members: Vec<(&str, Text)>) -> Vec<Member> {
    let member =
        |(path, expected): (&str, Text)| Member { path: path.to_owned(), subject: subject.clone(), expected };
    members.into_iter().map(member).collect()
}

fn unlike(pattern: &str, words: &'static str) -> Text {
    Text::Unlike { pattern: pattern.to_owned(), words }
}
