//! How the demo speaks.

use std::sync::atomic::{AtomicUsize, Ordering};

use contrast_tests::narration::{bold, wrapped};

use crate::shop::Shop;

/// Begins a numbered step.
pub(crate) fn step(title: &str) {
    static STEPS: AtomicUsize = AtomicUsize::new(0);
    let number = STEPS.fetch_add(1, Ordering::Relaxed) + 1;
    println!("\n{}", bold(&format!("{number}. {title}")));
}

/// Says something in a paragraph.
pub(crate) fn explain(text: &str) {
    wrapped(text).iter().for_each(|line| println!("   {line}"));
}

/// Shows what a program said.
pub(crate) fn quote(program: &str, text: &str) {
    println!("   {}", bold(&format!("[{program}]")));
    for line in text.lines() {
        println!("   | {line}");
    }
}

/// Says how to go on with what the demo left behind.
pub(crate) fn next_commands(shop: &Shop) {
    let programs = shop.programs.display();
    let root = shop.directory.display();
    println!("\n{}", bold("All of this held. What to try next"));
    explain("The folder of the demo is left for you. In one terminal, start the Coordinator again:");
    println!(
        "\n     cd {root}/workspace\n     export CONTRAST_SIMULATOR_DIR={root}/simulator \
         CONTRAST_SIMULATOR_POLICY={root}/coordinator.rego\n     {programs}/coordinator --state-dir {root}/state \
         --attester simulated \\\n       --user-api-addr 127.0.0.1:1313 --mesh-api-addr 127.0.0.1:7777 --ops-addr 127.0.0.1:9102\n"
    );
    explain("In another, be the owner and then the auditor:");
    println!(
        "\n     cd {root}/workspace\n     {programs}/contrast recover --coordinator 127.0.0.1:1313\n     \
         {programs}/contrast verify  --coordinator 127.0.0.1:1313\n     \
         {programs}/contrast history --coordinator 127.0.0.1:1313\n     \
         curl http://127.0.0.1:9102/probe/readiness\n"
    );
    explain("docs/demo.md has more to try. `cargo xtask demo` starts afresh.");
}
