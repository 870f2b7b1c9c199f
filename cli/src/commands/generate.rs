//! `contrast generate`: from resources to resources for confidential pods, and the manifest that names them.

mod options;
mod report;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use contrast_policy::Settings;
use contrast_resources::{File, Object, objects};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) use options::GenerateOptions;

use crate::{
    failure::{Advice, Failure},
    generate::{
        COORDINATOR, GenerateError,
        delivery::Delivered,
        finding::{Finding, Severity},
        function,
        images::{self, ImageOptions},
        inject::{Annotations, Injection, Replacements, Role, is_coordinator},
        manifest::{self, AtHand, Entry, ManifestOwners, Updated},
        outcome::Outcome,
        owner_keys::{self, Owners},
        platform::{CLASS, Delivery, Platform},
        policies::{Surroundings, images_of, same_policies, unusable},
        resources::{Resources, Workload, class_of},
        runtimes::{Runtimes, RuntimesError},
        settings::SettingsFile,
        verifiers::{self, Pods},
    },
    output::{self, Step, with_progress},
    policies,
    resource_files::{self, Input},
    workspace::{self, Workspace, WorkspaceError},
};

/// An option of other programs that do the same work, which this one does not follow.
#[derive(thiserror::Error, Debug)]
#[error("{option} cannot be followed")]
struct OptionRefused {
    option: &'static str,
    instead: &'static str,
}

impl Advice for OptionRefused {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(self.instead.into())
    }
}

/// Makes resources ready, and writes everything or nothing.
pub(crate) async fn generate(workspace: &Workspace, options: Box<GenerateOptions>) -> Result<(), Failure> {
    let workspace = workspace.clone();
    with_progress("Reading the resources", async |progress| {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let work = tokio::task::spawn_blocking(move || {
            start(workspace, *options, &|message| drop(sender.send(message)))
        });
        while let Some(message) = receiver.recv().await {
            progress.say(message);
        }
        work.await
    })
    .await
    .unwrap_or_else(|error| Err(Failure::from_system("a part of the program ended too early", error.into())))
}

/// Reads the resources, and begins with the options that are with them, if they come as for a function.
fn start(
    workspace: Workspace,
    mut options: GenerateOptions,
    progress: &(dyn Fn(Step) + Sync),
) -> Result<(), Failure> {
    let files = resource_files::read(&options.paths).map_err(GenerateError::Files)?;
    let mut resources = Resources::new(meant(files, options.output.as_deref())?);
    if let Some(list) = resources.function_list() {
        options.complete(function::options(list).map_err(GenerateError::Function)?)?;
    }
    if let Some((option, instead)) = options.foreign.refused() {
        return Err(OptionRefused { option, instead }.into());
    }
    if let Some(note) = options.foreign.without_effect() {
        output::note(note);
    }
    let format = options.output_format;
    let ended = Run { workspace, options }.run(&mut resources, progress);
    let Err(error) = ended else { return Ok(()) };
    let findings = error.findings();
    if let Some(list) = resources.refused_function_list(&findings) {
        output::document(&list).map_err(WorkspaceError::standard_output)?;
    }
    match error {
        GenerateError::Findings(_) => {
            report::show(&resources, findings.iter(), format);
            Err(GenerateError::FindingsShown(findings.len()).into())
        }
        other => Err(other.into()),
    }
}

/// The files that a user means. In a folder there may be others: the manifest, and what an earlier run has put out.
fn meant(files: Vec<(Input, File)>, output: Option<&Path>) -> Result<Vec<(Input, File)>, GenerateError> {
    let real = |path: &Path| path.canonicalize().ok();
    let output = output.and_then(real);
    let is_output =
        |input: &Input| matches!(input, Input::Found(path) if output.is_some() && real(path) == output);
    let has_objects = |(input, file): &(Input, File)| {
        !matches!(input, Input::Found(_))
            || file.documents().iter().any(|document| document.value().get("kind").is_some())
    };
    let (put_out, meant): (Vec<_>, Vec<_>) =
        files.into_iter().filter(has_objects).partition(|(input, _)| is_output(input));
    let known: BTreeSet<_> = meant.iter().flat_map(|(_, file)| names(file)).collect();
    // What was put out has the objects of the others; what has only its own is one of them, and would be lost.
    match put_out.iter().find(|(_, file)| names(file).is_disjoint(&known)) {
        Some((input, _)) => {
            Err(GenerateError::OutputIsInput(input.path().map(Path::to_owned).unwrap_or_default()))
        }
        None => Ok(meant),
    }
}

