//! Builds the project's container images and its releases.
//!
//! Knows recipes, packages and files; nothing of what the programs do. No daemon is needed, and no privilege. The same sources give
//! the same bytes.

mod build;
mod bundle;
mod closure;
mod command;
mod crates;
pub mod debian;
mod elf;
mod image;
pub mod options;
mod program;
mod recipe;
mod revision;
mod runtime;
mod sbom;
mod store;
mod tar;
mod tree;
mod wheel;

pub use build::{BuildError, Builder, Built};
pub use bundle::{Bundle, BundleError};
pub use closure::{Gap, gaps};
pub use command::CommandError;
pub use crates::{Crate, CrateError, compiler, crates};
pub use debian::PackageError;
pub use elf::{Elf, ElfError};
pub use image::{Image, ImageError, Layer, Release};
pub use program::{Origin, ProgramError, Programs};
pub use recipe::{
    About, Debian, ImageRecipe, Joined, Link, Pin, Program, Recipe, RecipeError, Recipes, Text, Wheel,
    write_pins,
};
pub use revision::RevisionError;
pub use runtime::{Runtime, RuntimeFile};
pub use sbom::{Purpose, Sbom};
pub use store::{Store, StoreError};
pub use tar::ArchiveError;
pub use tree::{Entry, Name, Tree, TreeError};
