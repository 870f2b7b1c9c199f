//! Pods as network namespaces at a switch, each with initializer, sidecar and program: the shop as on a cluster.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use contrast_tests::{Coordinator, Network, Pod, PodNetwork, Sidecar, program};

use crate::{
    narration::{explain, quote, step},
    pods::{NEW_NAME, Pods},
    shop::{APPLICATION, SERVICES, Shop},
    spec::Spec,
};

/// The one pod whose certificate is not replaced while it runs.
const NOT_RENEWING: &str = "orders";
/// How a visitor asks for the page.
const PAGE: [&str; 3] = ["--cacert", "verify/mesh-ca.pem", "https://web/"];
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
            for (from, to) in &spec.redirects {
                network.redirect(*from, *to);
            }
            let mut pod = ShopPod { name, spec, containers: None, initializer: None, network };
            pod.start_initializer(shop, coordinator);
            self.pods.push(pod);
        }
        quote("initializer of web", &self.initializer("web").wait_for_log("contrast set"));
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
        quote("curl", &PAGE.join(" "));
        quote("web", &self.page(shop, &PAGE, |page| page.as_ref().is_ok_and(|page| orders(page) > Some(0))));
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-CAfile", "verify/mesh-ca.pem", "-verify_return_error"]);
        openssl.args(["-verify_hostname", "web", "-connect", "web:443"]);
        let said = self.outside(shop, &openssl).expect("web has a certificate of the mesh CA");
        let lines = said.lines().filter(|line| line.contains("Verif") || line.contains("Protocol"));
        quote(
            "openssl s_client -CAfile verify/mesh-ca.pem -connect web:443",
            &lines.collect::<Vec<_>>().join("\n"),
        );

        explain(
            "`stock` lets nobody in who is no pod of this deployment, neither in plain nor without a certificate:",
        );
        for arguments in [
            ["http://stock:8080/items"].as_slice(),
            &["--cacert", "verify/mesh-ca.pem", "https://stock:8080/items"],
        ] {
            let refused = self.curl(shop, arguments).expect_err("stock must not let it in");
            quote(&format!("curl {}", arguments.join(" ")), refused.trim());
        }
        let before = self.orders_after(shop, 0);
        let after = self.orders_after(shop, before);
        explain(&format!("Meanwhile `visitors` buy, through four sidecars: {before} orders, then {after}."));
    }

    fn follow_update(&mut self, shop: &Shop, coordinator: &Coordinator) {
        explain(
            "The shop runs on. Pods that were started with `--renew` get new certificates by themselves:",
        );
        shop.deployment.contrast(coordinator, "verify", &[]).success();
        let web = self.pod("web").network.v4;
        let (resolve, url) = (format!("{NEW_NAME}:443:{web}"), format!("https://{NEW_NAME}/"));
        self.renew(shop, coordinator, 1, &["--cacert", "verify/mesh-ca.pem", "--resolve", &resolve, &url]);
    }

    fn go_on_alone(&mut self, shop: &Shop) {
        let before = self.orders_after(shop, 0);
        let after = self.orders_after(shop, before);
        explain(&format!(
            "The shop does not need the Coordinator to go on: {before} orders, then {after}, while it is locked."
        ));
    }

    fn follow_recovery(&mut self, shop: &Shop, coordinator: &Coordinator) {
        explain("There is a new mesh CA again, and the shop still runs:");
        self.renew(shop, coordinator, 2, &PAGE);
    }
}

impl Namespaces {
    /// What pods do about another mesh CA, for the `time`th time; and a visitor who asks for the page.
    fn renew(&mut self, shop: &Shop, coordinator: &Coordinator, time: usize, curl: &[&str]) {
        for initializer in self.pods.iter().filter_map(|pod| pod.initializer.as_ref()) {
            initializer.wait_for_logs("replaced the certificate", time);
        }
        quote("initializer of web", &self.initializer("web").wait_for_log("replaced the certificate"));
        let is_closed = |page: &Result<String, String>| {
            page.as_ref().is_err_and(|trouble| trouble.starts_with("orders cannot be reached"))
        };
        let trouble = self.page(shop, curl, is_closed);
        quote(&format!("curl {}", curl.join(" ")), trouble.trim());
        explain(
            "`web` is known by the new mesh CA, and so is `stock`. `orders` was started without `--renew`: its peers refuse its old \
             certificate until it is restarted.",
        );
        self.pod(NOT_RENEWING).restart(shop, coordinator);
        let page = self.page(shop, curl, |page| page.as_ref().is_ok_and(|page| orders(page) > Some(0)));
        quote("web, after a restart of orders", page.lines().last().unwrap_or_default());
    }

    /// The shop's page as soon as it is as wanted, or the trouble.
    fn page(
        &self,
        shop: &Shop,
        curl: &[&str],
        is_wanted: impl Fn(&Result<String, String>) -> bool,
    ) -> String {
        let start = Instant::now();
        loop {
            let page = self.curl(shop, curl);
            if is_wanted(&page) {
                return page.unwrap_or_else(|trouble| trouble);
            }
            assert!(start.elapsed() < PATIENCE, "the shop does not become what it should; it says {page:?}");
            thread::sleep(PAUSE);
        }
    }

    /// How many orders there are, as soon as there are more than `count`.
    fn orders_after(&self, shop: &Shop, count: u64) -> u64 {
        let page = self.page(shop, &PAGE, |page| page.as_ref().is_ok_and(|page| orders(page) > Some(count)));
        orders(&page).unwrap_or_default()
    }

    /// `curl` outside of the pods.
    fn curl(&self, shop: &Shop, arguments: &[&str]) -> Result<String, String> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--max-time", "10"]).args(arguments);
        self.outside(shop, &curl)
    }

    /// A program outside of the pods that knows their names, in the workspace. What it says when it succeeds, and when it fails.
    fn outside(&self, shop: &Shop, command: &Command) -> Result<String, String> {
        let any = self.pods.first().expect("there are pods");
        let mut command = any.network.with_names(command);
        command.current_dir(&shop.deployment.workspace).stdin(Stdio::null());
        let output = command.output().expect("it is installed");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        if output.status.success() { Ok(said) } else { Err(said) }
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
            if self.name == NOT_RENEWING {
                Pod::start(coordinator.mesh_api, simulator, &policy, &tls_dir)
            } else {
                Pod::renewing(coordinator, simulator, &policy, &tls_dir, &[])
            }
        }));
    }

    fn wait_for_certificate(&mut self) {
        if self.name == NOT_RENEWING {
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

/// How many orders the shop's page shows.
fn orders(page: &str) -> Option<u64> {
    page.split_once(" orders so far")?.0.rsplit('>').next()?.parse().ok()
}