/// Kind, namespace and name of each object in a file.
fn names(file: &File) -> BTreeSet<[String; 3]> {
    let values: Vec<_> = file.documents().iter().map(|document| document.value().clone()).collect();
    let name = |object: &Object<'_>| {
        [object.kind(), object.namespace().unwrap_or_default(), object.name()].map(str::to_owned)
    };
    objects(&values).iter().map(name).collect()
}

/// One run, on a thread that may be busy.
struct Run {
    workspace: Workspace,
    options: GenerateOptions,
}

/// A workload, and where its pods run.
struct Target {
    workload: Workload,
    platform: Platform,
    /// The digest of the policy that it had before.
    former: Option<[u8; 32]>,
}

impl Run {
    fn run(&self, resources: &mut Resources, progress: &(dyn Fn(Step) + Sync)) -> Result<(), GenerateError> {
        let workloads = resources.workloads().map_err(GenerateError::Findings)?;
        let targets = self.targets(resources, workloads)?;
        let mut findings = verified(resources, &targets, verifiers::before)?;
        let runtimes = self.runtimes()?;
        let settings = self.settings(&targets)?;
        let external = self.external_coordinators()?;
        let owners = self.owners(targets.iter().any(|target| is_coordinator(resources, &target.workload)))?;
        findings.extend(self.inject(resources, &targets, &runtimes, &external, &owners)?);
        findings.extend(verified(resources, &targets, verifiers::after)?);
        let mut entries = self.policies(resources, &targets, &settings, progress)?;
        entries.extend(external.into_iter().map(|(entry, _)| entry));
        let (path, old, updated) = self.manifest(&entries, &targets, &runtimes, &owners)?;
        findings.extend(self.of_manifest(&updated));
        resources.put_results(&findings);
        let manifest = (path, old, updated.text);
        let outcome = Outcome::new(resources, self.options.output.as_deref(), manifest, owners.new)?;
        self.conclude(resources, &outcome, &findings, targets.len())
    }

    /// Where the pods of each workload run.
    fn targets(&self, resources: &Resources, workloads: Vec<Workload>) -> Result<Vec<Target>, GenerateError> {
        if workloads.is_empty() {
            return Err(GenerateError::NoWorkload);
        }
        let earlier = self.earlier_policies();
        let mut findings = Vec::new();
        let mut targets = Vec::new();
        for workload in workloads {
            let class = resources.template(&workload).and_then(class_of).unwrap_or_default();
            let named = Platform::of_class(class);
            let platform = if class == CLASS { self.options.reference_values } else { named };
            match platform {
                Some(platform) => {
                    let former = resources.object(&workload).and_then(|object| digest_of(&workload, object));
                    let former = former.or_else(|| earlier.get(&workload.identity()).copied());
                    targets.push(Target { workload, platform, former });
                }
                None if class == CLASS => return Err(RuntimesError::NoPlatform.into()),
                None => {
                    let message = format!(
                        "there is no runtime class `{class}`; write `{CLASS}`, and name the platform with --reference-values"
                    );
                    findings.push(resources.finding(&workload, &["spec", "runtimeClassName"], message));
                }
            }
        }
        if !findings.is_empty() {
            return Err(GenerateError::Findings(findings));
        }
        if let Some(asked) = self.options.reference_values
            && targets.iter().all(|target| target.platform != asked)
        {
            output::warning(&format!(
                "--reference-values {} changes nothing: the runtime class of each pod names another platform. Write `{CLASS}` where the pods are to move",
                asked.name().to_lowercase()
            ));
        }
        Ok(targets)
    }

    /// Digests of the policies that an earlier run wrote to another file, by the identity of their workloads.
    fn earlier_policies(&self) -> BTreeMap<String, [u8; 32]> {
        let output = self.options.output.as_ref().filter(|output| output.is_file());
        // Whatever it is that cannot be read as resources will be replaced.
        let files = output.and_then(|output| resource_files::read(std::slice::from_ref(output)).ok());
        let Some(resources) = files.map(Resources::new) else { return BTreeMap::new() };
        let workloads = resources.workloads().unwrap_or_default();
        let policy = |workload: &Workload| {
            Some((workload.identity(), digest_of(workload, resources.object(workload)?)?))
        };
        workloads.iter().filter_map(policy).collect()
    }

