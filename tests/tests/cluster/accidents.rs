//! What becomes of a deployment when its node is not well.

use std::time::{Duration, Instant};

use crate::shop::{Shop, text};

/// Longest wait, far beyond what anything takes.
const PATIENCE: Duration = Duration::from_secs(240);

impl Shop {
    /// Waits until `contrast status` ends with this code and says this.
    fn wait_for_status(&self, code: i32, words: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let output = self.try_contrast(&["status"]);
            let said = text(&output);
            if output.status.code() == Some(code) && said.contains(words) {
                return;
            }
            assert!(Instant::now() < end, "not {words}: {said}\n{}", self.cluster.report());
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

#[test]
fn a_deployment_whose_node_is_restarted_waits_for_a_recovery_and_goes_on_after_it() {
    let shop = Shop::running();
    shop.wait_for_status(0, "All is well.");
    shop.cluster.restart();
    shop.wait_for_status(3, "locked after a restart");
    shop.contrast(&["recover", "-c", "kubernetes"]);
    shop.wait_for_status(0, "All is well.");
    // Nothing of it is another one.
    let history = shop.contrast(&["history", "-c", "kubernetes"]);
    let history = String::from_utf8(history).unwrap();
    assert_eq!(history.matches("manifest set").count(), 1, "{history}");
    assert_eq!(history.matches("recovered").count(), 1, "{history}");
    shop.contrast(&["verify", "-c", "kubernetes"]);
}
