//! From a recipe to an image.

use std::path::PathBuf;

use crate::{
    closure::{self, Gap},
    crates::{self, CrateError},
    debian::{self, PackageError},
    image::{Image, ImageError, Layer, Release},
    program::{ProgramError, Programs},
    recipe::{Debian, ImageRecipe, Recipe, RecipeError, Recipes},
    sbom::{Purpose, Sbom},
    store::Store,
    tree::{Entry, Name, Tree, TreeError},
    wheel,
};

/// All that images are made with.
pub struct Builder {
    /// What they are made of.
    pub recipes: Recipes,
    /// Where packages are kept.
    pub store: Store,
    /// Where programs come from.
    pub programs: Programs,
    /// What holds for all of them.
    pub release: Release,
    /// Whether runtimes are named after what they are made of, as in a release.
    pub named_runtimes: bool,
}

/// An image, and what it is made of.
pub struct Built {
    /// The image.
    pub image: Image,
    /// Its list of packages and crates, SPDX as JSON.
    pub sbom: String,
    /// All files of all layers.
    pub content: Tree,
    /// The runtime that it puts on nodes: its name before a release, and its name.
    pub runtime: Option<(String, String)>,
}

/// Why an image cannot be made.
#[derive(thiserror::Error, Debug)]
pub enum BuildError {
    /// The recipe cannot be followed.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A package cannot be had.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A program cannot be had.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// Crates cannot be listed.
    #[error(transparent)]
    Crate(#[from] CrateError),
    /// Something is not where it should be.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The image has no form.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A package has no such file.
    #[error("the package {package} has no file {pattern}; `dpkg-deb --contents` on {} lists what it has", file.display())]
    NoFile {
        /// The package.
        package: String,
        /// What the recipe wants of it.
        pattern: Name,
        /// Where the package is.
        file: PathBuf,
    },
    /// What starts is not there.
    #[error("the image {image} starts {program}, which is not in it; correct `entrypoint` in its recipe")]
    NoEntrypoint {
        /// The image.
        image: String,
        /// The first word of its entry point.
        program: String,
    },
    /// Something would not start.
    #[error("the image {image} is not complete:\n{}", gaps.iter().map(|gap| format!("  {gap}")).collect::<Vec<_>>().join("\n"))]
    Gaps {
        /// The image.
        image: String,
        /// What is missing.
        gaps: Vec<Gap>,
    },
}

/// Where a node's installer looks for its configuration.
const CONFIGURATION: &str = "/config/contrast-node-install.json";

impl Builder {
    /// Makes an image.
    ///
    /// # Errors
    /// If something that its recipe names cannot be had, or if one of its programs would lack something.
    pub fn build(&self, name: &str, recipe: &ImageRecipe) -> Result<Built, BuildError> {
        debian::fetch(&self.store, &self.recipes.packages_of(name, &recipe.content)?)?;
        let mut layers = vec![
            Layer {
                origin: "deploy/images/base.toml".to_owned(),
                tree: self.files("base", &self.recipes.base)?,
            },
            Layer { origin: format!("deploy/images/{name}.toml"), tree: self.files(name, &recipe.content)? },
            Layer { origin: self.origin(&recipe.content), tree: self.programs(&recipe.content)? },
        ];
        let runtime = self.configure(&recipe.content, &mut layers)?;
        layers.retain(|layer| layer.tree.entries().next().is_some());
        let mut content = Tree::default();
        layers.iter().try_for_each(|layer| content.put_all(&layer.tree))?;
        self.check(name, recipe, &content)?;
        let image = Image::new(name, &recipe.about, &self.release, &layers)?;
        let sbom = self.sbom(name, recipe, &image)?;
        Ok(Built { image, sbom, content, runtime })
    }

    /// Tells a node's installer what is in its image.
    fn configure(
        &self,
        recipe: &Recipe,
        layers: &mut Vec<Layer>,
    ) -> Result<Option<(String, String)>, BuildError> {
        let Some(runtime) = &recipe.runtime else { return Ok(None) };
        let mut all = Tree::default();
        layers.iter().try_for_each(|layer| all.put_all(&layer.tree))?;
        let configuration = runtime.configuration(&all, self.named_runtimes)?;
        let name = configuration.handler.clone();
        let mut tree = Tree::default();
        tree.put(Name::new(CONFIGURATION)?, Entry::text(configuration.text))?;
        layers.push(Layer { origin: name.clone(), tree });
        Ok(Some((runtime.unreleased(), name)))
    }

