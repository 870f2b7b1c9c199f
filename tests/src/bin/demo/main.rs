//! The whole life of a deployment on this machine, narrated: `cargo xtask demo`.
//!
//! Every step runs the real programs and checks what it claims; the first one that does not hold ends
//! the demo with a failure.
#![expect(clippy::expect_used, reason = "a step that fails must end the demo, with its reason")]

mod namespaces;
mod narration;
mod place;
mod pods;
mod processes;
mod shop;
mod spec;

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use contrast_attestation::atls::Identity;
use contrast_tests::{Answer, Client, Coordinator, Network, policy_digest, workspace_root};
use namespaces::Namespaces;
use narration::{explain, quote, step};
use place::Place;
use pods::{NEW_NAME, Pods};
use processes::Processes;
use shop::{APPLICATION, GENERATE, Shop};

fn main() -> ExitCode {
    match place::here() {
        Some(place) => {
            tell(&place);
            ExitCode::SUCCESS
        }
        None => place::go().unwrap_or_else(|cause| {
            eprintln!("Error: the demo cannot be started: {cause}");
            ExitCode::FAILURE
        }),
    }
}

fn tell(place: &Place) {
    let directory = directory();
    if let Place::Machine { obstacle } = place {
        explain(&format!(
            "This machine allows no networks of pods ({obstacle}), so the shop's programs and the service mesh stay out of this, and \
             initializers run on 127.0.0.1."
        ));
    }
    let shop = prepare(&directory);
    let (address, mut pods): (Ipv4Addr, Box<dyn Pods>) = match place {
        Place::Namespaces => (Network::HOST, Box::new(Namespaces::new())),
        Place::Machine { .. } => (Ipv4Addr::LOCALHOST, Box::new(Processes::new())),
    };
    let coordinator = first_set(&shop, address, &mut *pods);
    update(&shop, &coordinator, &mut *pods);
    outsider(&shop, &coordinator);
    let before = verify_and_read(&shop, &coordinator);
    let coordinator = restart(&shop, coordinator, &mut *pods);
    recover(&shop, &coordinator, &before, &mut *pods);
    drop(pods);
    audit(&shop, coordinator);
    narration::next_commands(&shop);
}

/// `--dir DIR`, or `demo-workspace` in the project. Only a folder of an earlier demo is replaced.
fn directory() -> PathBuf {
    const MARK: &str = ".contrast-demo";
    let args: Vec<String> = std::env::args().skip(1).collect();
    let directory = match args.as_slice() {
        [] => workspace_root().join("demo-workspace"),
        [option, directory] if option == "--dir" => PathBuf::from(directory),
        _ => {
            eprintln!("Error: the demo takes no arguments but --dir DIR");
            std::process::exit(2);
        }
    };
    if directory.exists() && !directory.join(MARK).exists() {
        eprintln!(
            "Error: {} exists and is not the folder of an earlier demo.\nChoose another with --dir DIR, or remove it.",
            directory.display()
        );
        std::process::exit(1);
    }
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("the folder of the demo can be made");
    fs::write(directory.join(MARK), "made by `cargo xtask demo`, which replaces it\n")
        .expect("it can be written");
    directory.canonicalize().expect("it was just made")
}

fn prepare(directory: &Path) -> Shop {
    step("Simulated hardware");
    explain(
        "This machine gets a software secure processor: it signs reports in the layout of AMD SEV-SNP, under keys \
         of its own. The same code appraises it as real hardware, but nothing here is confidential.",
    );
    let shop = Shop::set_up(directory);
    quote(
        "contrast simulator init",
        &serde_json::to_string_pretty(&shop.deployment.reference_values).unwrap_or_default(),
    );
    step("`generate`");
    explain(
        "The shop is plain Kubernetes YAML (deploy/shop.yml, deploy/coordinator.yml). `generate` puts the Initializer, a sidecar and a policy \
         into each pod, makes the owners' keys, and writes the manifest: the policies, these reference values and the public keys. It finds \
         the images in an OCI layout on disk.",
    );
    let Answer { stdout, stderr, .. } = &shop.generated;
    quote(&format!("contrast {}", GENERATE.join(" ")), &format!("{}\n{}", stderr.trim(), stdout.trim()));
    let explain_web = ["policy", "explain", "--workload", "Deployment/web", APPLICATION];
    let explained = shop.contrast(&explain_web).stdout;
    let start: Vec<&str> = explained.lines().take(12).collect();
    quote(&format!("contrast {} (its beginning)", explain_web.join(" ")), &start.join("\n"));
    shop
}

fn first_set(shop: &Shop, address: Ipv4Addr, pods: &mut dyn Pods) -> Coordinator {
    let owner = hex::decode(shop.deployment.workload_owner("")).expect("it is hexadecimal");
    let mut command = shop.coordinator_command(address);
    command.env("CONTRAST_INITIAL_OWNERS", shop.initial_owners());
    let coordinator = Coordinator::start(command);
    pods.wait(shop, &coordinator);

    step("The first `set`");
    explain("It was started for one owner (CONTRAST_INITIAL_OWNERS). A stranger who comes first is refused:");
    let stranger = Client::connect(coordinator.user_api, Identity::Fresh).set(shop.deployment.set_request());
    let refused = stranger.expect_err("a stranger must not be first").message().to_owned();
    assert!(refused.contains(&policy_digest(&owner)), "it says whose turn it is: {refused}");
    quote("Coordinator to the stranger", &refused);
    let set = shop.deployment.contrast(&coordinator, "set", &[]).success();
    assert!(set.stderr.contains("SIMULATED"), "every command has to say that this is a simulation");
    quote("contrast set", &format!("{}\n{}", set.stderr.trim(), set.stdout.trim()));
    pods.open(shop, &coordinator);
    coordinator
}

