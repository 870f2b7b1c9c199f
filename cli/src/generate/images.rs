//! What is in the images of workloads: in layouts on disk, known from before, or at their registries.

mod counted;
mod sources;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use contrast_image::{
    AccountsError, Image as Read, LayerError, LayoutError, Reference, ReferenceError, RegistryError, Wanted,
};
use contrast_policy::{Image, Layer, Settings, needs_layers, needs_users};

pub(crate) use sources::{ImageOptions, SourcesError};

use counted::Amount;
use sources::Sources;

use crate::output::Step;

/// An image that cannot be used.
#[derive(Debug)]
pub(crate) struct ImageFailure {
    /// As workloads name it.
    pub(crate) name: String,
    /// What is wrong.
    pub(crate) fault: ImageFault,
}

/// What is wrong with an image.
#[derive(thiserror::Error, Debug)]
pub(crate) enum ImageFault {
    /// Its name.
    #[error(transparent)]
    Name(#[from] ReferenceError),
    /// A name that can mean another image tomorrow.
    #[error(
        "it is not pinned; name it by its digest (`NAME:TAG@sha256:…`), or pin it with --image-replacements"
    )]
    Unpinned,
    /// A layout on disk.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A registry.
    #[error("{0}")]
    Registry(String),
    /// Registries cannot be asked.
    #[error(transparent)]
    Sources(#[from] SourcesError),
    /// A layer.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// Users and groups.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
}

impl fmt::Display for ImageFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image `{}`: {}", self.name, self.fault)
    }
}

impl From<RegistryError> for ImageFault {
    fn from(error: RegistryError) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        Self::Registry(text)
    }
}

/// Images that are looked up at the same time.
const AT_ONCE: usize = 8;

/// What is in the images with these names, as far as policies need it; or everything that cannot be used. `progress` is told what is
/// under way.
pub(crate) fn look_up(
    names: &BTreeSet<String>,
    settings: &Settings,
    options: &ImageOptions,
    progress: &(dyn Fn(Step) + Sync),
) -> Result<BTreeMap<String, Image>, Vec<ImageFailure>> {
    let sources = Sources::new(options);
    let amount = Amount::new(progress);
    let names: Vec<&String> = names.iter().collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            let done_so_far = done.load(Ordering::Relaxed);
            progress(format!("Looking up images ({done_so_far} of {}): {name}", names.len()).into());
            let image = sources.as_ref().map_err(Clone::clone).map_err(ImageFault::from);
            let image = image.and_then(|sources| image_of(name, settings, sources, &amount));
            done.fetch_add(1, Ordering::Relaxed);
            found.lock().unwrap_or_else(PoisonError::into_inner).insert((*name).clone(), image);
        }
    };
    thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(names.len()) {
            // Without a further thread, this one does it all.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let (mut images, mut failures) = (BTreeMap::new(), Vec::new());
    for (name, image) in found.into_inner().unwrap_or_else(PoisonError::into_inner) {
        match image {
            Ok(image) => drop(images.insert(name, image)),
            Err(fault) => failures.push(ImageFailure { name, fault }),
        }
    }
    if failures.is_empty() { Ok(images) } else { Err(failures) }
}

fn image_of(
    name: &str,
    settings: &Settings,
    sources: &Sources,
    amount: &Amount<'_>,
) -> Result<Image, ImageFault> {
    let reference: Reference = name.parse()?;
    let digest = reference.digest().ok_or(ImageFault::Unpinned)?;
    let wanted = Wanted { accounts: needs_users(settings), root_hash: needs_layers(settings) };
    let (read, facts) = sources.image(&reference, digest, wanted, amount)?;
    let accounts = if wanted.accounts { Some(Read::accounts_of(&facts)?) } else { None };
    let hashes = facts.iter().filter_map(|facts| facts.root_hash);
    let layers = read.chain_ids().iter().zip(hashes).map(|(chain, root)| Layer::new(chain, root)).collect();
    Ok(Image {
        name: reference.to_string(),
        digest: digest.to_string(),
        config: read.config,
        accounts,
        layers,
    })
}