    /// Everything but the project's own programs, which change more often.
    fn files(&self, name: &str, recipe: &Recipe) -> Result<Tree, BuildError> {
        let mut tree = Tree::default();
        for debian in &recipe.debian {
            self.take(&mut tree, name, debian)?;
        }
        for wheel in &recipe.pypi {
            tree.put_all(&wheel::files(&self.store, wheel)?)?;
        }
        for text in &recipe.text {
            tree.put(Name::new(&text.path)?, Entry::text(text.content.as_str()))?;
        }
        for link in &recipe.link {
            tree.put(Name::new(&link.path)?, Entry::Link(link.to.clone()))?;
        }
        Ok(tree)
    }

    fn programs(&self, recipe: &Recipe) -> Result<Tree, BuildError> {
        let mut tree = Tree::default();
        for program in &recipe.program {
            tree.put(Name::new(&format!("/usr/bin/{}", program.name))?, self.programs.get(program)?)?;
        }
        Ok(tree)
    }

    fn origin(&self, recipe: &Recipe) -> String {
        let names: Vec<_> = recipe.program.iter().map(|program| program.name.as_str()).collect();
        format!("{} {}", names.join(" "), self.release.version)
    }

    fn check(&self, image: &str, recipe: &ImageRecipe, content: &Tree) -> Result<(), BuildError> {
        let program = recipe.about.entrypoint.first().cloned().unwrap_or_default();
        let starts = Name::new(&program).ok().and_then(|name| content.get(&name));
        if !matches!(starts, Some(Entry::File { executable: true, .. } | Entry::Link(_))) {
            return Err(BuildError::NoEntrypoint { image: image.to_owned(), program });
        }
        let gaps = closure::gaps(content);
        if gaps.is_empty() { Ok(()) } else { Err(BuildError::Gaps { image: image.to_owned(), gaps }) }
    }

    fn sbom(&self, name: &str, recipe: &ImageRecipe, image: &Image) -> Result<String, BuildError> {
        let mut sbom = Sbom::new(name, &self.release.version, image.digest(), Purpose::Container);
        for (name, pin) in self.recipes.packages_of(name, &recipe.content)? {
            sbom.debian(name, pin);
        }
        recipe.content.pypi.iter().for_each(|wheel| sbom.pypi(wheel));
        for program in &recipe.content.program {
            sbom.standard_library(&crates::compiler(&self.programs).map_err(CrateError::from)?);
            crates::crates(&self.programs, program)?.iter().for_each(|krate| sbom.krate(krate));
        }
        Ok(sbom.finish(&self.release)?)
    }

    /// Takes from a package what a recipe names, and the package's licences.
    fn take(&self, tree: &mut Tree, recipe: &str, wanted: &Debian) -> Result<(), BuildError> {
        let pin = self.recipes.pin(recipe, &wanted.package)?;
        let package = debian::unpack(&self.store, &wanted.package, pin)?;
        let find = |pattern: &String| {
            let pattern = Name::new(pattern)?;
            let found: Vec<_> = package.entries().filter(|(name, _)| name.matches(&pattern)).collect();
            if found.is_empty() {
                let (package, file) = (wanted.package.clone(), self.store.place(pin.sha256));
                return Err(BuildError::NoFile { package, pattern, file });
            }
            Ok(found)
        };
        for pattern in &wanted.files {
            find(pattern)?.into_iter().try_for_each(|(name, entry)| tree.put(name.clone(), entry.clone()))?;
        }
        if let Some(joined) = &wanted.joined {
            let mut all = Vec::new();
            for pattern in &joined.files {
                for (_, entry) in find(pattern)? {
                    if let Entry::File { content, .. } = entry {
                        all.extend_from_slice(content);
                    }
                }
            }
            tree.put(Name::new(&joined.to)?, Entry::text(all))?;
        }
        let licences = Name::new(&format!("/usr/share/doc/{}/copyright", wanted.package))?;
        // Packages of one source may have a link instead, to the folder of another: that one's recipe names it.
        if let Some(entry @ Entry::File { .. }) = package.get(&licences) {
            tree.put(licences, entry.clone())?;
        }
        Ok(())
    }
}
