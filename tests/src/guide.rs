//! docs/guide.md on a cluster, as somebody goes through it who has unpacked a release.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    cluster::Cluster,
    page::{Part, Run, Session, Step, parts},
    programs::workspace_root,
    release::UnpackedRelease,
};

/// Somebody who goes through the guide.
pub struct Reader {
    session: Session,
}

/// What became of a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It did what the page says, and printed this.
    Done(String),
    /// The page says why it is not run.
    NotRun(String),
}

impl Reader {
    /// Puts a release into an empty folder, brings its images to the cluster, and opens a shell there.
    ///
    /// # Panics
    /// If the release cannot be made.
    #[must_use]
    pub fn new(cluster: &Cluster, folder: &Path) -> Self {
        let release = UnpackedRelease::new(&folder.join("release"));
        release.bring_to(cluster);
        let home = folder.join("home");
        fs::create_dir_all(&home).expect("a folder");
        Self { session: Session::start(shell(cluster, release.folder(), &home), folder.join("steps")) }
    }

    /// Goes through the guide. `see` is shown each part of it: of steps, when they are done.
    ///
    /// # Errors
    /// The first step that is not as the guide says.
    pub fn read(&mut self, mut see: impl FnMut(&Part, Option<&Outcome>)) -> Result<(), String> {
        let page = fs::read_to_string(page()).map_err(|error| error.to_string())?;
        for part in parts(&page) {
            let Part::Step(step) = &part else {
                see(&part, None);
                continue;
            };
            let outcome = self.step(step)?;
            see(&part, Some(&outcome));
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<Outcome, String> {
        match &step.run {
            Run::No(reason) => Ok(Outcome::NotRun(reason.clone())),
            Run::Succeeds | Run::Fails => self.session.run(step).map(Outcome::Done),
        }
    }
}

/// Where the guide is.
#[must_use]
pub fn page() -> PathBuf {
    workspace_root().join("docs/guide.md")
}

/// A shell in the network of the cluster, with a kubeconfig and a home folder of its own.
fn shell(cluster: &Cluster, folder: &Path, home: &Path) -> Command {
    const OWN_FILE: &str =
        r#"cp "$KUBECONFIG" "$HOME/kubeconfig"; export KUBECONFIG=$HOME/kubeconfig; exec bash --norc"#;
    // Only in the shell: the cluster's programs are found by the home folder of whoever runs this.
    let mut shell = cluster.command("env");
    // Settings of whoever runs the tests are not the reader's.
    for name in ["CONTRAST_CACHE_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DOCKER_CONFIG"] {
        shell.args(["-u", name]);
    }
    shell.arg(format!("HOME={}", home.display())).args(["bash", "--norc", "-c", OWN_FILE]);
    shell.current_dir(folder);
    shell
}