    fn runtimes(&self) -> Result<Runtimes, GenerateError> {
        Ok(match &self.options.reference_values_file {
            Some(path) => Runtimes::of_file(path, self.options.reference_values)?,
            None => Runtimes::built_in(),
        })
    }

    /// Settings of the policies on each platform.
    fn settings(&self, targets: &[Target]) -> Result<BTreeMap<Platform, Settings>, GenerateError> {
        let asked_for = self.options.settings.clone();
        let path = asked_for.clone().unwrap_or_else(|| self.workspace.path(workspace::SETTINGS));
        let file = SettingsFile::read(path, asked_for.is_some())?;
        if let Some(path) = file.path() {
            output::note(&format!("The policies follow the settings in {}.", path.display()));
        }
        let platforms: BTreeSet<Platform> = targets.iter().map(|target| target.platform).collect();
        platforms.into_iter().map(|platform| Ok((platform, file.on(platform)?))).collect()
    }

    /// Coordinators in a file of their own, with their namespaces.
    fn external_coordinators(&self) -> Result<Vec<(Entry, Option<String>)>, GenerateError> {
        let Some(path) = &self.options.coordinator_file else { return Ok(Vec::new()) };
        let resources = Resources::new(resource_files::read(std::slice::from_ref(path))?);
        let mut found = Vec::new();
        for workload in resources.workloads().map_err(GenerateError::Findings)? {
            let Some(object) = resources.object(&workload).filter(|_| is_coordinator(&resources, &workload))
            else {
                continue;
            };
            let policy = policies::document(workload.kind, object);
            let policy =
                policy.map_err(|source| GenerateError::CoordinatorPolicy { path: path.clone(), source })?;
            if let Some(policy) = policy {
                let entry = entry(&workload, Sha256::digest(policy).into(), None, None, true);
                found.push((entry, workload.namespace));
            }
        }
        if found.is_empty() { Err(GenerateError::NoCoordinatorInFile(path.clone())) } else { Ok(found) }
    }

    /// The owners, as far as anything names them.
    fn owners(&self, has_coordinator: bool) -> Result<Owners, GenerateError> {
        let options = &self.options;
        let or_default = |paths: &[PathBuf], name| match paths {
            [] => vec![self.workspace.path(name)],
            given => given.to_vec(),
        };
        let mut workload = or_default(&options.add_workload_owner_key, workspace::WORKLOAD_OWNER_KEY);
        if options.disable_updates && (options.no_initial_owners || !has_coordinator) {
            workload.clear();
        }
        let seedshare = or_default(&options.add_seedshare_owner_key, workspace::SEEDSHARE_OWNER_KEY);
        Ok(owner_keys::owners(&workload, &seedshare)?)
    }

    /// Puts what the pods need into all workloads.
    fn inject(
        &self,
        resources: &mut Resources,
        targets: &[Target],
        runtimes: &Runtimes,
        external: &[(Entry, Option<String>)],
        owners: &Owners,
    ) -> Result<Vec<Finding>, GenerateError> {
        let options = &self.options;
        let replacements = match &options.image_replacements {
            Some(path) => Replacements::of_file(path)?,
            None => Replacements::built_in(),
        };
        let mut coordinators = targets.iter().map(|target| &target.workload);
        let coordinator = coordinators.find(|workload| is_coordinator(resources, workload));
        let namespace = coordinator.map(|workload| workload.namespace.clone());
        let namespace = namespace.or_else(|| Some(external.first()?.1.clone()));
        let digests: BTreeSet<_> = owners.workload.iter().map(|owner| hex::encode(owner.digest())).collect();
        let initial_owners = digests.into_iter().collect::<Vec<_>>().join(",");
        let is_first = matches!(self.workspace.latest_transition(), Ok(None));
        let (mut notes, mut findings) = (Vec::new(), Vec::new());
        for Target { workload, platform, .. } in targets {
            let injection = Injection {
                replacements: &replacements,
                coordinator_host: &coordinator_host(namespace.as_ref(), workload),
                skip_initializer: options.skip_initializer,
                skip_service_mesh: options.skip_service_mesh,
                is_first,
                initial_owners: (!options.no_initial_owners).then_some(initial_owners.as_str()),
                collateral_proxy: options.collateral_proxy.as_deref(),
            };
            let handler = runtimes.handler(*platform)?;
            match injection.put_into(resources, workload, *platform, handler) {
                Ok(more) => notes.extend(more.into_iter().map(|note| {
                    resources.finding(workload, &["spec"], note).as_(Severity::Warning, "containers")
                })),
                Err(more) => findings.extend(more),
            }
        }
        if findings.is_empty() { Ok(notes) } else { Err(GenerateError::Findings(findings)) }
    }

