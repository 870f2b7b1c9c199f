//! Attacks a Coordinator as strangers can, and says how long honest clients waited meanwhile.
//!
//! `cargo run -p contrast-tests --bin attack -- --seconds 30`. The Coordinator is a process of its own on this machine, and
//! so is each attacker. Exit code 1 says that an honest client failed, or that the memory was more than what is promised.

mod options;
mod report;

use std::{process::ExitCode, time::Duration};

use contrast_tests::attack::{ATTACKS, Attack, Manner, Siege, let_loose};
use options::{Options, Request, USAGE};
use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};

/// No attack gets less; and the quiet before them gets as long as each of them, this at least.
const LEAST: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match options::parse(std::env::args().skip(1)) {
        Ok(Request::Help) => println!("{USAGE}"),
        Ok(Request::List) => {
            for Attack { name, what, .. } in &ATTACKS {
                println!("{name:<14}{what}");
            }
        }
        Ok(Request::LetLoose { attack, target, lowest_priority }) => {
            prepare(lowest_priority);
            // Whoever started this process stops it by closing its end, or by its own.
            let told_to_stop = || drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
            println!("{}", let_loose(attack, target, told_to_stop));
        }
        Ok(Request::Run(options)) => return run(&options),
        Err(problem) => {
            eprintln!("Error: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn run(options: &Options) -> ExitCode {
    prepare(false);
    let turns = u32::try_from(options.attacks.len()).unwrap_or(u32::MAX).saturating_add(1);
    let time = (Duration::from_secs(options.seconds.into()) / turns).max(LEAST);
    let Options { addresses, lowest_priority, .. } = *options;
    let siege = Siege::lay(time);
    let mut outcomes = Vec::new();
    for attack in &options.attacks {
        eprintln!("{}: {}", attack.name, attack.what);
        outcomes.push(siege.endure(attack, Manner { time, addresses, lowest_priority }));
    }
    report::print(&siege.quiet, &outcomes, options.judge_waiting)
}

/// Thousands of connections need as many files. What the operating system refuses only makes the attack weaker.
fn prepare(lowest_priority: bool) {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    if lowest_priority {
        const LOWEST: i32 = 19;
        // Threads that are started later have it, too.
        let _ = setpriority_process(None, LOWEST);
    }
}
