//! Recipes: what an image is made of, as data. `docs/images.md` explains the form.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use contrast_image::Digest;
use serde::Deserialize;

use crate::{
    runtime::Runtime,
    tree::{Name, TreeError},
};

/// All recipes, and the packages that they may take files from.
#[derive(Debug)]
pub struct Recipes {
    /// What all images begin with.
    pub base: Recipe,
    /// By the name of the image, without those of registry and project.
    pub images: BTreeMap<String, ImageRecipe>,
    /// By the name of the package.
    pub packages: BTreeMap<String, Pin>,
}

/// Where files come from.
#[derive(Clone, Default, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// What the image is, for all but the base.
    pub image: Option<About>,
    /// Debian packages of which all shared libraries are taken.
    pub libraries: Vec<String>,
    /// Programs of this project.
    pub program: Vec<Program>,
    /// Files of Debian packages.
    pub debian: Vec<Debian>,
    /// Files of Python packages, which sometimes carry programs.
    pub pypi: Vec<Wheel>,
    /// Files whose content stands here.
    pub text: Vec<Text>,
    /// Symbolic links.
    pub link: Vec<Link>,
    /// The runtime that a node's installer puts on nodes.
    pub runtime: Option<Runtime>,
}

/// A recipe for a whole image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageRecipe {
    /// What it is.
    pub about: About,
    /// What it is made of, besides the base.
    pub content: Recipe,
}

/// What an image is, and how it starts.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// One sentence.
    pub description: String,
    /// Numbers of user and group, as in `65532:65532`.
    pub user: String,
    /// The program and its arguments.
    pub entrypoint: Vec<String>,
}

/// A program of this project, which goes to `/usr/bin`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The cargo package.
    pub package: String,
    /// Its binary.
    pub name: String,
    /// Whether it has everything inside, because it runs where the image's libraries are not: on a node, whose own may be older.
    #[serde(default)]
    pub statically: bool,
}

/// Files of a Debian package.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debian {
    /// The binary package, which `packages.toml` pins.
    pub package: String,
    /// Paths as the image has them; `*` stands for part of a name.
    #[serde(default)]
    pub files: Vec<String>,
    /// Files that become one, one after the other in the order of their paths.
    pub joined: Option<Joined>,
}

/// Files that become one.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joined {
    /// Paths as the package has them.
    pub files: Vec<String>,
    /// The path in the image.
    pub to: String,
}

/// Files of a wheel on PyPI.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Digest of the wheel.
    #[serde(deserialize_with = "hexadecimal")]
    pub sha256: Digest,
    /// The licence of the files that are taken, as an SPDX expression.
    pub license: String,
    /// Paths in the image by paths in the wheel.
    pub files: BTreeMap<String, String>,
}

/// A small file.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The path in the image.
    pub path: String,
    /// Its content.
    pub content: String,
}

/// A symbolic link.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The path in the image.
    pub path: String,
    /// Where it leads.
    pub to: String,
}

/// Version and digest of a Debian package for amd64.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The version, with its epoch.
    pub version: String,
    /// Digest of the package's file.
    #[serde(deserialize_with = "hexadecimal")]
    pub sha256: Digest,
}

/// Why recipes cannot be followed.
#[derive(thiserror::Error, Debug)]
pub enum RecipeError {
    /// A file cannot be read or written.
    #[error("cannot use {}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// A file is no recipe.
    #[error("{}: {cause}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        cause: Box<toml::de::Error>,
    },
    /// A recipe does not say what the image is.
    #[error("{} has no table `image`; only {BASE} may lack it", .0.display())]
    NoImage(PathBuf),
    /// A package without version and digest.
    #[error(
        "{recipe} takes files of the package `{package}`, which {PACKAGES} does not pin; `cargo xtask images --update` does"
    )]
    NotPinned {
        /// The recipe.
        recipe: String,
        /// The package.
        package: String,
    },
    /// A path that no image can have.
    #[error("{recipe}: {cause}")]
    Path {
        /// The recipe.
        recipe: String,
        /// What is wrong.
        cause: TreeError,
    },
    /// There is no such image.
    #[error("there is no recipe for an image `{asked}`; there are: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: Vec<String>,
    },
}

/// What all images begin with.
const BASE: &str = "base.toml";
/// Where Debian packages have shared libraries for amd64.
const LIBRARIES: &str = "/usr/lib/x86_64-linux-gnu/*.so.*";
/// Versions and digests of packages.
pub(crate) const PACKAGES: &str = "packages.toml";
/// How that file begins.
const PINS_BEGIN: &str = "\
# The Debian packages that recipes take files from: release 12 (bookworm), amd64.
# Written by `cargo xtask images --update`.
";

