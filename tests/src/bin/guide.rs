//! `cargo xtask demo --cluster`: docs/guide.md, on a real cluster with one node that is made for it, told as it happens.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use contrast_tests::{
    Cluster, Containerd,
    guide::{Outcome, Reader},
    narration::{bold, wrapped},
    page::Part,
};

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("Error: {reason}");
            return ExitCode::from(2);
        }
    };
    println!(
        "A cluster with one node is started, and removed at the end. Nothing on it is confidential: its hardware is simulated."
    );
    let Options { folder, keep } = options;
    let place = folder.join("cluster");
    let cluster = Cluster::up_in(&place, Containerd::Two);
    println!(
        "A release is made of the programs of this work tree, and its images are brought to the cluster."
    );
    let mut reader = Reader::new(&cluster, &folder);
    let outcome = reader.read(tell);
    drop(reader);
    if let Err(reason) = &outcome {
        eprintln!("\nError: the guide does not hold: {reason}\n\n{}", cluster.report());
    }
    if keep && outcome.is_err() {
        println!(
            "The cluster is left as it is. To look inside, and to remove it:\n  \
             cargo xtask cluster run --dir {place} -- env KUBECONFIG={home}/kubeconfig bash\n  \
             cargo xtask cluster down --dir {place}",
            place = place.display(),
            home = folder.join("home").display(),
        );
        return ExitCode::FAILURE;
    }
    cluster.down();
    match outcome {
        Ok(()) => {
            println!(
                "\nAll of this held. The release and what the guide made of it are in {}.",
                folder.display()
            );
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}

/// What the command line asks for.
struct Options {
    /// A new folder, for the release and the cluster.
    folder: PathBuf,
    /// Whether the cluster stays if the guide does not hold.
    keep: bool,
}

impl Options {
    fn read() -> Result<Self, String> {
        let (mut folder, mut keep) = (PathBuf::from("guide-workspace"), false);
        let mut arguments = env::args_os().skip(1);
        while let Some(option) = arguments.next() {
            match option.to_str() {
                Some("--keep") => keep = true,
                Some("--dir") => {
                    folder = arguments.next().ok_or("`--dir` needs a folder after it")?.into();
                }
                _ => {
                    return Err(format!(
                        "unknown option {}; there are `--dir FOLDER`, a folder for the release and the cluster, and `--keep`, \
                         which leaves the cluster if the guide does not hold",
                        option.display()
                    ));
                }
            }
        }
        Ok(Self { folder: empty(&folder)?, keep })
    }
}

/// A folder with nothing in it.
fn empty(folder: &Path) -> Result<PathBuf, String> {
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is not empty; remove it, or name another with `--dir`", folder.display()));
    }
    std::fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    folder.canonicalize().map_err(|error| format!("cannot find {}: {error}", folder.display()))
}

/// Shows a part of the guide as a terminal can.
fn tell(part: &Part, outcome: Option<&Outcome>) {
    match part {
        Part::Heading { text, .. } => println!("\n{}\n", bold(text)),
        Part::Prose(text) => paragraph(text),
        Part::Step(step) => {
            for line in step.commands.lines() {
                println!("    {}", bold(&format!("$ {line}")));
            }
            match outcome {
                Some(Outcome::Done(printed)) => printed.lines().for_each(|line| println!("    {line}")),
                Some(Outcome::NotRun(reason)) => println!("    (not run: {reason})"),
                None => {}
            }
            println!();
        }
    }
}

fn paragraph(text: &str) {
    if text.lines().any(|line| line.starts_with(['-', '|', '1'])) {
        println!("{text}\n");
        return;
    }
    println!("{}\n", wrapped(text).join("\n"));
}
