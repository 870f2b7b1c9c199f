//! A release of the programs that the tests run: what `cargo xtask release` makes, but for optimised programs.

use std::{fs, os::unix::fs::symlink, path::Path};

use contrast_release::{Bundle, options};

use crate::{
    cluster::Cluster,
    image_builder::image_builder,
    programs::{program, workspace_root},
};

/// Makes it.
pub(super) fn make(folder: &Path) {
    let builder = image_builder();
    let mut bundle = Bundle::create(folder).expect("a new folder");
    let names: Vec<_> = builder.recipes.images.keys().cloned().collect();
    let (mut table, mut layouts) = (String::new(), Vec::new());
    for name in names {
        let pinned = bundle.add_image(&builder, &name).unwrap_or_else(|error| panic!("{name}: {error}"));
        table.push_str(&format!("{}/{name}:latest = {pinned}\n", options::REGISTRY));
        layouts.push(format!("{:?}", format!("images/{name}.tar")));
    }
    bundle.add_resources(&workspace_root().join("deploy")).expect("they can be read");
    symlink(program("contrast").get_program(), folder.join("contrast")).expect("a link");
    // A release has the table built in, and its images can be pulled by whoever writes policies.
    fs::write(folder.join("image-replacements.txt"), table).expect("a file");
    let settings = format!(
        "[generate]\nimage-replacements = \"image-replacements.txt\"\nimage-layout = [{}]\n",
        layouts.join(", ")
    );
    fs::write(folder.join("contrast.toml"), settings).expect("a file");
}

/// Brings its images to where the cluster's nodes pull them.
pub(super) fn push(folder: &Path, cluster: &Cluster) {
    let table = fs::read_to_string(folder.join("image-replacements.txt")).expect("it was written");
    for line in table.lines() {
        let (tagged, _) = line.split_once(" = ").expect("two names");
        let name = tagged.rsplit('/').next().and_then(|name| name.split(':').next()).expect("a name");
        cluster.push(&folder.join(format!("images/{name}.tar")), tagged);
    }
}