impl Recipes {
    /// Reads all recipes of a folder.
    ///
    /// # Errors
    /// If one cannot be read, or is of another form.
    pub fn read(folder: &Path) -> Result<Self, RecipeError> {
        let base = read::<Recipe>(&folder.join(BASE))?.with_libraries();
        let pins = folder.join(PACKAGES);
        let packages = if pins.exists() { read(&pins)? } else { BTreeMap::new() };
        let mut images = BTreeMap::new();
        let reading = |cause| RecipeError::Io { path: folder.to_owned(), cause };
        for entry in fs::read_dir(folder).map_err(reading)? {
            let path = entry.map_err(reading)?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(name) = file.strip_suffix(".toml").filter(|_| file != BASE && file != PACKAGES) else {
                continue;
            };
            let mut content = read::<Recipe>(&path)?.with_libraries();
            let about = content.image.take().ok_or(RecipeError::NoImage(path))?;
            images.insert(name.to_owned(), ImageRecipe { about, content });
        }
        let recipes = Self { base, images, packages };
        recipes.check_paths()?;
        Ok(recipes)
    }

    /// The recipes of these names; all, if there are none.
    ///
    /// # Errors
    /// If there is no recipe of a name.
    pub fn choose(&self, names: &[String]) -> Result<Vec<(&str, &ImageRecipe)>, RecipeError> {
        let find = |name: &String| {
            let found = self.images.get_key_value(name).map(|(name, recipe)| (name.as_str(), recipe));
            found.ok_or_else(|| RecipeError::Unknown {
                asked: name.clone(),
                known: self.images.keys().cloned().collect(),
            })
        };
        let all = || self.images.iter().map(|(name, recipe)| (name.as_str(), recipe)).collect();
        if names.is_empty() { Ok(all()) } else { names.iter().map(find).collect() }
    }

    /// The packages that an image takes files from, by their name.
    ///
    /// # Errors
    /// If one is not pinned.
    pub fn packages_of<'a>(
        &'a self,
        image: &str,
        recipe: &'a Recipe,
    ) -> Result<BTreeMap<&'a str, &'a Pin>, RecipeError> {
        let all = self.base.debian.iter().chain(&recipe.debian).map(|debian| debian.package.as_str());
        all.map(|package| Ok((package, self.pin(image, package)?))).collect()
    }

    /// Version and digest of a package that a recipe takes files from.
    pub(crate) fn pin(&self, recipe: &str, package: &str) -> Result<&Pin, RecipeError> {
        let not_pinned = || RecipeError::NotPinned { recipe: recipe.to_owned(), package: package.to_owned() };
        self.packages.get(package).ok_or_else(not_pinned)
    }

    /// The names of all packages that any recipe takes files from.
    #[must_use]
    pub fn package_names(&self) -> BTreeSet<String> {
        let recipes = self.images.values().map(|recipe| &recipe.content).chain([&self.base]);
        recipes.flat_map(|recipe| &recipe.debian).map(|debian| debian.package.clone()).collect()
    }

    fn check_paths(&self) -> Result<(), RecipeError> {
        let images = self.images.iter().map(|(name, recipe)| (name.as_str(), &recipe.content));
        for (name, recipe) in std::iter::once(("base", &self.base)).chain(images) {
            for path in recipe.paths() {
                Name::new(path).map_err(|cause| RecipeError::Path { recipe: name.to_owned(), cause })?;
            }
        }
        Ok(())
    }
}

/// Writes versions and digests of packages into a folder of recipes.
///
/// # Errors
/// If the file cannot be written.
pub fn write_pins(folder: &Path, pins: &BTreeMap<String, Pin>) -> Result<(), RecipeError> {
    let mut text = PINS_BEGIN.to_owned();
    for (name, Pin { version, sha256 }) in pins {
        // Names of packages have dots and pluses, which TOML wants in quotes.
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let key = if plain { name.clone() } else { format!("\"{name}\"") };
        text.push_str(&format!("\n[{key}]\nversion = \"{version}\"\nsha256 = \"{}\"\n", sha256.hex()));
    }
    let path = folder.join(PACKAGES);
    fs::write(&path, text).map_err(|cause| RecipeError::Io { path, cause })
}

impl Recipe {
    /// The same with the files of the packages with libraries.
    fn with_libraries(mut self) -> Self {
        let packages = std::mem::take(&mut self.libraries).into_iter();
        self.debian.extend(packages.map(|package| Debian {
            package,
            files: vec![LIBRARIES.to_owned()],
            joined: None,
        }));
        self
    }

