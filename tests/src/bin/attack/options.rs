//! The command line.

use std::{fmt, time::Duration};

use contrast_tests::attack::{ATTACKS, Attack, Target};

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Usage: attack [OPTIONS]

  --seconds N        for how long in all, the quiet before included (default 30)
  --only NAME        this attack only; may be repeated
  --addresses N      attackers come from so many addresses, that of the honest clients first (default 1)
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
    pub(crate) seconds: u64,
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
            "--seconds" => options.seconds = positive("--seconds", arguments.next())?.into(),
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

fn positive(option: &'static str, value: Option<String>) -> Result<u8, Problem> {
    let number = value.and_then(|value| value.parse().ok()).filter(|number| *number > 0);
    number.ok_or(Problem::NotPositive(option))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected(argument) => write!(f, "the argument `{argument}` is not expected here."),
            Self::UnknownAttack(name) => {
                write!(f, "there is no attack `{name}`; `--list` says which there are.")
            }
            Self::NotPositive(option) => write!(f, "`{option}` needs a number from 1 to 255."),
            Self::NotFromARun => {
                f.write_str("`let-loose` is what a run of this program says to its attackers.")
            }
        }
    }
}
