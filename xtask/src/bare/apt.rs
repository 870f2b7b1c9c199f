//! Where this machine's apt takes its distribution from.

use std::fs;

use crate::{failure::Failure, process, setup};

/// The distribution's own archives, in the words of a root that has nothing else.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Archives {
    /// What `debootstrap` starts from.
    pub(super) mirror: String,
    /// Content of `sources.list`: updates and security fixes as well.
    pub(super) sources: String,
}

impl Archives {
    /// Asks apt, after it has read the archives' own descriptions.
    ///
    /// # Errors
    /// When apt fails, or takes the distribution from nowhere.
    pub(super) fn of_this_machine(codename: &str) -> Result<Self, Failure> {
        process::run(setup::apt().args(["update", "--quiet"]))?;
        let format = "$(ORIGIN) $(CODENAME) $(RELEASE) $(COMPONENT) $(REPO_URI)";
        let mut command = process::program("apt-get");
        command.args(["indextargets", "--format", format, "Identifier: Packages"]);
        let targets = process::output(&mut command)?;
        Self::read(&targets, codename).ok_or_else(|| Failure::NoArchive { codename: codename.to_owned() })
    }

    /// Takes the distribution out of all of apt's sources.
    fn read(targets: &str, codename: &str) -> Option<Self> {
        let (mut mirror, mut sources) = (None, Vec::new());
        for line in targets.lines() {
            let fields: Vec<_> = line.split_whitespace().collect();
            let ["Debian" | "Ubuntu", its_codename, suite, component, uri] = fields.as_slice() else {
                continue;
            };
            if !its_codename.starts_with(codename) {
                continue;
            }
            // Others are for updates and security fixes.
            if !suite.contains('-') && *component == "main" && mirror.is_none() {
                mirror = Some((*uri).to_owned());
            }
            let source = format!("deb {uri} {suite} {component}\n");
            // Each architecture has a line.
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        Some(Self { mirror: mirror?, sources: sources.concat() })
    }
}

/// How apt fetches here (proxies, checks), as a configuration file; hooks and the like stay out.
///
/// # Errors
/// When apt does not tell.
pub(super) fn fetching() -> Result<String, Failure> {
    let all = process::output(process::program("apt-config").args(["dump", "Acquire"]))?;
    // The list of what to fetch belongs to the programs that are installed here.
    let kept = all.lines().filter(|line| !line.starts_with("Acquire::IndexTargets"));
    Ok(kept.flat_map(|line| [line, "\n"]).collect())
}

/// Name of the release that runs here.
pub(super) fn codename() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let of = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    matches!(of("ID"), Some("debian" | "ubuntu")).then(|| of("VERSION_CODENAME").map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "\
Debian bookworm-security bookworm-security main http://mirror.example/security/
Debian bookworm bookworm main http://mirror.example/debian/
Debian bookworm bookworm main http://mirror.example/debian/
Somebody bookworm bookworm main http://else.example/
 bookworm bookworm main http://never-read.example/
";

    #[test]
    fn only_the_archives_of_the_distribution_are_taken_each_once() {
        let archives = Archives::read(TARGETS, "bookworm").unwrap();
        assert_eq!(archives.mirror, "http://mirror.example/debian/");
        assert_eq!(
            archives.sources,
            "deb http://mirror.example/security/ bookworm-security main\n\
             deb http://mirror.example/debian/ bookworm main\n"
        );
    }

    #[test]
    fn a_release_that_apt_does_not_know_has_no_archives() {
        assert_eq!(Archives::read(TARGETS, "trixie"), None);
    }
}
