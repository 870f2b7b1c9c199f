//! Options that the programs have in common.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use clap::Args;

use crate::{
    build::Builder,
    image::Release,
    program::{Origin, Programs},
    recipe::{RecipeError, Recipes},
    store::Store,
};

/// What images are made of, and what they are called.
#[derive(Args, Debug)]
pub struct Options {
    /// Folder of recipes [default: deploy/images].
    #[arg(long, value_name = "FOLDER")]
    pub recipes: Option<PathBuf>,
    /// Profile of cargo to build programs with; `dev` is done soonest.
    #[arg(long, value_name = "NAME", default_value = "release")]
    pub profile: String,
    /// Take programs from a folder instead of building them.
    #[arg(long, value_name = "FOLDER", conflicts_with = "profile")]
    pub programs: Option<PathBuf>,
    /// Registry and project that the images are for.
    #[arg(long, value_name = "NAME", default_value = REGISTRY)]
    pub registry: String,
}

/// Where the images are in the YAML that people write, and in ours.
pub const REGISTRY: &str = "ghcr.io/edgelesssys/contrast";

impl Options {
    /// The folder of recipes.
    #[must_use]
    pub fn recipe_folder(&self) -> PathBuf {
        self.recipes.clone().unwrap_or_else(|| root().join("deploy/images"))
    }

    /// The recipes.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn recipes(&self) -> Result<Recipes, RecipeError> {
        Recipes::read(&self.recipe_folder())
    }

    /// All that images are made with.
    ///
    /// # Errors
    /// If a recipe cannot be read, there is no place for packages, or the state of the repository is not known.
    pub fn builder(&self) -> Result<Builder, Box<dyn Error>> {
        let origin = match &self.programs {
            Some(folder) => Origin::Folder(folder.clone()),
            None => Origin::Built { profile: self.profile.clone() },
        };
        Ok(Builder {
            recipes: self.recipes()?,
            store: Store::of_user()?,
            programs: Programs { root: root(), origin },
            release: Release::of_repository(&root(), &self.registry)?,
            named_runtimes: false,
        })
    }
}

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}
