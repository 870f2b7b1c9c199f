//! The command line.

use std::{fmt, str::FromStr, time::Duration};

use contrast_tests::attack::{ATTACKS, Attack, Target};

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Usage: attack [OPTIONS]

  --seconds N        for how long in all, the quiet before included (default 30)
  --only NAME        this attack only; may be repeated
  --addresses N      attackers come from so many addresses; 1, the default, is that of the honest clients, more are others
  --lowest-priority  attackers get what is left of the processors
  --judge-waiting    fail, too, if the slowest hundredth of honest clients waited more than twice its quiet time and 50 ms
  --list             say which attacks there are";

/// One parsed command line.
pub(crate) enum Request {
    Help,
    List,
    /// To be the attacker of another run of this program.
    LetLoose {
        attack: &'static Attack,
        target: Target,
        lowest_priority: bool,
    },
    Run(Options),
}

/// How to run.
pub(crate) struct Options {
    pub(crate) seconds: u32,
    pub(crate) attacks: Vec<&'static Attack>,
    pub(crate) addresses: u8,
    pub(crate) lowest_priority: bool,
    pub(crate) judge_waiting: bool,
}

/// Why a command line cannot be understood.
pub(crate) enum Problem {
    Unexpected(String),
    UnknownAttack(String),
    NotPositive(&'static str),
    NotFromARun,
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// The first argument that has no meaning.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Request, Problem> {
    let mut arguments = arguments.into_iter();
    let mut options = Options {
        seconds: 30,
        attacks: Vec::new(),
        addresses: 1,
        lowest_priority: false,
        judge_waiting: false,
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "let-loose" => return let_loose(&arguments.collect::<Vec<_>>()),
            "--help" | "-h" => return Ok(Request::Help),
            "--list" => return Ok(Request::List),
            "--seconds" => options.seconds = positive("--seconds", arguments.next())?,
            "--addresses" => options.addresses = positive("--addresses", arguments.next())?,
            "--only" => options.attacks.push(named(&arguments.next().unwrap_or_default())?),
            "--lowest-priority" => options.lowest_priority = true,
            "--judge-waiting" => options.judge_waiting = true,
            _ => return Err(Problem::Unexpected(argument)),
        }
    }
    if options.attacks.is_empty() {
        options.attacks = ATTACKS.iter().collect();
    }
    Ok(Request::Run(options))
}

/// What a run says to the attackers that it starts: name, user API, mesh API, milliseconds, addresses, priority.
fn let_loose(arguments: &[String]) -> Result<Request, Problem> {
    let [name, user_api, mesh_api, time, addresses, rest @ ..] = arguments else {
        return Err(Problem::NotFromARun);
    };
    let target = (|| {
        let time = Duration::from_millis(time.parse().ok()?);
        let (user_api, mesh_api) = (user_api.parse().ok()?, mesh_api.parse().ok()?);
        Some(Target { user_api, mesh_api, time, addresses: addresses.parse().ok()? })
    })();
    let target =
        target.filter(|target| target.user_api.ip().is_loopback() && target.mesh_api.ip().is_loopback());
    let target = target.ok_or(Problem::NotFromARun)?;
    Ok(Request::LetLoose { attack: named(name)?, target, lowest_priority: rest == ["lowest-priority"] })
}

fn named(name: &str) -> Result<&'static Attack, Problem> {
    ATTACKS.iter().find(|attack| attack.name == name).ok_or_else(|| Problem::UnknownAttack(name.to_owned()))
}

/// A number that is not 0 and fits.
fn positive<N: FromStr + Default + PartialEq>(
    option: &'static str,
    value: Option<String>,
) -> Result<N, Problem> {
    let number = value.and_then(|value| value.parse().ok()).filter(|number| *number != N::default());
    number.ok_or(Problem::NotPositive(option))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected(argument) => write!(f, "the argument `{argument}` is not expected here."),
            Self::UnknownAttack(name) => {
                write!(f, "there is no attack `{name}`; `--list` says which there are.")
            }
            Self::NotPositive(option) => {
                write!(f, "`{option}` needs a whole number of at least 1, and not a huge one.")
            }
            Self::NotFromARun => {
                f.write_str("`let-loose` is what a run of this program says to its attackers.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Request, Problem> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_attack_is_made_unless_some_are_named() {
        let names = |line| match read(line) {
            Ok(Request::Run(options)) => options.attacks.iter().map(|attack| attack.name).collect::<Vec<_>>(),
            _ => panic!("{line}"),
        };
        assert_eq!(names("--seconds 5").len(), ATTACKS.len());
        assert_eq!(names("--only bodies --only churn"), ["bodies", "churn"]);
    }

    #[test]
    fn attackers_are_let_loose_on_this_machine_only() {
        let on = |api: &str| read(&format!("let-loose churn {api} 127.0.0.1:2 1000 1"));
        assert!(matches!(on("127.0.0.1:1"), Ok(Request::LetLoose { lowest_priority: false, .. })));
        for elsewhere in ["10.0.0.1:1", "192.0.2.1:1", "0.0.0.0:1", "coordinator:1"] {
            assert!(matches!(on(elsewhere), Err(Problem::NotFromARun)), "{elsewhere}");
        }
    }

    #[test]
    fn what_has_no_meaning_is_named() {
        assert!(matches!(read("--secnods 5"), Err(Problem::Unexpected(argument)) if argument == "--secnods"));
        assert!(matches!(read("--seconds 0"), Err(Problem::NotPositive("--seconds"))));
        assert!(matches!(read("--only bodys"), Err(Problem::UnknownAttack(name)) if name == "bodys"));
    }
}