    /// Makes the policies, and puts them on the workloads.
    fn policies(
        &self,
        resources: &mut Resources,
        targets: &[Target],
        settings: &BTreeMap<Platform, Settings>,
        progress: &(dyn Fn(Step) + Sync),
    ) -> Result<Vec<Entry>, GenerateError> {
        let mut entries = Vec::new();
        let mut findings: Vec<Finding> = Vec::new();
        for (platform, settings) in settings {
            let delivery = self.delivery(*platform)?;
            let here = || targets.iter().filter(|target| target.platform == *platform);
            let names = here().flat_map(|target| images_of(resources, &target.workload));
            let names: BTreeSet<String> =
                names.map(|(name, _)| name).chain(settings.pause_image.clone()).collect();
            let images = images::look_up(&names, settings, &self.image_options(), progress);
            let surroundings = Surroundings {
                images: images.map_err(|failures| {
                    let workloads = here().map(|target| &target.workload);
                    GenerateError::Findings(unusable(resources, workloads, &failures))
                })?,
                config_maps: resources.config_maps(),
                secrets: resources.secrets(),
            };
            for Target { workload, former, .. } in here() {
                progress(format!("Making the policy of {workload}").into());
                let made = surroundings.policy(resources, workload, settings).and_then(|policy| {
                    let annotations = Annotations::of(resources, workload)?;
                    let delivered = Delivered::new(&policy, delivery);
                    let put = resources.template_mut(workload).map(|template| delivered.put_on(template));
                    match put.unwrap_or_else(|| Err("it has no pod template".to_owned())) {
                        Ok(digest) => {
                            let is_coordinator = annotations.role == Role::Coordinator;
                            Ok(entry(workload, digest, *former, annotations.secret_id, is_coordinator))
                        }
                        Err(message) => {
                            Err(vec![resources.finding(workload, &["metadata", "annotations"], message)])
                        }
                    }
                });
                match made {
                    Ok(entry) => entries.push((workload, entry)),
                    Err(more) => findings.extend(more),
                }
            }
        }
        findings.extend(same_policies(resources, &entries));
        if !findings.is_empty() {
            return Err(GenerateError::Findings(findings));
        }
        Ok(entries.into_iter().map(|(_, entry)| entry).collect())
    }

    fn delivery(&self, platform: Platform) -> Result<Delivery, GenerateError> {
        match (self.options.initdata, platform.delivery()) {
            (Some(true), _) => Ok(Delivery::Initdata),
            (Some(false), Delivery::Initdata) => Err(GenerateError::NotMeasured(platform)),
            (_, usual) => Ok(usual),
        }
    }

    fn image_options(&self) -> ImageOptions {
        ImageOptions {
            layouts: self.options.image_layout.clone(),
            insecure: self.options.insecure_registry.clone(),
            mirrors: self.options.registries_conf.clone(),
        }
    }

