//! The folder of a release.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use contrast_image::Digest;

use crate::{
    build::{BuildError, Builder},
    command::{self, CommandError},
    crates::{self, CrateError},
    image::ImageError,
    options::REGISTRY,
    program::ProgramError,
    recipe::{Program, RecipeError},
    sbom::{Purpose, Sbom},
    tar::{self, ArchiveError},
    tree::{Entry, Name, Tree, TreeError},
};

/// A release in the making.
pub struct Bundle {
    folder: PathBuf,
    /// Pinned images by the names that stand in resources.
    images: BTreeMap<String, String>,
    /// Names of runtimes by those that they have before a release.
    runtimes: BTreeMap<String, String>,
}

/// Why a release cannot be made.
#[derive(thiserror::Error, Debug)]
pub enum BundleError {
    /// An image cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// There is no such image.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The program does not build.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The program does not run.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Its crates cannot be listed.
    #[error(transparent)]
    Crate(#[from] CrateError),
    /// A list cannot be written.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A file cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A layout cannot be archived.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// Somebody else's files.
    #[error("{} has files that are no release; name another folder, or remove it", .0.display())]
    Occupied(PathBuf),
    /// The program does not pin an image of the release.
    #[error("the program `contrast` does not pin {0}; it has to be built together with the images")]
    NotPinned(String),
}

/// The list of digests, by which a folder is known as a release.
const SUMS: &str = "SHA256SUMS";
/// The program for users.
const CLI: &str = "contrast";
/// What the compiler puts into the program as its table of images.
const TABLE: &str = "CONTRAST_IMAGE_REPLACEMENTS";
/// What the compiler puts into the program as the names of runtimes: before a release, and in it.
const RUNTIMES: &str = "CONTRAST_RUNTIME_NAMES";
/// What is in `deploy` for this project only, or is part of its programs.
const OURS: [&str; 3] = ["images", "image-replacements.txt", "runtimes.json"];

impl Bundle {
    /// Makes an empty folder, in place of an earlier release.
    ///
    /// # Errors
    /// If there are other files.
    pub fn create(folder: &Path) -> Result<Self, BundleError> {
        let occupied = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if occupied {
            if !folder.join(SUMS).exists() {
                return Err(BundleError::Occupied(folder.to_owned()));
            }
            fs::remove_dir_all(folder).map_err(writing(folder))?;
        }
        fs::create_dir_all(folder).map_err(writing(folder))?;
        // From now on it is a release, though not a complete one: it may be made again.
        let bundle = Self { folder: folder.to_owned(), images: BTreeMap::new(), runtimes: BTreeMap::new() };
        bundle.write(SUMS, b"")?;
        Ok(bundle)
    }

    /// Builds an image, and adds its layout as an archive. Returns its name with its digest.
    ///
    /// # Errors
    /// If it cannot be built or written.
    pub fn add_image(&mut self, builder: &Builder, name: &str) -> Result<String, BundleError> {
        let mut pinned = String::new();
        for (name, recipe) in builder.recipes.choose(&[name.to_owned()])? {
            let built = builder.build(name, recipe)?;
            let mut layout = Tree::default();
            for (path, bytes) in built.image.layout() {
                layout.put(Name::new(&format!("/{path}"))?, Entry::text(bytes))?;
            }
            self.write(&format!("images/{name}.tar"), &tar::archive(&layout)?)?;
            self.write(&format!("sbom/{name}.spdx.json"), built.sbom.as_bytes())?;
            pinned = built.image.pinned();
            self.runtimes.extend(built.runtime);
            self.images.insert(format!("{REGISTRY}/{name}:latest"), pinned.clone());
        }
        Ok(pinned)
    }

    /// Builds the program for users, which pins the images that were added, with its manual pages and completions.
    ///
    /// # Errors
    /// If it does not build, does not run, or pins other images.
    pub fn add_cli(&self, builder: &Builder) -> Result<(), BundleError> {
        let table = self.table();
        self.write("image-replacements.txt", table.as_bytes())?;
        let program = Program { package: "contrast-cli".to_owned(), name: CLI.to_owned(), statically: false };
        let names: String = self.runtimes.iter().map(|(name, new)| format!("{name} = {new}\n")).collect();
        let built = builder.programs.build(&program, &[(TABLE, &table), (RUNTIMES, &names)])?;
        let path = self.folder.join(CLI);
        fs::copy(&built, &path).map_err(writing(&path))?;
        // Nothing of this machine's environment.
        let run = |arguments: &[&str]| command::output(Command::new(&path).args(arguments).env_clear());
        let version = run(&["--version"])?;
        if let Some(missing) = self.images.values().find(|image| !version.contains(image.as_str())) {
            return Err(BundleError::NotPinned(missing.clone()));
        }
        for (shell, file) in [("bash", "contrast.bash"), ("zsh", "_contrast"), ("fish", "contrast.fish")] {
            self.write(&format!("completions/{file}"), run(&["completion", shell])?.as_bytes())?;
        }
        let man = self.folder.join("man");
        fs::create_dir_all(&man).map_err(writing(&man))?;
        command::output(Command::new(&path).arg("man").arg(&man).env_clear())?;
        self.write_sbom(builder, &program, &fs::read(&path).map_err(writing(&path))?)
    }

    /// Adds the resources for Kubernetes, in which images are pinned as well.
    ///
    /// # Errors
    /// If one cannot be read or written.
    pub fn add_resources(&self, deploy: &Path) -> Result<(), BundleError> {
        for (name, entry) in Tree::of_folder(deploy)?.entries() {
            let path = name.relative();
            let ours = path.split('/').next().is_some_and(|first| OURS.contains(&first));
            let Entry::File { content, .. } = entry else { continue };
            if !ours {
                self.write(
                    &format!("deploy/{path}"),
                    self.pinned(&String::from_utf8_lossy(content)).as_bytes(),
                )?;
            }
        }
        Ok(())
    }

    /// Writes the digests of all files, and says how many there are.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn finish(self) -> Result<usize, BundleError> {
        let mut sums = String::new();
        let all = Tree::of_folder(&self.folder)?;
        for (name, entry) in all.entries() {
            match entry {
                Entry::File { content, .. } if name.relative() != SUMS => {
                    sums.push_str(&format!("{}  {}\n", Digest::of(content).hex(), name.relative()));
                }
                _ => {}
            }
        }
        self.write(SUMS, sums.as_bytes())?;
        Ok(all.entries().count())
    }

    /// The table of images, as the program reads it.
    fn table(&self) -> String {
        self.images.iter().map(|(name, pinned)| format!("{name} = {pinned}\n")).collect()
    }

    fn pinned(&self, text: &str) -> String {
        let all = self.images.iter().chain(&self.runtimes);
        all.fold(text.to_owned(), |text, (name, pinned)| text.replace(name, pinned))
    }

    fn write_sbom(&self, builder: &Builder, program: &Program, bytes: &[u8]) -> Result<(), BundleError> {
        let mut sbom = Sbom::new(CLI, &builder.release.version, Digest::of(bytes), Purpose::Application);
        sbom.standard_library(&crates::compiler(&builder.programs)?);
        crates::crates(&builder.programs, program)?.iter().for_each(|krate| sbom.krate(krate));
        self.write("sbom/contrast.spdx.json", sbom.finish(&builder.release)?.as_bytes())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(writing(parent))?;
        }
        fs::write(&path, bytes).map_err(writing(&path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).map_err(writing(&path))
    }
}

fn writing(path: &Path) -> impl FnOnce(io::Error) -> BundleError {
    let path = path.to_owned();
    move |cause| BundleError::Io { path, cause }
}
