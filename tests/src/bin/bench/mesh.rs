//! What the service mesh adds to the conversations of two pods, against Envoys that somebody configured by hand, and against no proxy.
//!
//! Pods are network namespaces, as in the tests. One process, this one, is the client and the application of all of them.

use std::{
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use contrast_service_mesh::{default_deny, rules};
use contrast_tests::{
    Deployment, Network, PodNetwork, Sidecar, again_in_own_namespaces,
    application::{self, Client},
};

use crate::{
    append::timed,
    table::{Bound, Row, median},
};

/// The three ways take turns, in another order each time, so that they meet the same machine.
const ROUNDS: usize = 31;
const PERIOD: Duration = Duration::from_millis(100);
/// Those who talk.
const TALKERS: Crowd = Crowd { size: 16, most: u32::MAX };
/// Those who come anew all the time. A client has 28,000 ports, and each rests for a minute after its use.
const NEWCOMERS: Crowd = Crowd { size: 4, most: 40 };
/// Bytes of a path, which its answer repeats.
const BYTES: usize = 960;
/// The port of the application.
const APPLICATION: u16 = 8080;
/// Where the client's proxy takes connections to the application.
const EGRESS: (&str, u16) = ("127.20.0.1", 9000);

/// The rows, which this program measures in namespaces of its own.
pub(crate) fn rows() -> Vec<Row> {
    let measured = again_in_own_namespaces(&[]).stderr(Stdio::inherit()).output();
    let measured = measured.expect("unshare is installed");
    assert!(
        measured.status.success(),
        "the service mesh cannot be measured; its pods are namespaces, which take root, or a kernel that allows user namespaces"
    );
    serde_json::from_slice(&measured.stdout).expect("it prints rows")
}

/// Measures in the namespaces of this process, and prints the rows for [`rows`].
pub(crate) fn measure() -> ExitCode {
    let mut network = Network::new();
    let deployment = Deployment::new();
    let tls_dir = certificates(&deployment);
    let ways = [
        Way::without_proxy(&mut network),
        Way::through_plain_envoys(&mut network, &tls_dir),
        Way::through_the_mesh(&mut network, &tls_dir),
    ];
    let rounds: Vec<_> = (0..ROUNDS).map(|number| round(number, &ways)).collect();
    println!("{}", serde_json::to_string(&compared(&rounds)).expect("rows have a JSON form"));
    ExitCode::SUCCESS
}

/// What an initializer wrote for a pod. All pods have the same: it makes no difference here.
fn certificates(deployment: &Deployment) -> PathBuf {
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let pod = deployment.pod(&coordinator, "web");
    let tls_dir = pod.tls_dir.clone();
    pod.finish();
    tls_dir
}

/// How one pod reaches the application of another.
struct Way {
    client: PodNetwork,
    /// Where the client connects.
    to: (String, u16),
    /// In both pods.
    proxies: Vec<Sidecar>,
    _server: PodNetwork,
}

impl Way {
    fn without_proxy(network: &mut Network) -> Self {
        let [client, server] = pods(network, "none");
        server.enter(|| default_deny::remove().expect("we are root here"));
        let to = (server.v4.to_string(), APPLICATION);
        Self { client, to, proxies: Vec::new(), _server: server }
    }

    /// The packet filter leads to these as it does to the mesh's.
    fn through_plain_envoys(network: &mut Network, tls_dir: &Path) -> Self {
        let [client, server] = pods(network, "plain");
        let config = include_str!("plain-envoy.yaml")
            .replace("TLS_DIR", &tls_dir.display().to_string())
            .replace("PEER", &server.v4.to_string());
        let start = |pod: &PodNetwork| {
            pod.enter(|| {
                rules::set(&[]).expect("we are root here");
                default_deny::remove().expect("we are root here");
            });
            Sidecar::start_envoy(pod, &config).wait()
        };
        let proxies = vec![start(&client), start(&server)];
        Self { client, to: egress(), proxies, _server: server }
    }

    fn through_the_mesh(network: &mut Network, tls_dir: &Path) -> Self {
        let [client, server] = pods(network, "mesh");
        let (listen, port) = EGRESS;
        let peer = format!("peer#{listen}:{port}#{}:{APPLICATION}", server.v4);
        let start = |pod: &PodNetwork, egress: &str| Sidecar::start(pod, tls_dir, "", egress, "").wait();
        let proxies = vec![start(&client, &peer), start(&server, "")];
        Self { client, to: egress(), proxies, _server: server }
    }

    /// From where this thread is, with one request, after which everything is set up.
    fn connect(&self) -> Client {
        let (host, port) = &self.to;
        let mut client = Client::connect_from_here(host, *port).expect("the way leads somewhere");
        ask(&mut client);
        client
    }

    /// Processor time of both proxies so far.
    fn processor_seconds(&self) -> f64 {
        self.proxies.iter().map(Sidecar::processor_seconds).sum()
    }

    fn converse_in_a_crowd(&self, figures: &mut Figures) {
        figures.requests = self.in_a_crowd(TALKERS, || self.connect(), ask);
    }

    fn come_anew(&self, figures: &mut Figures) {
        figures.connections = self.in_a_crowd(NEWCOMERS, || (), |()| drop(self.connect()));
    }

    /// What many do at a time, again and again, after they are prepared.
    fn in_a_crowd<T: Send>(
        &self,
        Crowd { size, most }: Crowd,
        prepare: impl Fn() -> T + Sync,
        work: impl Fn(&mut T) + Sync,
    ) -> Throughput {
        let ready = Barrier::new(size + 1);
        let one = || {
            let mut prepared = prepare();
            // All are prepared, and the clock runs.
            ready.wait();
            ready.wait();
            let (begin, mut times) = (Instant::now(), 0_u32);
            while begin.elapsed() < PERIOD && times < most {
                work(&mut prepared);
                times += 1;
            }
            (times, prepared)
        };
        let crowd = || {
            thread::scope(|scope| {
                let crowd: Vec<_> = (0..size).map(|_| scope.spawn(one)).collect();
                ready.wait();
                let (begin, before) = (Instant::now(), self.processor_seconds());
                ready.wait();
                let ended: Vec<_> = crowd.into_iter().map(|one| one.join().expect("no one panics")).collect();
                let times = f64::from(ended.iter().map(|(times, _)| times).sum::<u32>());
                Throughput {
                    cost: (self.processor_seconds() - before) / times,
                    per_second: times / begin.elapsed().as_secs_f64(),
                }
            })
        };
        self.client.enter(crowd)
    }
}

/// How many do something at a time, and how often each of them at most.
struct Crowd {
    size: usize,
    most: u32,
}

fn egress() -> (String, u16) {
    (EGRESS.0.to_owned(), EGRESS.1)
}

/// A client and a server with an application.
fn pods(network: &mut Network, way: &str) -> [PodNetwork; 2] {
    let pods = ["client", "server"].map(|side| network.pod(&format!("{way}-{side}")));
    let [_, server] = &pods;
    application::serve_in(server, APPLICATION);
    pods
}

fn ask(client: &mut Client) {
    const PATH: [u8; BYTES] = [b'x'; BYTES];
    let path = str::from_utf8(&PATH).expect("it is ASCII");
    client.get(path).expect("the application answers");
}

/// What was measured of a way in one round.
#[derive(Clone, Copy, Default)]
struct Figures {
    /// Seconds that half of the requests take at most, one after the other on one connection.
    p50: f64,
    /// Requests on many connections.
    requests: Throughput,
    /// New connections, each with one request.
    connections: Throughput,
}

#[derive(Clone, Copy, Default)]
struct Throughput {
    per_second: f64,
    /// Seconds of processor time of both proxies.
    cost: f64,
}

/// Of no proxy, of plain Envoys, and of the mesh.
type Round = [Figures; 3];

fn round(number: usize, ways: &[Way; 3]) -> Round {
    let mut round = Round::default();
    let mut turns: Vec<_> = ways.iter().zip(&mut round).collect();
    turns.rotate_left(number % ways.len());
    if number % 2 == 1 {
        turns.reverse();
    }
    converse_alone(&mut turns);
    for measure in [Way::converse_in_a_crowd, Way::come_anew] {
        turns.iter_mut().for_each(|(way, figures)| measure(way, figures));
    }
    round
}

/// One connection each, a few requests of each in turn: whatever else the machine does hits all of them.
fn converse_alone(turns: &mut [(&Way, &mut Figures)]) {
    let connect = |way: &Way| (way.client.enter(|| way.connect()), Vec::new());
    let mut clients: Vec<_> = turns.iter().map(|(way, _)| connect(way)).collect();
    let begin = Instant::now();
    while begin.elapsed() < 3 * PERIOD {
        for (client, times) in &mut clients {
            times.extend((0..10).map(|_| timed(|| ask(client))));
        }
    }
    for ((_, figures), (_, times)) in turns.iter_mut().zip(clients) {
        figures.p50 = median(times);
    }
}

fn compared(rounds: &[Round]) -> Vec<Row> {
    let middle = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let row = |what: &str, cost: fn(&Figures) -> f64, rate: Option<fn(&Figures) -> f64>| {
        let of = |way: fn(&Round) -> &Figures| {
            let cost = middle(&|round| cost(way(round)));
            // No proxy takes no processor time.
            let cost = (cost > 0.0).then(|| format!("{:.0} µs", cost * 1e6));
            let rate = rate.map(|rate| format!("{:.0} per second", middle(&|round| rate(way(round)))));
            cost.into_iter().chain(rate).collect::<Vec<_>>().join(", ")
        };
        let (none, plain, ours) =
            (of(|[none, _, _]| none), of(|[_, plain, _]| plain), of(|[_, _, ours]| ours));
        Row {
            what: what.to_owned(),
            measured: ours,
            against: format!("plain Envoys: {plain}; no proxy: {none}"),
            // Of the same seconds, because the machine is not equally fast in all of them.
            value: middle(&|[_, plain, ours]| cost(ours) / cost(plain)),
            bound: Bound::Times(1.1),
        }
    };
    vec![
        row("a request of 1 KB through both proxies of the mesh, p50", |of| of.p50, None),
        row(
            "processor time of both proxies of the mesh for a request, 16 connections",
            |of| of.requests.cost,
            Some(|of| of.requests.per_second),
        ),
        row(
            "processor time of both proxies of the mesh for a new connection and a request",
            |of| of.connections.cost,
            Some(|of| of.connections.per_second),
        ),
    ]
}
