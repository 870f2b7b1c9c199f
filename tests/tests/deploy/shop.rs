//! The example application as processes on this machine, started as its YAML says, but for addresses. There is no mesh.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use contrast_tests::{Ops, program};
use rustix::process::{Pid, Signal, kill_process};

use crate::plain;

/// One of the services; killed when dropped.
struct Service {
    process: Child,
    /// Where it serves; `visitors` do not.
    address: Option<SocketAddr>,
    health: Ops,
}

impl Service {
    /// Starts the container of this Deployment. `peers`: where the services are that its variables name.
    fn start(name: &str, peers: &[(&str, &Self)]) -> Self {
        let shop = plain("shop.yml");
        let is_it =
            |value: &&serde_json::Value| value["kind"] == "Deployment" && value["metadata"]["name"] == name;
        let container = &shop.iter().find(is_it).unwrap()["spec"]["template"]["spec"]["containers"][0];
        let mut command = program("shop");
        for argument in container["args"].as_array().unwrap() {
            command.arg(argument.as_str().unwrap());
        }
        let peers: BTreeMap<_, _> =
            peers.iter().map(|(variable, peer)| (*variable, peer.address.unwrap())).collect();
        for variable in container["env"].as_array().into_iter().flatten() {
            let name = variable["name"].as_str().unwrap();
            command.env(name, peers[name].to_string());
        }
        command.env("SHOP_LISTEN", "127.0.0.1:0").env("SHOP_HEALTH", "127.0.0.1:0").env("SHOP_PAUSE", "10");
        let mut process =
            command.env("NO_COLOR", "1").stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = log.find(|line| line.contains("health=")).unwrap();
        std::thread::spawn(move || log.for_each(drop));
        let field = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name)?.parse().ok());
        Self { process, address: field("address="), health: Ops(field("health=").unwrap()) }
    }

    fn page(&self) -> (u16, String) {
        Ops(self.address.unwrap()).get("/")
    }

    /// Ends it as Kubernetes does.
    fn stop(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        self.process.wait().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until a page says something.
fn wait_for(web: &Service, wanted: impl Fn(u16, &str) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (status, page) = web.page();
        if wanted(status, &page) {
            return;
        }
        assert!(Instant::now() < deadline, "{status}: {page}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_four_services_work_together_bear_the_loss_of_one_and_end_when_they_are_told() {
    let (stock, orders) = (Service::start("stock", &[]), Service::start("orders", &[]));
    let web = Service::start("web", &[("SHOP_STOCK", &stock), ("SHOP_ORDERS", &orders)]);
    let visitors = Service::start("visitors", &[("SHOP_WEB", &web)]);
    for service in [&stock, &orders, &web, &visitors] {
        assert_eq!(service.health.get("/healthz").0, 200);
    }
    wait_for(&web, |status, page| status == 200 && !page.contains("<p>0 orders"));

    assert!(orders.stop().success());
    wait_for(&web, |status, page| status == 502 && page.contains("orders cannot be reached"));
    for service in [&stock, &web, &visitors] {
        assert_eq!(service.health.get("/healthz").0, 200);
    }
    for service in [visitors, web, stock] {
        assert!(service.stop().success());
    }
}
