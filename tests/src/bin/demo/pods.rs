//! What the pods of the shop do, wherever they run.

use contrast_tests::Coordinator;

use crate::shop::Shop;

/// The name that the manifest's update gives to `web`.
pub(crate) const NEW_NAME: &str = "shop.example";

/// The pods of the shop.
pub(crate) trait Pods {
    /// A pod starts before there is a manifest.
    fn wait(&mut self, shop: &Shop, coordinator: &Coordinator);
    /// There is one: pods have their certificates, and talk.
    fn open(&mut self, shop: &Shop, coordinator: &Coordinator);
    /// There is another one, and another mesh CA.
    fn follow_update(&mut self, shop: &Shop, coordinator: &Coordinator);
    /// The Coordinator is locked.
    fn go_on_alone(&mut self, shop: &Shop);
    /// It is recovered, and has another mesh CA.
    fn follow_recovery(&mut self, shop: &Shop, coordinator: &Coordinator);
}