    /// The manifest: its path, what is there, and what should be.
    fn manifest(
        &self,
        entries: &[Entry],
        targets: &[Target],
        runtimes: &Runtimes,
        owners: &Owners,
    ) -> Result<(PathBuf, Option<String>, Updated), GenerateError> {
        let path = self.options.manifest.clone().unwrap_or_else(|| self.workspace.path(workspace::MANIFEST));
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if self.options.output.as_deref().is_some_and(|output| real(output) == real(&path)) {
            return Err(GenerateError::OutputIsManifest(path));
        }
        let old = if path.exists() { Some(workspace::read(&path)?) } else { None };
        let platforms: BTreeSet<Platform> =
            targets.iter().map(|target| target.platform).chain(self.options.reference_values).collect();
        let reference_values = AtHand {
            values: || Ok(runtimes.reference_values(platforms, self.options.simulator_dir.as_deref())?),
            given: self.options.reference_values_file.is_some() || self.options.simulator_dir.is_some(),
        };
        let owners = ManifestOwners {
            workload: (!self.options.disable_updates).then_some(owners.workload.as_slice()),
            seedshare: &owners.seedshare,
        };
        let text = old.clone().and_then(|old| String::from_utf8(old).ok());
        let updated = manifest::updated(&path, old, entries, reference_values, owners)?;
        Ok((path, text, updated))
    }

    /// What a user has to know of the manifest.
    fn of_manifest(&self, updated: &Updated) -> Vec<Finding> {
        let finding = |severity, text| Finding::of_run(severity, "manifest", text);
        let dropped = updated.dropped.iter().map(|entry| {
            let text = format!("the manifest no longer has an entry of which no workload is there: {entry}");
            finding(Severity::Warning, text)
        });
        let mut findings: Vec<_> = dropped.collect();
        if updated.keeps_others {
            let text = "the manifest keeps the reference values that it has; remove `ReferenceValues` from it to take others";
            findings.push(finding(Severity::Note, text.to_owned()));
        }
        if !updated.missing.is_empty() {
            let lines =
                updated.missing.iter().map(|path| format!("\n{path}: {}", manifest::where_to_find(path)));
            let lines: String = lines.collect();
            let text = format!("the manifest cannot be set before these values are filled in:{lines}");
            findings.push(finding(Severity::Warning, text));
        }
        findings
    }

    /// Writes everything, or says what would be written.
    fn conclude(
        &self,
        resources: &Resources,
        outcome: &Outcome,
        findings: &[Finding],
        workloads: usize,
    ) -> Result<(), GenerateError> {
        if self.options.check {
            let difference = outcome.difference();
            output::result(&difference);
            return if difference.is_empty() { Ok(()) } else { Err(GenerateError::NotUpToDate) };
        }
        outcome.write()?;
        let files: Vec<_> = outcome.changed().map(|path| path.display().to_string()).collect();
        let said = match (workloads, files.as_slice()) {
            (_, []) => "Everything is up to date.".to_owned(),
            (1, files) => format!("1 workload is ready. Written: {}", files.join(", ")),
            (several, files) => format!("{several} workloads are ready. Written: {}", files.join(", ")),
        };
        if outcome.is_printed() {
            output::note(&said)
        } else {
            output::success(&said)
        }
        report::after_success(resources, findings, self.options.output_format);
        Ok(())
    }
}

/// What the rules say, if none of it is an error.
fn verified(
    resources: &Resources,
    targets: &[Target],
    rules: fn(&Pods<'_>) -> Vec<Finding>,
) -> Result<Vec<Finding>, GenerateError> {
    let pods =
        |target: &Target| rules(&Pods { resources, workload: &target.workload, platform: target.platform });
    let findings: Vec<_> = targets.iter().flat_map(pods).collect();
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        let serious = findings.into_iter().filter(|finding| finding.severity > Severity::Note);
        return Err(GenerateError::Findings(serious.collect()));
    }
    Ok(findings)
}

/// The host name of the Coordinator for the pods of a workload.
fn coordinator_host(of_coordinator: Option<&Option<String>>, workload: &Workload) -> String {
    match of_coordinator {
        Some(Some(namespace)) if Some(namespace) != workload.namespace.as_ref() => {
            format!("{COORDINATOR}.{namespace}")
        }
        _ => COORDINATOR.to_owned(),
    }
}

fn digest_of(workload: &Workload, object: &Value) -> Option<[u8; 32]> {
    let policy = policies::document(workload.kind, object).ok().flatten()?;
    Some(Sha256::digest(policy).into())
}

fn entry(
    workload: &Workload,
    digest: [u8; 32],
    former: Option<[u8; 32]>,
    secret_id: Option<String>,
    coordinator: bool,
) -> Entry {
    Entry {
        digest,
        former,
        identity: workload.identity(),
        name: workload.name.clone(),
        secret_id,
        coordinator,
    }
}
