//! What is asked of a test cluster.

use std::{ffi::OsString, fmt, path::PathBuf};

/// One parsed command line of `cargo xtask cluster`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Order {
    pub(super) action: Action,
    pub(super) containerd: Containerd,
    /// Where the cluster keeps its files; by default in the build folder.
    pub(super) folder: Option<PathBuf>,
}

/// What to do with the cluster.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Action {
    Up,
    Down,
    Restart,
    /// A command with this machine's files, in the node's network.
    Run(Vec<OsString>),
    /// A command on the node.
    Node(Vec<OsString>),
    /// Brings an image, which is a folder with an OCI layout, to the node's registry.
    Push {
        layout: PathBuf,
        name: String,
    },
}

/// Which containerd runs on the node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Containerd {
    /// Version 2, built from source.
    #[default]
    Two,
    /// That of Debian 12.
    OneSix,
}

impl Containerd {
    /// As options and names of files have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Two => "2",
            Self::OneSix => "1.6",
        }
    }
}

/// Why a command line cannot be understood.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Problem {
    NoAction,
    UnknownAction(OsString),
    UnknownContainerd(OsString),
    NoValue(&'static str),
    NoCommand,
    NoImage,
    Unexpected(OsString),
}

impl Order {
    /// Reads the arguments after `cluster`. Options come before the command that is to be run; `--` between them is optional.
    ///
    /// # Errors
    /// The first argument that has no meaning, or that something is missing.
    pub(crate) fn parse(arguments: Vec<OsString>) -> Result<Self, Problem> {
        let mut arguments = arguments.into_iter();
        let action = arguments.next().ok_or(Problem::NoAction)?;
        let (mut containerd, mut folder, mut rest) = (Containerd::default(), None, Vec::new());
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--containerd") => {
                    let version = arguments.next().ok_or(Problem::NoValue("--containerd"))?;
                    containerd = match version.to_str() {
                        Some("2") => Containerd::Two,
                        Some("1.6") => Containerd::OneSix,
                        _ => return Err(Problem::UnknownContainerd(version)),
                    };
                }
                Some("--dir") => folder = Some(arguments.next().ok_or(Problem::NoValue("--dir"))?.into()),
                Some("--") => rest.extend(arguments.by_ref()),
                Some(option) if option.starts_with('-') => return Err(Problem::Unexpected(argument)),
                _ => {
                    rest.push(argument);
                    rest.extend(arguments.by_ref().skip_while(|argument| argument == "--"));
                }
            }
        }
        Ok(Self { action: Action::parse(action, rest)?, containerd, folder })
    }
}

impl Action {
    fn parse(name: OsString, rest: Vec<OsString>) -> Result<Self, Problem> {
        let alone = |action| match rest.first() {
            None => Ok(action),
            Some(extra) => Err(Problem::Unexpected(extra.clone())),
        };
        match name.to_str() {
            Some("up") => alone(Self::Up),
            Some("down") => alone(Self::Down),
            Some("restart") => alone(Self::Restart),
            Some("run" | "node") if rest.is_empty() => Err(Problem::NoCommand),
            Some("run") => Ok(Self::Run(rest)),
            Some("node") => Ok(Self::Node(rest)),
            Some("push") => match rest.as_slice() {
                [layout, image] => Ok(Self::Push {
                    layout: layout.into(),
                    name: image.to_str().ok_or_else(|| Problem::Unexpected(image.clone()))?.to_owned(),
                }),
                _ => Err(Problem::NoImage),
            },
            _ => Err(Problem::UnknownAction(name)),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAction => f.write_str("`cluster` needs one of up, down, restart, run, node, push."),
            Self::UnknownAction(name) => {
                write!(f, "`cluster {}` is none of up, down, restart, run, node, push.", name.display())
            }
            Self::UnknownContainerd(version) => {
                write!(f, "`--containerd {}` is neither 2 nor 1.6.", version.display())
            }
            Self::NoValue(option) => write!(f, "`{option}` needs a value."),
            Self::NoCommand => {
                f.write_str("a command is missing, as in `cargo xtask cluster run -- kubectl get pods`.")
            }
            Self::NoImage => {
                f.write_str("`cluster push` needs the folder of an OCI layout, and the image's name.")
            }
            Self::Unexpected(text) => write!(f, "the argument `{}` is not expected here.", text.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Order, Problem> {
        Order::parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn a_command_keeps_its_own_options() {
        let order = read("run --containerd 1.6 -- kubectl get pods --all-namespaces -- x").unwrap();
        let command = ["kubectl", "get", "pods", "--all-namespaces", "--", "x"].map(OsString::from).to_vec();
        assert_eq!(
            order,
            Order { action: Action::Run(command), containerd: Containerd::OneSix, folder: None }
        );
        assert_eq!(read("run kubectl --help"), read("run -- kubectl --help"));
    }

    #[test]
    fn a_folder_can_be_named() {
        let order = read("up --dir somewhere").unwrap();
        assert_eq!(order.folder, Some("somewhere".into()));
        assert_eq!(read("up --dir"), Err(Problem::NoValue("--dir")));
    }

    #[test]
    fn what_has_no_meaning_is_named() {
        assert_eq!(read(""), Err(Problem::NoAction));
        assert_eq!(read("upp"), Err(Problem::UnknownAction("upp".into())));
        assert_eq!(read("up --containerd 1.7"), Err(Problem::UnknownContainerd("1.7".into())));
        assert_eq!(read("up now"), Err(Problem::Unexpected("now".into())));
        assert_eq!(read("down --all"), Err(Problem::Unexpected("--all".into())));
        assert_eq!(read("run --"), Err(Problem::NoCommand));
        assert_eq!(read("push layout"), Err(Problem::NoImage));
    }
}