fn update(shop: &Shop, coordinator: &Coordinator, pods: &mut dyn Pods) {
    step("A manifest update");
    explain(
        "The owner gives `web` one more name and sets the manifest again, on top of the history that they know.",
    );
    let mesh_ca = shop.read("mesh-ca.pem");
    let root_ca = shop.read("coordinator-root-ca.pem");
    shop.add_name("web", NEW_NAME);
    let set = shop.deployment.contrast(coordinator, "set", &["--atomic"]).success();
    quote("contrast set --atomic", set.stdout.trim());
    assert_ne!(mesh_ca, shop.read("mesh-ca.pem"), "an update starts a new CA generation");
    assert_eq!(root_ca, shop.read("coordinator-root-ca.pem"), "the root CA stays for life");
    explain("There is a new mesh CA now; the root CA is still the same, byte for byte.");
    pods.follow_update(shop, coordinator);
}

fn outsider(shop: &Shop, coordinator: &Coordinator) {
    step("An outsider is refused");
    explain("A pod on another processor, under a policy that nobody listed, asks for a certificate.");
    let refused = shop.outsider(coordinator);
    quote("initializer of the outsider", &refused);
    for field in ["HOST_DATA", "ARK"] {
        assert!(refused.contains(field), "the refusal must name every mismatch, {field} among them");
    }
}

/// What `verify` and `history` say; the part that must be the same after a recovery.
struct Account {
    manifests: Vec<Vec<u8>>,
    history: Vec<String>,
}

fn verify_and_read(shop: &Shop, coordinator: &Coordinator) -> Account {
    step("`verify` and `history`");
    let verify = shop.deployment.contrast(coordinator, "verify", &[]).success();
    quote("contrast verify", verify.stdout.trim());
    let history = shop.deployment.contrast(coordinator, "history", &[]).success();
    quote("contrast history", history.stdout.trim());
    account(shop, coordinator)
}

fn account(shop: &Shop, coordinator: &Coordinator) -> Account {
    let lines = shop.deployment.contrast(coordinator, "history", &["--output", "json"]).success().stdout;
    let manifest =
        |index: usize| fs::read(shop.deployment.workspace.join(format!("verify/manifest.{index}.json"))).ok();
    Account {
        manifests: (0..).map_while(manifest).collect(),
        history: lines.lines().map(str::to_owned).collect(),
    }
}

fn restart(shop: &Shop, coordinator: Coordinator, pods: &mut dyn Pods) -> Coordinator {
    step("A restart");
    explain(
        "The Coordinator is killed (SIGKILL) and started again. Its log is sealed under a seed that it no longer has.",
    );
    let coordinator = shop.deployment.start_in_place_of(coordinator);
    let refused = shop.deployment.contrast(&coordinator, "verify", &[]).failure();
    assert!(refused.contains("contrast recover"), "a locked Coordinator says what to do: {refused}");
    quote("contrast verify", refused.trim());
    pods.go_on_alone(shop);
    coordinator
}

fn recover(shop: &Shop, coordinator: &Coordinator, before: &Account, pods: &mut dyn Pods) {
    step("`recover`");
    let recover = shop.deployment.contrast(coordinator, "recover", &[]).success();
    quote("contrast recover", recover.stdout.trim());
    shop.deployment.contrast(coordinator, "verify", &[]).success();
    let after = account(shop, coordinator);
    assert_eq!(before.manifests, after.manifests, "recovery must not change a manifest");
    let (same, new) = after.history.split_at(before.history.len());
    assert_eq!(before.history, same, "recovery must not change the history");
    assert_eq!(new.len(), 2, "recovery adds itself and a CA generation");
    explain(&format!(
        "`verify` and `history` agree: all {} manifests and {} events are as before, and two events were added:",
        after.manifests.len(),
        before.history.len()
    ));
    let table = shop.deployment.contrast(coordinator, "history", &[]).success().stdout;
    let lines: Vec<&str> = table.lines().collect();
    quote("contrast history", &lines.split_at(lines.len() - new.len()).1.join("\n"));
    pods.follow_recovery(shop, coordinator);
}

fn audit(shop: &Shop, coordinator: Coordinator) {
    step("An audit without the Coordinator");
    let (status, _) = coordinator.stop();
    assert!(status.success(), "SIGTERM ends a Coordinator in good order");
    let offline = shop.contrast(&["history", "--offline", "verify"]);
    quote("contrast history --offline verify", offline.stdout.trim());
    let diff = shop.contrast(&["history", "--offline", "verify", "--diff", "0", "1"]);
    quote("contrast history --offline verify --diff 0 1", diff.stdout.trim());
    let check = shop.store_check();
    assert!(check.contains("events:") && !check.contains("verified:       yes"), "{check}");
    quote("coordinator store check", check.trim());
    explain("Without the seed, a store shows its size and head, and nothing else.");
}
