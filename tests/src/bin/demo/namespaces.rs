//! Pods as network namespaces at a switch, each with initializer, sidecar and program: the shop as on a cluster.

use std::{
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use contrast_tests::{Coordinator, Network, Pod, PodNetwork, Sidecar, program};

use crate::{
    narration::{explain, quote, step},
    pods::{NEW_NAME, Pods},
    shop::{APPLICATION, NOT_RENEWING, SERVICES, Shop},
    spec::Spec,
};

/// The pod that visitors call, and its name.
const WEB: &str = "web";
/// Longest wait for the shop to be as it should.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(200);

/// All pods of the shop, at a switch.
pub(crate) struct Namespaces {
    network: Network,
    pods: Vec<ShopPod>,
}

/// A pod. What is in its network ends before it.
struct ShopPod {
    name: &'static str,
    spec: Spec,
    containers: Option<(Program, Sidecar)>,
    initializer: Option<Pod>,
    network: PodNetwork,
}

/// The program of a pod; killed when dropped.
struct Program(Child);

impl Namespaces {
    /// A switch.
    pub(crate) fn new() -> Self {
        Self { network: Network::new(), pods: Vec::new() }
    }
}

impl Pods for Namespaces {
    fn wait(&mut self, shop: &Shop, coordinator: &Coordinator) {
        step("Four pods that wait");
        explain(
            "Each service of the shop gets a network of its own, closed like that of a confidential VM. The Coordinator is up, but has no \
             manifest. Initializers ask for certificates and wait.",
        );
        for name in SERVICES {
            let spec = Spec::read(&shop.deployment.workspace.join(APPLICATION), name);
            let network = self.network.pod(name);
            self.pods.push(ShopPod { name, spec, containers: None, initializer: None, network });
        }
        self.lead_to_services();
        for pod in &mut self.pods {
            pod.start_initializer(shop, coordinator);
        }
        quote("initializer of web", &self.initializer(WEB).wait_for_log("contrast set"));
    }

    fn open(&mut self, shop: &Shop, coordinator: &Coordinator) {
        for pod in &mut self.pods {
            pod.wait_for_certificate();
        }
        explain("And without being started again, all pods have certificates, keys and secrets:");
        quote("files of web", &shop.files_of("web"));

        step("The shop opens");
        explain(
            "The programs speak plain HTTP. Annotations in deploy/shop.yml tell the sidecars (Envoy) what to make of it:",
        );
        for ShopPod { name, spec, .. } in &self.pods {
            let egress = if spec.egress.is_empty() { "nobody" } else { &spec.egress };
            quote(name, &format!("lets in: {}\nasks:    {egress}", spec.ingress));
        }
        for pod in &mut self.pods {
            pod.start_containers(shop);
        }
        explain("A visitor runs `contrast verify`, which writes the mesh CA, and trusts nothing but that:");
        shop.deployment.contrast(coordinator, "verify", &[]).success();
        let bought = |page: &Result<String, String>| page.as_ref().is_ok_and(|page| orders(page) > Some(0));
        quote(&self.visit(WEB), &self.page(shop, WEB, bought));
        let address = self.address(WEB);
        let s_client = format!(
            "openssl s_client -CAfile verify/mesh-ca.pem -verify_return_error -verify_hostname {WEB} -connect {address}:443"
        );
        let said = outside(shop, &s_client).expect("openssl accepts its certificate");
        let lines = said.lines().filter(|line| line.starts_with("Verif") || line.starts_with("New,"));
        quote(&s_client, &lines.collect::<Vec<_>>().join("\n"));

        explain(
            "`stock` lets in only pods of this deployment: nobody in plain, and nobody without their certificate.",
        );
        let address = self.address("stock");
        for scheme in ["http", "--insecure https"] {
            let curl = format!("curl {scheme}://{address}:8080/items");
            let refused = outside(shop, &curl).expect_err("stock must not answer");
            quote(&curl, refused.trim());
        }
        let before = self.orders_after(shop, 0);
        let after = self.orders_after(shop, before);
        explain(&format!(
            "Meanwhile `visitors` buy, through the sidecars of three pods: {before} orders, then {after}."
        ));
    }

    fn follow_update(&mut self, shop: &Shop, coordinator: &Coordinator) {
        explain(
            "The shop runs on. Pods whose annotations ask for renewal get new certificates by themselves:",
        );
        quote("initializer of web", &self.initializer(WEB).wait_for_log("replaced the certificate"));
        shop.deployment.contrast(coordinator, "verify", &[]).success();
        self.renew(shop, coordinator, 1, NEW_NAME);
    }

    fn go_on_alone(&mut self, shop: &Shop) {
        let before = self.orders_after(shop, 0);
        let after = self.orders_after(shop, before);
        explain(&format!(
            "The shop does not need the Coordinator to go on: {before} orders, then {after}, while it is locked."
        ));
    }

    fn follow_recovery(&mut self, shop: &Shop, coordinator: &Coordinator) {
        explain(
            "There is a new mesh CA again, and the shop still runs. Pods that renew have followed by themselves:",
        );
        self.renew(shop, coordinator, 2, WEB);
    }
}

impl Namespaces {
    /// Makes the ports of Services lead to those of their pods, in all pods and outside.
    fn lead_to_services(&self) {
        for ShopPod { spec, network: service, .. } in &self.pods {
            for &(from, to) in &spec.redirects {
                service.redirect(from, to);
                self.pods.iter().for_each(|pod| pod.network.enter(|| service.redirect(from, to)));
            }
        }
    }

    /// What pods do about another mesh CA, for the `time`th time; and what a visitor sees who calls `web` by this name.
    fn renew(&mut self, shop: &Shop, coordinator: &Coordinator, time: usize, name: &str) {
        for initializer in self.pods.iter().filter_map(|pod| pod.initializer.as_ref()) {
            initializer.wait_for_logs("replaced the certificate", time);
        }
        let is_closed = |page: &Result<String, String>| {
            page.as_ref().is_err_and(|trouble| trouble.starts_with("orders cannot be reached"))
        };
        let trouble = self.page(shop, name, is_closed);
        quote(&self.visit(name), trouble.trim());
        explain(
            "`web` and `stock` have certificates of the new mesh CA. The demo took the annotation from `orders`: its peers refuse its \
             old certificate until it is restarted.",
        );
        self.pod(NOT_RENEWING).restart(shop, coordinator);
        let page = self.page(shop, name, |page| page.as_ref().is_ok_and(|page| orders(page) > Some(0)));
        quote("web, after a restart of orders", page.lines().last().unwrap_or_default());
    }

    /// The shop's page as soon as it is as wanted, or the trouble, for a visitor who calls `web` by this name.
    fn page(&self, shop: &Shop, name: &str, is_wanted: impl Fn(&Result<String, String>) -> bool) -> String {
        let start = Instant::now();
        loop {
            let page = outside(shop, &self.visit(name));
            if is_wanted(&page) {
                return page.unwrap_or_else(|trouble| trouble);
            }
            assert!(start.elapsed() < PATIENCE, "the shop does not become what it should; it says {page:?}");
            thread::sleep(PAUSE);
        }
    }

    /// How many orders there are, as soon as there are more than `count`.
    fn orders_after(&self, shop: &Shop, count: u64) -> u64 {
        let page = self.page(shop, WEB, |page| page.as_ref().is_ok_and(|page| orders(page) > Some(count)));
        orders(&page).unwrap_or_default()
    }

    /// How a visitor asks for the page who calls `web` by this name.
    fn visit(&self, name: &str) -> String {
        let address = self.address(WEB);
        format!("curl --cacert verify/mesh-ca.pem --resolve {name}:443:{address} https://{name}/")
    }

    fn address(&self, name: &str) -> Ipv4Addr {
        let pod = self.pods.iter().find(|pod| pod.name == name);
        pod.expect("it is a service of the shop").network.v4
    }

    fn initializer(&self, name: &str) -> &Pod {
        let pod = self.pods.iter().find(|pod| pod.name == name);
        pod.and_then(|pod| pod.initializer.as_ref()).expect("it stays")
    }

    fn pod(&mut self, name: &str) -> &mut ShopPod {
        self.pods.iter_mut().find(|pod| pod.name == name).expect("it is a service of the shop")
    }
}

impl ShopPod {
    fn start_initializer(&mut self, shop: &Shop, coordinator: &Coordinator) {
        let deployment = &shop.deployment;
        let (simulator, policy, tls_dir) =
            (&deployment.simulator, deployment.policy_file(self.name), shop.tls_dir(self.name));
        self.initializer = Some(self.network.enter(|| {
            if self.spec.renews {
                Pod::renewing(coordinator, simulator, &policy, &tls_dir, &[])
            } else {
                Pod::start(coordinator.mesh_api, simulator, &policy, &tls_dir)
            }
        }));
    }

    fn wait_for_certificate(&mut self) {
        if !self.spec.renews {
            self.initializer.take().expect("it was started").finish();
        } else if let Some(initializer) = &self.initializer {
            initializer.wait_for_log("wrote certificates");
        }
    }

    fn start_containers(&mut self, shop: &Shop) {
        let Spec { ingress, egress, args, env, .. } = &self.spec;
        let sidecar = Sidecar::start(&self.network, &shop.tls_dir(self.name), ingress, egress, "").wait();
        let mut command = program("shop");
        command.args(args).envs(env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let program = Program(self.network.enter(|| command.spawn().expect("the shop's program is built")));
        self.containers = Some((program, sidecar));
    }

    /// Everything in it starts anew; what its program knew was in memory.
    fn restart(&mut self, shop: &Shop, coordinator: &Coordinator) {
        self.containers = None;
        self.start_initializer(shop, coordinator);
        self.wait_for_certificate();
        self.start_containers(shop);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command line outside of the pods, in the workspace. What it says if it succeeds, or if it fails.
fn outside(shop: &Shop, line: &str) -> Result<String, String> {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    if line.starts_with("curl ") {
        // It says nothing but the answer, or what is wrong.
        command.args(["--silent", "--show-error", "--fail-with-body", "--max-time", "10"]);
    }
    command.args(words).current_dir(&shop.deployment.workspace).stdin(Stdio::null());
    let output = command.output().expect("it is installed");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// How many orders the shop's page shows.
fn orders(page: &str) -> Option<u64> {
    page.split_once(" orders so far")?.0.rsplit('>').next()?.parse().ok()
}
