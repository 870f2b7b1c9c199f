//! Where images are looked for.

use std::{
    env,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use contrast_image::{
    Cache, CredentialError, Credentials, Digest, Image, LayerFacts, Layout, LayoutError, MirrorError,
    Mirrors, Proxies, ProxyError, Reference, Registries, RegistryOptions, Wanted,
};

use super::ImageFault;

/// Where to look.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImageOptions {
    /// OCI layouts and archives on disk, which are asked first.
    pub(crate) layouts: Vec<PathBuf>,
    /// Registries that are asked without TLS.
    pub(crate) insecure: Vec<String>,
    /// Where to ask instead (containers-registries.conf(5)).
    pub(crate) mirrors: Option<PathBuf>,
}

/// Images cannot be looked for.
#[derive(thiserror::Error, Clone, Debug)]
pub(crate) enum SourcesError {
    /// A layout cannot be opened.
    #[error("{0}")]
    Layout(Arc<LayoutError>),
    /// The users at registries.
    #[error("{0}")]
    Credentials(Arc<CredentialError>),
    /// Mirrors.
    #[error("{0}")]
    Mirrors(Arc<MirrorError>),
    /// Proxies.
    #[error("{0}")]
    Proxies(Arc<ProxyError>),
    /// No thread for requests.
    #[error("cannot ask registries: {0}")]
    Thread(Arc<std::io::Error>),
}

/// Layouts, what is known from before, and registries.
pub(super) struct Sources {
    layouts: Vec<Layout>,
    cache: Option<Cache>,
    options: ImageOptions,
    registries: OnceLock<Result<Registries, SourcesError>>,
}

/// Bytes that are kept of what was found out.
const CACHE_LIMIT: u64 = 256 << 20;

impl Sources {
    pub(super) fn new(options: &ImageOptions) -> Result<Self, SourcesError> {
        let layouts = options.layouts.iter().map(|path| Layout::open(path));
        Ok(Self {
            layouts: layouts.collect::<Result<_, _>>().map_err(|error| SourcesError::Layout(error.into()))?,
            cache: cache_folder().map(|folder| Cache::new(&folder, CACHE_LIMIT)),
            options: options.clone(),
            registries: OnceLock::new(),
        })
    }

    /// An image, and facts about its layers if any are wanted. Nothing is asked for that is known already.
    pub(super) fn image(
        &self,
        reference: &Reference,
        digest: Digest,
        wanted: Wanted,
    ) -> Result<(Image, Vec<LayerFacts>), ImageFault> {
        let needs_layers = wanted != Wanted::default();
        for layout in &self.layouts {
            let image = match layout.image(reference) {
                Err(LayoutError::NoSuchImage { .. }) => continue,
                other => other?,
            };
            let facts = match &self.cache {
                _ if !needs_layers => Vec::new(),
                Some(cache) => cache.examine_all(&image, layout, wanted)?,
                None => image.examine(layout, wanted)?,
            };
            return Ok((image, facts));
        }
        let cache = self.cache.as_ref();
        if let Some(known) = cache.and_then(|cache| known(cache, digest, wanted)) {
            return Ok(known);
        }
        let registries = self.registries.get_or_init(|| self.connect()).as_ref().map_err(Clone::clone)?;
        let (image, repository) = registries.image(reference, cache)?;
        let facts = match cache {
            _ if !needs_layers => Vec::new(),
            Some(cache) => cache.examine_all(&image, &repository, wanted)?,
            None => image.examine(&repository, wanted)?,
        };
        Ok((image, facts))
    }

    fn connect(&self) -> Result<Registries, SourcesError> {
        let mirrors = match &self.options.mirrors {
            Some(path) => Mirrors::of_file(path).map_err(|error| SourcesError::Mirrors(error.into()))?,
            None => Mirrors::default(),
        };
        Registries::new(RegistryOptions {
            insecure: self.options.insecure.iter().cloned().collect(),
            credentials: Credentials::of_docker().map_err(|error| SourcesError::Credentials(error.into()))?,
            mirrors,
            proxies: Proxies::of_environment().map_err(|error| SourcesError::Proxies(error.into()))?,
            ..RegistryOptions::default()
        })
        .map_err(|error| SourcesError::Thread(error.into()))
    }
}

/// What was found out before, if that is all.
fn known(cache: &Cache, digest: Digest, wanted: Wanted) -> Option<(Image, Vec<LayerFacts>)> {
    let image = cache.image(digest)?;
    let facts = if wanted == Wanted::default() { Vec::new() } else { cache.known(&image, wanted)? };
    Some((image, facts))
}

/// `CONTRAST_CACHE_DIR`, or the user's folder for such files; nothing without either.
fn cache_folder() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let root = folder("CONTRAST_CACHE_DIR")
        .or_else(|| Some(folder("XDG_CACHE_HOME").filter(|path| path.is_absolute())?.join("contrast")))
        .or_else(|| Some(folder("HOME")?.join(".cache/contrast")))?;
    Some(root.join("images"))
}
