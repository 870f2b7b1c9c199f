//! Container images of the programs that the tests run.

use std::path::Path;

use contrast_release::{Builder, Origin, PackageError, Programs, Recipes, Release, Store, debian, options};

use crate::programs::{program, workspace_root};

/// Makes images as `cargo xtask images` does, with the programs that the other tests run.
///
/// # Panics
/// If recipes or packages cannot be had.
#[must_use]
pub fn image_builder() -> Builder {
    let coordinator = program("coordinator");
    let programs = Path::new(coordinator.get_program()).parent().expect("it lies in a folder").to_owned();
    let store = Store::of_user().expect("there is a home folder");
    Builder {
        recipes: recipes(&store),
        store,
        programs: Programs { root: workspace_root().to_owned(), origin: Origin::Folder(programs) },
        release: Release::of_repository(workspace_root(), options::REGISTRY).expect("its state is known"),
        named_runtimes: false,
    }
}

/// The recipes; with what Debian's mirror has now, where it has replaced a package since they were written: that is no mistake of
/// this project's, and whoever builds images is told.
fn recipes(store: &Store) -> Recipes {
    let mut recipes = Recipes::read(&workspace_root().join("deploy/images")).expect("they can be read");
    let pins = recipes.packages.iter().map(|(name, pin)| (name.as_str(), pin)).collect();
    match debian::fetch(store, &pins) {
        Ok(()) => {}
        Err(PackageError::NotServed { missing, .. }) => {
            eprintln!("No longer served, so the present ones are taken: {}", missing.join(", "));
            recipes.packages = debian::offered(store, recipes.package_names()).expect("they are offered");
        }
        Err(error) => panic!("{error}"),
    }
    recipes
}
