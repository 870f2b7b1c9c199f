//! Pods of which nothing runs but their initializers, on 127.0.0.1: for machines that allow no networks of pods.

use contrast_tests::{Coordinator, Pod, mutual_tls};

use crate::{
    narration::{explain, quote, step},
    pods::Pods,
    shop::Shop,
};

/// The pod that waits.
pub(crate) struct Processes {
    web: Option<Pod>,
}

impl Processes {
    pub(crate) fn new() -> Self {
        Self { web: None }
    }
}

impl Pods for Processes {
    fn wait(&mut self, shop: &Shop, coordinator: &Coordinator) {
        step("A pod that waits");
        explain(
            "The Coordinator is up, but has no manifest. The initializer of `web` asks for its certificate and waits.",
        );
        let web = shop.deployment.pod(coordinator, "web");
        quote("initializer of web", &web.wait_for_log("contrast set"));
        self.web = Some(web);
    }

    fn open(&mut self, shop: &Shop, coordinator: &Coordinator) {
        let pod = self.web.take().expect("it waits").finish();
        assert!(pod.log.contains("contrast set"), "it waited for the manifest");
        explain("And without being started again, `web` has its certificate, key and secret:");
        quote("files of web", &shop.files_of("web"));

        step("Two pods talk mutual TLS");
        shop.deployment.pod(coordinator, "stock").finish();
        explain(
            "`web` connects to `stock`; openssl is at both ends and checks the other's certificate against the mesh CA.",
        );
        let talk = mutual_tls(&shop.tls_dir("stock"), &shop.tls_dir("web"), "mesh-ca.pem");
        assert!(talk.verified, "server:\n{}\nclient:\n{}", talk.server, talk.client);
        let lines = talk.client.lines().filter(|line| line.contains("verify") || line.contains("Verif"));
        quote("openssl s_client", &lines.collect::<Vec<_>>().join("\n"));
    }

    fn follow_update(&mut self, shop: &Shop, coordinator: &Coordinator) {
        explain("Pods get new certificates when they restart:");
        shop.deployment.pod(coordinator, "web").finish();
        let old_and_new = mutual_tls(&shop.tls_dir("stock"), &shop.tls_dir("web"), "mesh-ca.pem");
        assert!(!old_and_new.verified, "certificates of two generations must not meet on the mesh CA");
        let through_root =
            mutual_tls(&shop.tls_dir("stock"), &shop.tls_dir("web"), "coordinator-root-ca.pem");
        assert!(through_root.verified, "server:\n{}\nclient:\n{}", through_root.server, through_root.client);
        explain(
            "`stock`, not restarted, is refused by those who trust the current mesh CA, and accepted by those who trust the root CA.",
        );
    }

    fn go_on_alone(&mut self, _: &Shop) {}

    fn follow_recovery(&mut self, _: &Shop, _: &Coordinator) {}
}
