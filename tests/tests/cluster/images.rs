//! The project's images, of the programs that the other tests run, on a cluster.

use std::{collections::BTreeMap, fs, path::Path};

use contrast_tests::{Cluster, image_builder};

/// What the images are called in resources, before they are pinned.
const REGISTRY: &str = "ghcr.io/edgelesssys/contrast";

/// Images by the names of their recipes: each under its name with its digest, and where its layout is.
pub(crate) struct Images(pub(crate) BTreeMap<String, String>);

impl Images {
    /// Builds all into a folder, and brings them to the cluster's registry.
    pub(crate) fn on(cluster: &Cluster, folder: &Path) -> Self {
        Self::of(cluster, folder, &[])
    }

    /// Builds these; all, if none is named.
    pub(crate) fn of(cluster: &Cluster, folder: &Path, names: &[&str]) -> Self {
        let builder = image_builder();
        let mut pinned = BTreeMap::new();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        for (name, recipe) in builder.recipes.choose(&names).expect("there are recipes") {
            let built = builder.build(name, recipe).expect("it can be built");
            let layout = folder.join(name);
            built.image.write(&layout).expect("it can be written");
            cluster.push(&layout, &format!("{REGISTRY}/{name}:latest"));
            let digest = built.image.digest();
            pinned.insert(name.to_string(), format!("{REGISTRY}/{name}@{digest}"));
        }
        Self(pinned)
    }

    /// The table for `generate --image-replacements`, in a file.
    pub(crate) fn write_table(&self, path: &Path) {
        let line = |(name, pinned): (&String, &String)| format!("{REGISTRY}/{name}:latest = {pinned}\n");
        fs::write(path, self.0.iter().map(line).collect::<String>()).unwrap();
    }

    /// A text with the images pinned.
    pub(crate) fn pinned_in(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, pinned)| {
            text.replace(&format!("{REGISTRY}/{name}:latest"), pinned)
        })
    }
}
