//! The command line.

use std::{path::PathBuf, sync::LazyLock, time::Duration};

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use contrast_attestation::collateral::{Address, Proxy};

use crate::{
    cluster::Place,
    commands::{GenerateOptions, ManifestOptions, MeasureOptions, PolicyOptions},
    generate::inject::Replacements,
    logging::LogLevel,
};

/// What `-V` prints behind the program's name.
const VERSION: &str = concat!("version ", env!("CARGO_PKG_VERSION"));

/// Confidential deployments on Kubernetes.
#[derive(Parser, Debug)]
#[command(name = "contrast", version = VERSION, long_version = long_version(), max_term_width = 110)]
pub(crate) struct Arguments {
    /// What to log on stderr: debug, info, warn, error, or a number (debug -4, info 0, warn 4, error 8).
    #[arg(long, global = true, default_value = "warn", value_name = "LEVEL", allow_hyphen_values = true)]
    pub(crate) log_level: LogLevel,
    /// Folder of the deployment's files. File options that are given explicitly are not looked for in it.
    #[arg(long, global = true, env = "CONTRAST_WORKSPACE_DIR", value_name = "DIR")]
    pub(crate) workspace_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Make resources ready for confidential pods, and write the manifest that names them.
    Generate(Box<GenerateOptions>),
    /// Give the Coordinator a manifest.
    Set(SetOptions),
    /// Check what the Coordinator runs on and that it has your manifest, and write down its history.
    Verify(VerifyOptions),
    /// Unlock a restarted Coordinator.
    Recover(RecoverOptions),
    /// Show on one screen how a deployment is: what its Coordinator attests to, and what the cluster says of its pods.
    Status(StatusOptions),
    /// Show the history of a deployment, after checking all of it.
    History(HistoryOptions),
    /// Approve a manifest with a workload owner's key, for `set --signature`.
    Sign(SignOptions),
    /// Agree, as a seed share owner, that Coordinators under a manifest's policies may be given the seed.
    Consent(ConsentOptions),
    /// Look at evidence, in a file or of a Coordinator.
    Attestation(AttestationOptions),
    /// What AMD and Intel publish about hardware, for machines that cannot ask them.
    Collateral(CollateralOptions),
    /// What manifests may say.
    Manifest(ManifestOptions),
    /// Compute reference values from firmware, kernel, initrd and command line.
    Measure(MeasureOptions),
    /// What policies allow, and why they deny.
    Policy(PolicyOptions),
    /// Simulated hardware, for machines without confidential computing.
    Simulator(SimulatorOptions),
    /// Print what a shell needs to complete command lines of this program.
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Write manual pages into a folder.
    #[command(hide = true)]
    Man {
        /// The folder, which there has to be.
        folder: PathBuf,
    },
}

/// The Coordinator, and what it must be.
#[derive(Args, Debug)]
pub(crate) struct Target {
    /// Address of the Coordinator's user API (the port is 1313 if left out), or `kubernetes[:NAMESPACE[/SERVICE]]` to
    /// find it through the kubeconfig.
    #[arg(long, short, value_name = "HOST:PORT", value_parser = Place::parse, env = "CONTRAST_COORDINATOR")]
    pub(crate) coordinator: Place,
    #[command(flatten)]
    pub(crate) cluster: ClusterOptions,
    /// The manifest [default: manifest.json in the workspace].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sources: SourceOptions,
}

/// The cluster of `-c kubernetes`.
#[derive(Args, Clone, Default, Debug)]
pub(crate) struct ClusterOptions {
    /// Context of the kubeconfig, for `-c kubernetes` [default: the current one].
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The kubeconfig, for `-c kubernetes` [default: the files that KUBECONFIG names, or ~/.kube/config].
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
}