    /// All paths of the image that it names.
    fn paths(&self) -> impl Iterator<Item = &String> {
        let debian = self.debian.iter().flat_map(|debian| {
            let joined = debian.joined.iter().flat_map(|joined| joined.files.iter().chain([&joined.to]));
            debian.files.iter().chain(joined)
        });
        let pypi = self.pypi.iter().flat_map(|wheel| wheel.files.values());
        let text = self.text.iter().map(|text| &text.path);
        debian.chain(pypi).chain(text).chain(self.link.iter().map(|link| &link.path))
    }
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, RecipeError> {
    let text = fs::read_to_string(path).map_err(|cause| RecipeError::Io { path: path.to_owned(), cause })?;
    toml::from_str(&text).map_err(|cause| RecipeError::Toml { path: path.to_owned(), cause: Box::new(cause) })
}

fn hexadecimal<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    let digits = String::deserialize(deserializer)?;
    format!("sha256:{digits}").parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = "[image]\ndescription = \"A.\"\nuser = \"1:1\"\nentrypoint = [\"/usr/bin/a\"]\n";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, text)| fs::write(dir.path().join(name), text).unwrap());
        dir
    }

    fn read_with(recipe: &str) -> Result<Recipes, RecipeError> {
        Recipes::read(folder(&[("base.toml", ""), ("a.toml", recipe)]).path())
    }

    #[test]
    fn the_recipes_of_this_project_are_well_formed_and_their_packages_pinned() {
        let recipes = Recipes::read(&crate::options::root().join("deploy/images")).unwrap();
        for (name, recipe) in recipes.choose(&[]).unwrap() {
            assert!(!recipes.packages_of(name, &recipe.content).unwrap().is_empty(), "{name}");
        }
        let pinned: BTreeSet<_> = recipes.packages.keys().cloned().collect();
        assert_eq!(pinned, recipes.package_names(), "`cargo xtask images --update` corrects it");
    }

    #[test]
    fn only_images_whose_work_takes_root_run_as_root_and_none_has_a_shell() {
        // Disks and mounts, certificates for whatever user reads them, rules of the network, the node's containerd.
        let root = ["coordinator", "initializer", "node-installer-simulated", "service-mesh-proxy"];
        let recipes = Recipes::read(&crate::options::root().join("deploy/images")).unwrap();
        for (name, recipe) in recipes.choose(&[]).unwrap() {
            let user = if root.contains(&name) { "0:0" } else { "65532:65532" };
            assert_eq!(recipe.about.user, user, "{name}");
            let packages = recipes.packages_of(name, &recipe.content).unwrap();
            let shells = ["bash", "dash", "busybox", "busybox-static"];
            assert!(packages.keys().all(|package| !shells.contains(package)), "{name}");
        }
    }

    #[test]
    fn a_recipe_with_something_unknown_is_refused_with_its_place() {
        let said = read_with(&format!("{IMAGE}shell = true\n")).unwrap_err().to_string();
        assert!(said.contains("a.toml") && said.contains("shell"), "{said}");
        let said = read_with("[[text]]\npath = \"/x\"\ncontent = \"\"\n").unwrap_err().to_string();
        assert!(said.contains("no table `image`"), "{said}");
    }

    #[test]
    fn a_path_out_of_the_image_is_refused() {
        let recipe = format!("{IMAGE}\n[[text]]\npath = \"/../x\"\ncontent = \"\"\n");
        assert!(matches!(read_with(&recipe), Err(RecipeError::Path { recipe, .. }) if recipe == "a"));
    }

    #[test]
    fn a_package_without_a_digest_is_refused() {
        let recipes = read_with(&format!("libraries = [\"libx\"]\n{IMAGE}")).unwrap();
        let error = recipes.packages_of("a", &recipes.images["a"].content).unwrap_err();
        assert!(matches!(error, RecipeError::NotPinned { package, .. } if package == "libx"));
    }

    #[test]
    fn an_image_that_is_not_there_is_told_what_is() {
        let recipes = read_with(IMAGE).unwrap();
        assert_eq!(recipes.choose(&[]).unwrap().len(), 1);
        let said = recipes.choose(&["b".to_owned()]).unwrap_err().to_string();
        assert!(said.contains("`b`") && said.ends_with("there are: a"), "{said}");
    }

    #[test]
    fn pins_that_were_written_are_read_again() {
        let pin = |version: &str| Pin { version: version.to_owned(), sha256: Digest::of(version.as_bytes()) };
        let pins = [("libdevmapper1.02.1", pin("2:1.02.185-2")), ("libx", pin("1~rc1+b2"))];
        let pins = pins.map(|(name, pin)| (name.to_owned(), pin)).into();
        let dir = folder(&[("base.toml", "")]);
        write_pins(dir.path(), &pins).unwrap();
        assert_eq!(Recipes::read(dir.path()).unwrap().packages, pins);
    }
}
