//! The command line.

use std::{ffi::OsString, fmt, time::Duration};

use crate::{cluster, fuzz};

/// What `cargo xtask help` prints.
pub(crate) const USAGE: &str = "\
Usage: cargo xtask COMMAND

  demo [ARGS...]            one deployment's whole life on this machine, step by step
  demo --cluster            the guide on a real cluster made for it, step by step
  test [--cluster]          everything that CI runs, installing what it needs first; with the tests on a real Kubernetes
  ci                        the demo and the tests in a bare Debian made for it, if this is Debian and you are root
  lint                      formatting, clippy, documentation, house rules, banned crates and licences
  fuzz [TARGET] [--seconds N]
                            run one fuzz target, or each in turn (default 10 seconds each)
  bench [ARGS...]           the benchmark table, built with optimisation
  images [NAME...] [ARGS...]
                            container images of the programs, as OCI layouts in target/images
  release [ARGS...]         everything that a release consists of, in dist
  cluster up|down|restart [--containerd 2|1.6] [--dir DIR]
                            a real Kubernetes with one node on this machine, as root
  cluster run [--containerd 2|1.6] [--dir DIR] -- COMMAND...
                            a command with this machine's files, in the node's network, with KUBECONFIG set
  cluster node [--containerd 2|1.6] [--dir DIR] -- COMMAND...
                            a command on the node itself
  cluster push [--containerd 2|1.6] [--dir DIR] LAYOUT NAME
                            an image, from the folder of an OCI layout to the node's registry
  setup                     install the Debian packages, Rust components and Python programs that the tests need";

/// One parsed command line.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Request {
    Help,
    Setup,
    Demo(Vec<OsString>),
    Bench(Vec<OsString>),
    Images(Vec<OsString>),
    Release(Vec<OsString>),
    Fuzz(fuzz::Options),
    Cluster(cluster::Order),
    Lint,
    Test { with_cluster: bool },
    Ci,
}

/// Why a command line cannot be understood.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Problem {
    UnknownCommand(OsString),
    UnexpectedArgument(OsString),
    NotSeconds(OsString),
    NoSeconds,
    Cluster(cluster::OrderProblem),
}

/// Reads the arguments after the program's name; none at all asks for help.
///
/// # Errors
/// The first argument that has no meaning.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, Problem> {
    let mut arguments = arguments.into_iter();
    let Some(command) = arguments.next() else { return Ok(Request::Help) };
    let rest: Vec<OsString> = arguments.collect();
    let alone = |request| match rest.first() {
        None => Ok(request),
        Some(extra) => Err(Problem::UnexpectedArgument(extra.clone())),
    };
    match command.to_str() {
        Some("help" | "-h" | "--help") => Ok(Request::Help),
        Some("setup") => alone(Request::Setup),
        Some("lint") => alone(Request::Lint),
        Some("test") if rest == ["--cluster"] => Ok(Request::Test { with_cluster: true }),
        Some("test") => alone(Request::Test { with_cluster: false }),
        Some("ci") => alone(Request::Ci),
        Some("demo") => Ok(Request::Demo(rest)),
        Some("bench") => Ok(Request::Bench(rest)),
        Some("images") => Ok(Request::Images(rest)),
        Some("release") => Ok(Request::Release(rest)),
        Some("cluster") => cluster::Order::parse(rest).map(Request::Cluster).map_err(Problem::Cluster),
        Some("fuzz") => parse_fuzz(rest).map(Request::Fuzz),
        _ => Err(Problem::UnknownCommand(command)),
    }
}

fn parse_fuzz(arguments: Vec<OsString>) -> Result<fuzz::Options, Problem> {
    let mut options = fuzz::Options::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--seconds" {
            let value = arguments.next().ok_or(Problem::NoSeconds)?;
            let seconds = value.to_str().and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
            options.time_per_target = Duration::from_secs(seconds.ok_or(Problem::NotSeconds(value))?);
        } else if options.only.is_none() && !argument.to_string_lossy().starts_with('-') {
            options.only = Some(argument.to_string_lossy().into_owned());
        } else {
            return Err(Problem::UnexpectedArgument(argument));
        }
    }
    Ok(options)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand(name) => write!(f, "there is no command `{}`.", name.display()),
            Self::UnexpectedArgument(text) => {
                write!(f, "the argument `{}` is not expected here.", text.display())
            }
            Self::NotSeconds(text) => {
                write!(f, "`--seconds {}` is not a positive whole number.", text.display())
            }
            Self::NoSeconds => f.write_str("`--seconds` needs a number."),
            Self::Cluster(problem) => problem.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Request, Problem> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn no_command_asks_for_help() {
        assert_eq!(read(""), Ok(Request::Help));
    }

    #[test]
    fn a_misspelt_command_is_wrong_usage() {
        assert_eq!(read("tset"), Err(Problem::UnknownCommand("tset".into())));
    }

    #[test]
    fn test_takes_nothing_but_the_wish_for_a_cluster() {
        assert_eq!(read("test"), Ok(Request::Test { with_cluster: false }));
        assert_eq!(read("test --cluster"), Ok(Request::Test { with_cluster: true }));
        assert_eq!(read("test quickly"), Err(Problem::UnexpectedArgument("quickly".into())));
    }

    #[test]
    fn commands_that_are_programs_of_their_own_get_their_arguments() {
        assert_eq!(read("demo --dir x"), Ok(Request::Demo(vec!["--dir".into(), "x".into()])));
        assert_eq!(read("bench -q"), Ok(Request::Bench(vec!["-q".into()])));
        assert_eq!(read("images --update"), Ok(Request::Images(vec!["--update".into()])));
        assert_eq!(read("release"), Ok(Request::Release(Vec::new())));
    }

    #[test]
    fn fuzz_takes_a_target_and_a_time() {
        let options =
            fuzz::Options { only: Some("manifest".into()), time_per_target: Duration::from_secs(3) };
        assert_eq!(read("fuzz manifest --seconds 3"), Ok(Request::Fuzz(options)));
        assert_eq!(read("fuzz --seconds 0"), Err(Problem::NotSeconds("0".into())));
        assert_eq!(read("fuzz --seconds"), Err(Problem::NoSeconds));
        assert_eq!(read("fuzz a b"), Err(Problem::UnexpectedArgument("b".into())));
    }
}