/// Where revocation lists, certificates and TCB data come from.
#[derive(Args, Clone, Debug)]
pub(crate) struct SourceOptions {
    /// Bundle of what AMD and Intel publish, made by `contrast collateral fetch`. They are then not asked.
    #[arg(long, value_name = "FILE", env = "CONTRAST_COLLATERAL")]
    pub(crate) collateral: Option<PathBuf>,
    /// Server to ask instead of AMD and Intel. It has the same paths; plain http is fine.
    #[arg(long, value_name = "URL", env = "CONTRAST_COLLATERAL_PROXY")]
    pub(crate) collateral_proxy: Option<Proxy>,
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("follows").multiple(true))]
pub(crate) struct SetOptions {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Private key of a workload owner [default: workload-owner.pem in the workspace].
    #[arg(long, value_name = "FILE")]
    pub(crate) workload_owner_key: Option<PathBuf>,
    /// Change the manifest only if the latest transition is the one that `verify` or `set` saw last.
    #[arg(long, group = "follows")]
    pub(crate) atomic: bool,
    /// The transition that must be the latest one, in hexadecimal [default: verify/latest-transition].
    #[arg(long, value_name = "HEX", value_parser = transition, requires = "follows")]
    pub(crate) latest_transition: Option<[u8; 32]>,
    /// Join a deployment that this workspace does not know yet: the manifest follows this transition, in hexadecimal.
    /// Without it, the first manifest that a workspace sets has to be the first of the deployment.
    #[arg(long, value_name = "HEX", value_parser = transition, conflicts_with_all = ["atomic", "latest_transition"])]
    pub(crate) join: Option<[u8; 32]>,
    /// Signature of a workload owner over the transition (ASN.1 DER). It holds after one transition only, so
    /// this implies --atomic.
    #[arg(long, short, value_name = "FILE", group = "follows")]
    pub(crate) signature: Option<PathBuf>,
    /// Consent of a seed share owner to the new manifest, made by `contrast consent --out`. It holds after one transition
    /// only, so this implies --atomic.
    #[arg(long, value_name = "FILE", group = "follows")]
    pub(crate) seed_consent: Option<PathBuf>,
    /// Seconds for everything, waiting for a Coordinator that cannot be reached yet included.
    #[arg(long, value_name = "SECONDS", default_value = "180", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Resource files, or folders of them, with the policies of all pods.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyOptions {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Accept the history that ends with this transition, in hexadecimal, after reading its manifests.
    #[arg(long, value_name = "HEX", value_parser = transition)]
    pub(crate) accept_history: Option<[u8; 32]>,
}

#[derive(Args, Debug)]
pub(crate) struct RecoverOptions {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Private key of a seed share owner [default: seedshare-owner.pem in the workspace].
    #[arg(long, value_name = "FILE")]
    pub(crate) seedshare_owner_key: Option<PathBuf>,
    /// The encrypted seed [default: seed-shares.json in the workspace; if there is none, the Coordinator is asked].
    #[arg(long, value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,
    /// A transition that the history must contain, in hexadecimal [default: verify/latest-transition].
    #[arg(long, value_name = "HEX", value_parser = transition)]
    pub(crate) latest_transition: Option<[u8; 32]>,
    /// Recover even if another Coordinator of the deployment is healthy.
    #[arg(long)]
    pub(crate) force: bool,
    /// Accepted for compatibility. Not used: the seed share owner's key is what counts.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) workload_owner_key: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct StatusOptions {
    /// Address of the Coordinator's user API (the port is 1313 if left out), or `kubernetes[:NAMESPACE[/SERVICE]]` to find
    /// it through the kubeconfig.
    #[arg(long, short, value_name = "HOST:PORT", value_parser = Place::parse, env = "CONTRAST_COORDINATOR",
        default_value = "kubernetes")]
    pub(crate) coordinator: Place,
    #[command(flatten)]
    pub(crate) cluster: ClusterOptions,
    /// Namespace of the pods [default: the Coordinator's, or that of the context].
    #[arg(long, short, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// The manifest [default: manifest.json in the workspace].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sources: SourceOptions,
    /// How to print.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// Go on, and print again whenever something changes.
    #[arg(long, short)]
    pub(crate) watch: bool,
}

