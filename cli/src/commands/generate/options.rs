//! Options of `contrast generate`.

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgGroup, Args, Parser, ValueEnum};

use crate::generate::{GenerateError, platform::Platform};

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("updates").args(["disable_updates", "add_workload_owner_key"]))]
pub(crate) struct GenerateOptions {
    /// The platform that pods of the runtime class `contrast-cc` run on: aks-clh-snp, k3s-qemu-snp, k3s-qemu-tdx,
    /// rke2-qemu-tdx, metal-qemu-snp, metal-qemu-tdx or simulated.
    #[arg(long, value_name = "PLATFORM")]
    pub(super) reference_values: Option<Platform>,
    /// Reference values to take in place of the released ones: an object of runtime handlers, or what `contrast measure`
    /// prints as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) reference_values_file: Option<PathBuf>,
    /// The simulated processor whose reference values to take, for the platform `simulated`.
    #[arg(long, value_name = "DIR", env = "CONTRAST_SIMULATOR_DIR")]
    pub(super) simulator_dir: Option<PathBuf>,
    /// The manifest [default: manifest.json in the workspace].
    #[arg(long, short, value_name = "FILE")]
    pub(super) manifest: Option<PathBuf>,
    /// Settings of the policies [default: settings.json in the workspace, if there is one].
    #[arg(long, short, value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,
    /// Write all resources to this file, and leave those that were read as they are. `-` is standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Write nothing. Print what would change; the exit code is 1 if something would.
    #[arg(long)]
    pub(super) check: bool,
    /// A Coordinator that is not among the resources: a file with its policy [default: that of the release].
    #[arg(long, value_name = "FILE")]
    pub(super) coordinator_file: Option<PathBuf>,
    /// Key of a workload owner, who may change the manifest; made if it is the only one and not there. Repeatable
    /// [default: workload-owner.pem in the workspace].
    #[arg(long, short = 'w', value_name = "FILE")]
    pub(super) add_workload_owner_key: Vec<PathBuf>,
    /// Key of a seed share owner, who recovers a restarted Coordinator; made if it is the only one and not there. Repeatable
    /// [default: seedshare-owner.pem in the workspace].
    #[arg(long, value_name = "FILE")]
    pub(super) add_seedshare_owner_key: Vec<PathBuf>,
    /// Nobody may ever change the manifest.
    #[arg(long, short)]
    pub(super) disable_updates: bool,
    /// Do not tell a Coordinator among the resources who may set the first manifest. Then anybody may be first.
    #[arg(long)]
    pub(super) no_initial_owners: bool,
    /// Put no Initializer into pods.
    #[arg(long)]
    pub(super) skip_initializer: bool,
    /// Put no service mesh into pods.
    #[arg(long)]
    pub(super) skip_service_mesh: bool,
    /// Hand policies over as initialisation data also where the platform's runtime measures a policy annotation.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub(super) initdata: Option<bool>,
    /// Images that stand for others, one a line: IMAGE = REPLACEMENT [default: those of the release].
    #[arg(long, value_name = "FILE")]
    pub(super) image_replacements: Option<PathBuf>,
    /// OCI layout, or archive of `docker save`, that has images, so that no registry need be asked for them. Repeatable.
    #[arg(long, value_name = "PATH")]
    pub(super) image_layout: Vec<PathBuf>,
    /// Registry that is asked without TLS. Repeatable.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(super) insecure_registry: Vec<String>,
    /// Where to find images instead: a registries.conf (containers-registries.conf(5)).
    #[arg(long, value_name = "FILE", env = "CONTAINERS_REGISTRIES_CONF")]
    pub(super) registries_conf: Option<PathBuf>,
    /// Server that Coordinators and Initializers ask instead of AMD and Intel.
    #[arg(long, value_name = "URL")]
    pub(super) collateral_proxy: Option<String>,
    /// How to print what there is to say about the resources, on stderr.
    #[arg(long, value_enum, default_value_t = FindingFormat::Text)]
    pub(super) output_format: FindingFormat,
    #[command(flatten)]
    pub(super) foreign: ForeignOptions,
    /// Resource files, or folders of them. `-` is standard input, whose resources go to standard output.
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FindingFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The options as they come with resources, without a path.
#[derive(Parser, Debug)]
#[command(name = "functionConfig", disable_help_flag = true, disable_version_flag = true)]
struct FunctionOptions {
    #[command(flatten)]
    options: GenerateOptions,
}

impl GenerateOptions {
    /// Takes what is not given here from the options that came with the resources.
    pub(super) fn complete(&mut self, arguments: Vec<OsString>) -> Result<(), GenerateError> {
        let arguments = [vec!["functionConfig".into()], arguments, vec!["-".into()]].concat();
        let parsed = FunctionOptions::try_parse_from(arguments);
        let other = parsed.map_err(|error| GenerateError::FunctionOptions(reason(&error)))?.options;
        fn either<T>(own: &mut Option<T>, other: Option<T>) {
            if own.is_none() {
                *own = other;
            }
        }
        fn longer<T>(own: &mut Vec<T>, other: Vec<T>) {
            if own.is_empty() {
                *own = other;
            }
        }
        either(&mut self.reference_values, other.reference_values);
        either(&mut self.reference_values_file, other.reference_values_file);
        either(&mut self.simulator_dir, other.simulator_dir);
        either(&mut self.manifest, other.manifest);
        either(&mut self.settings, other.settings);
        either(&mut self.output, other.output);
        either(&mut self.coordinator_file, other.coordinator_file);
        either(&mut self.initdata, other.initdata);
        either(&mut self.image_replacements, other.image_replacements);
        either(&mut self.registries_conf, other.registries_conf);
        either(&mut self.collateral_proxy, other.collateral_proxy);
        longer(&mut self.add_workload_owner_key, other.add_workload_owner_key);
        longer(&mut self.add_seedshare_owner_key, other.add_seedshare_owner_key);
        longer(&mut self.image_layout, other.image_layout);
        longer(&mut self.insecure_registry, other.insecure_registry);
        self.check |= other.check;
        self.disable_updates |= other.disable_updates;
        self.no_initial_owners |= other.no_initial_owners;
        self.skip_initializer |= other.skip_initializer;
        self.skip_service_mesh |= other.skip_service_mesh;
        self.foreign.complete(other.foreign);
        Ok(())
    }
}

/// What the command line says of an argument, without its advice for a terminal.
fn reason(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.trim_start_matches("error: ").to_owned()
}

/// Options of other programs that do the same work.
#[derive(Args, Debug)]
pub(super) struct ForeignOptions {
    #[arg(long, short, value_name = "FILE", hide = true)]
    policy: Option<PathBuf>,
    #[arg(long, short = 'c', value_name = "FILE", hide = true)]
    genpolicy_cache_path: Option<PathBuf>,
    #[arg(long, hide = true)]
    skip_trusted_store: bool,
    #[arg(long, hide = true)]
    inject_image_store: bool,
    #[arg(long, hide = true)]
    insecure_enable_debug_shell_access: bool,
    #[arg(long, value_name = "FILE", hide = true)]
    reference_value_patches: Vec<PathBuf>,
    #[arg(long, hide = true)]
    purge_empty_reference_values: bool,
}

impl ForeignOptions {
    fn complete(&mut self, other: Self) {
        self.policy = self.policy.take().or(other.policy);
        self.genpolicy_cache_path = self.genpolicy_cache_path.take().or(other.genpolicy_cache_path);
        self.skip_trusted_store |= other.skip_trusted_store;
        self.inject_image_store |= other.inject_image_store;
        self.insecure_enable_debug_shell_access |= other.insecure_enable_debug_shell_access;
        self.reference_value_patches.extend(other.reference_value_patches);
        self.purge_empty_reference_values |= other.purge_empty_reference_values;
    }

