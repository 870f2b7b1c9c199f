//! `cargo xtask demo --cluster`: docs/guide.md, on a real cluster with one node that is made for it, told as it happens.

use std::{env, path::PathBuf, process::ExitCode};

use contrast_tests::{
    Cluster, Containerd,
    guide::{Outcome, Reader},
    narration::{bold, wrapped},
    page::Part,
};

fn main() -> ExitCode {
    let folder = match folder() {
        Ok(folder) => folder,
        Err(reason) => {
            eprintln!("Error: {reason}");
            return ExitCode::from(2);
        }
    };
    println!(
        "A cluster with one node is started, and removed at the end. Nothing on it is confidential: its hardware is simulated."
    );
    let cluster = Cluster::up_in(&folder.join("cluster"), Containerd::Two);
    println!(
        "A release is made of the programs of this work tree, and its images are brought to the cluster."
    );
    let mut reader = Reader::new(&cluster, &folder);
    let outcome = reader.read(tell);
    drop(reader);
    if let Err(reason) = &outcome {
        eprintln!("\nError: the guide does not hold: {reason}\n\n{}", cluster.report());
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

/// A new folder: the one after `--dir`, or one beside where this stands.
fn folder() -> Result<PathBuf, String> {
    let mut arguments = env::args_os().skip(1);
    let folder = match (arguments.next(), arguments.next(), arguments.next()) {
        (None, ..) => PathBuf::from("guide-workspace"),
        (Some(option), Some(folder), None) if option == "--dir" => folder.into(),
        _ => {
            return Err(
                "the only option is `--dir FOLDER`, a folder for the release and the cluster".to_owned()
            );
        }
    };
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is not empty; remove it, or name another with `--dir`", folder.display()));
    }
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
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