#[derive(Args, Debug)]
pub(crate) struct HistoryOptions {
    /// Address of the Coordinator's user API (the port is 1313 if left out), or `kubernetes[:NAMESPACE[/SERVICE]]`.
    #[arg(long, short, value_name = "HOST:PORT", value_parser = Place::parse, required_unless_present = "offline")]
    pub(crate) coordinator: Option<Place>,
    #[command(flatten)]
    pub(crate) cluster: ClusterOptions,
    /// The manifest that the Coordinator is attested with [default: manifest.json in the workspace].
    #[arg(long, short, value_name = "FILE", conflicts_with = "offline")]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sources: SourceOptions,
    /// Check what an earlier `verify` wrote to this folder, without a Coordinator.
    #[arg(long, value_name = "DIR", conflicts_with = "coordinator")]
    pub(crate) offline: Option<PathBuf>,
    /// How to print.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// Show what changed from manifest N to manifest M instead; the first manifest is 0.
    #[arg(long, num_args = 2, value_names = ["N", "M"])]
    pub(crate) diff: Option<Vec<usize>>,
}

#[derive(Args, Debug)]
pub(crate) struct SignOptions {
    /// The manifest [default: manifest.json in the workspace].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Private key of a workload owner [default: workload-owner.pem in the workspace].
    #[arg(long, value_name = "FILE", conflicts_with = "prepare")]
    pub(crate) workload_owner_key: Option<PathBuf>,
    /// The transition that the manifest follows, in hexadecimal [default: verify/latest-transition].
    #[arg(long, value_name = "HEX", value_parser = transition)]
    pub(crate) latest_transition: Option<[u8; 32]>,
    /// Write what has to be signed (ECDSA with SHA-256 over this file), for keys that cannot be read from a file.
    #[arg(long)]
    pub(crate) prepare: bool,
    /// Where to write the signature (ASN.1 DER), or what has to be signed.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("to").required(true).args(["coordinator", "out"]))]
pub(crate) struct ConsentOptions {
    /// Address of the Coordinator's user API, whose current manifest is consented to (the port is 1313 if left out), or
    /// `kubernetes[:NAMESPACE[/SERVICE]]`.
    #[arg(long, short, value_name = "HOST:PORT", value_parser = Place::parse)]
    pub(crate) coordinator: Option<Place>,
    #[command(flatten)]
    pub(crate) cluster: ClusterOptions,
    /// Where to write the consent to a manifest that is still to be set, for `set --seed-consent`.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The manifest [default: manifest.json in the workspace].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Private key of a seed share owner [default: seedshare-owner.pem in the workspace].
    #[arg(long, value_name = "FILE")]
    pub(crate) seedshare_owner_key: Option<PathBuf>,
    /// The transition that the manifest will follow, in hexadecimal [default: verify/latest-transition].
    #[arg(long, value_name = "HEX", value_parser = transition, conflicts_with = "coordinator")]
    pub(crate) latest_transition: Option<[u8; 32]>,
    #[command(flatten)]
    pub(crate) sources: SourceOptions,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON object a line.
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct AttestationOptions {
    #[command(subcommand)]
    pub(crate) command: AttestationCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum AttestationCommand {
    /// Print evidence field by field, and whether what endorses it holds. No manifest is needed.
    Show(AttestationShowOptions),
    /// Say whether a manifest accepts evidence, and if not, everything that does not fit.
    Check(AttestationCheckOptions),
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("source").required(true))]
pub(crate) struct AttestationShowOptions {
    /// Address of a Coordinator's user API, to show what it presents (the port is 1313 if left out), or
    /// `kubernetes[:NAMESPACE[/SERVICE]]`.
    #[arg(long, short, value_name = "HOST:PORT", value_parser = Place::parse, group = "source")]
    pub(crate) coordinator: Option<Place>,
    #[command(flatten)]
    pub(crate) cluster: ClusterOptions,
    /// Write the Coordinator's evidence to this file, for `check` and `show`.
    #[arg(long, value_name = "FILE", requires = "coordinator", conflicts_with = "file")]
    pub(crate) save: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sources: SourceOptions,
    /// How to print.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// SNP report, TDX quote, or the document from a certificate's attestation extension.
    #[arg(value_name = "FILE", group = "source")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct AttestationCheckOptions {
    /// The manifest [default: manifest.json in the workspace].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sources: SourceOptions,
    /// How to print.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// SNP report, TDX quote, or the document from a certificate's attestation extension.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct CollateralOptions {
    #[command(subcommand)]
    pub(crate) command: CollateralCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum CollateralCommand {
    /// Write what a manifest's hardware needs into a bundle, for `--collateral`.
    Fetch(CollateralFetchOptions),
}

#[derive(Args, Debug)]
pub(crate) struct CollateralFetchOptions {
    /// The manifest [default: manifest.json in the workspace].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// A kind of TDX platform whose TCB info is needed; refusals name it. May be repeated.
    #[arg(long, value_name = "HEX", value_parser = fmspc)]
    pub(crate) fmspc: Vec<[u8; 6]>,
    /// Something else that AMD or Intel publish, such as the certificate of a chip; refusals name it. May be
    /// repeated.
    #[arg(long, value_name = "URL", value_parser = Address::from_url)]
    pub(crate) url: Vec<Address>,
    /// Server to ask instead of AMD and Intel. It has the same paths; plain http is fine.
    #[arg(long, value_name = "URL", env = "CONTRAST_COLLATERAL_PROXY")]
    pub(crate) collateral_proxy: Option<Proxy>,
    /// Where to write the bundle.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct SimulatorOptions {
    #[command(subcommand)]
    pub(crate) command: SimulatorCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum SimulatorCommand {
    /// Make a simulated processor and print its reference values for `ReferenceValues.simulated`.
    Init {
        /// Folder for the processor's keys and certificates; must be empty or absent.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The processor to imitate.
        #[arg(long, value_name = "NAME", default_value = "Genoa", value_parser = ["Milan", "Genoa", "Turin"])]
        product: String,
    },
    /// Print the reference values of the simulated processors that the nodes of a cluster say that they have, for
    /// `generate --reference-values-file`.
    ReferenceValues {
        /// The cluster: `kubernetes`.
        #[arg(long, short, value_name = "kubernetes", value_parser = Place::parse, default_value = "kubernetes")]
        coordinator: Place,
        #[command(flatten)]
        cluster: ClusterOptions,
    },
}

/// What `--version` prints behind the program's name: the version, and the images that the release pins.
fn long_version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let images: String = Replacements::built_in().images().map(|image| format!("\n  {image}")).collect();
        if images.is_empty() { VERSION.to_owned() } else { format!("{VERSION}\n\nimages:{images}") }
    });
    &TEXT
}

/// A transition hash.
fn transition(text: &str) -> Result<[u8; 32], String> {
    let mut hash = [0; 32];
    match hex::decode_to_slice(text.trim(), &mut hash) {
        Ok(()) => Ok(hash),
        Err(_) => Err(format!(
            "`{text}` is not a transition hash: 64 hexadecimal digits, as in verify/latest-transition"
        )),
    }
}

/// Six bytes.
fn fmspc(text: &str) -> Result<[u8; 6], String> {
    let mut bytes = [0; 6];
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(format!("`{text}` is not an FMSPC: 12 hexadecimal digits, for example 00806f050000")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|_| format!("`{text}` is not a whole number of seconds"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_has_no_contradictions() {
        Arguments::command().debug_assert();
    }
}