    /// The first option that cannot be followed, and what to do instead.
    pub(super) fn refused(&self) -> Option<(&'static str, &'static str)> {
        [
            (
                self.policy.is_some(),
                "--policy",
                "the rules are part of this program, so that everybody can check them; what differs between nodes stands in the settings (--settings)",
            ),
            (
                self.inject_image_store,
                "--inject-image-store",
                "there is no image store yet: images are unpacked in the memory of the pod's VM; give the pod a memory limit of ten times its images",
            ),
            (
                self.insecure_enable_debug_shell_access,
                "--insecure-enable-debug-shell-access",
                "there is no debug shell yet; `contrast policy explain` and the setting `logs` help to find out what a pod does",
            ),
            (
                !self.reference_value_patches.is_empty(),
                "--reference-value-patches",
                "write whole reference values into a file (--reference-values-file), or change the manifest, whose values stay",
            ),
            (
                self.purge_empty_reference_values,
                "--purge-empty-reference-values",
                "give the reference values that you have with --reference-values-file, or remove the others from the manifest",
            ),
        ]
        .into_iter()
        .find_map(|(given, option, instead)| given.then_some((option, instead)))
    }

    /// Options that mean nothing here and harm nobody, with the present way.
    pub(super) fn without_effect(&self) -> Option<&'static str> {
        self.genpolicy_cache_path.as_ref().map(
            |_| "--genpolicy-cache-path has no effect: what is known of images is kept in CONTRAST_CACHE_DIR",
        )
    }
}
