//! A release of the programs that the tests run, unpacked: what `cargo xtask release` makes, but for optimised programs.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use contrast_release::{Bundle, options};

use crate::{
    cluster::Cluster,
    image_builder::image_builder,
    programs::{program, workspace_root},
};

/// A folder as users have it when they unpacked a release.
pub struct UnpackedRelease {
    folder: PathBuf,
    /// Images by the names of their recipes: each under its name with its digest.
    images: BTreeMap<String, String>,
}

impl UnpackedRelease {
    /// Makes one, in an empty folder.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self::with_images(folder, &[])
    }

    /// Makes one with these images only; with all, if none is named.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn with_images(folder: &Path, names: &[&str]) -> Self {
        let builder = image_builder();
        let mut bundle = Bundle::create(folder).expect("a new folder");
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut images = BTreeMap::new();
        for (name, _) in builder.recipes.choose(&names).expect("there are recipes") {
            let pinned = bundle.add_image(&builder, name).unwrap_or_else(|error| panic!("{name}: {error}"));
            images.insert(name.to_owned(), pinned);
        }
        bundle.add_resources(&workspace_root().join("deploy")).expect("they can be read");
        symlink(program("contrast").get_program(), folder.join("contrast")).expect("a link");
        let release = Self { folder: folder.to_owned(), images };
        release.configure();
        release
    }

    /// A real release has the table built in, and its images can be pulled by whoever writes policies.
    fn configure(&self) {
        let lines = self.images.iter().map(|(name, pinned)| format!("{} = {pinned}\n", tagged(name)));
        fs::write(self.folder.join("image-replacements.txt"), lines.collect::<String>()).expect("a file");
        let layouts: Vec<_> = self.images.keys().map(|name| format!("\"{}\"", archive(name))).collect();
        let settings = format!(
            "[generate]\nimage-replacements = \"image-replacements.txt\"\nimage-layout = [{}]\n",
            layouts.join(", ")
        );
        fs::write(self.folder.join("contrast.toml"), settings).expect("a file");
    }

    /// Brings its images to where the cluster's nodes pull them.
    ///
    /// # Panics
    /// If the cluster does not take one.
    pub fn bring_to(&self, cluster: &Cluster) {
        for name in self.images.keys() {
            cluster.push(&self.folder.join(archive(name)), &tagged(name));
        }
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of an image with its digest.
    ///
    /// # Panics
    /// If it has no such image.
    #[must_use]
    pub fn image(&self, name: &str) -> &str {
        self.images.get(name).expect("it is in the release")
    }

    /// A file of its folder `deploy`.
    #[must_use]
    pub fn resources(&self, name: &str) -> PathBuf {
        self.folder.join("deploy").join(name)
    }
}

/// What an image is called in resources, before it is pinned.
fn tagged(name: &str) -> String {
    format!("{}/{name}:latest", options::REGISTRY)
}

/// Its layout in the release.
fn archive(name: &str) -> String {
    format!("images/{name}.tar")
}
