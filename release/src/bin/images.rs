//! `cargo xtask images`: container images of all programs, as OCI layouts.

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use contrast_release::{
    Store, debian,
    options::{Options, root},
    write_pins,
};

/// Makes container images, as OCI layouts, each with a list of what it is made of.
#[derive(Parser)]
#[command(bin_name = "cargo xtask images", max_term_width = 110)]
struct Arguments {
    /// Which; all, if none is named.
    names: Vec<String>,
    /// Folder for the layouts [default: target/images].
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Make no images: let the recipes take what Debian's mirror has now, and say what changes.
    #[arg(long, conflicts_with = "names")]
    update: bool,
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match if arguments.update { update(&arguments) } else { build(&arguments) } {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let builder = arguments.options.builder()?;
    let out = arguments.out.clone().unwrap_or_else(|| root().join("target/images"));
    for (name, recipe) in builder.recipes.choose(&arguments.names)? {
        let built = builder.build(name, recipe)?;
        let layout = out.join(name);
        built.image.write(&layout)?;
        let sbom = out.join(format!("{name}.spdx.json"));
        fs::write(&sbom, &built.sbom).map_err(|cause| format!("cannot write {}: {cause}", sbom.display()))?;
        println!("{}", built.image.pinned());
        let megabytes = built.image.size() as f64 / 1e6;
        println!("  {megabytes:.1} MB in {}; {} lists what it is made of", layout.display(), sbom.display());
    }
    Ok(())
}

fn update(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let recipes = arguments.options.recipes()?;
    let offered = debian::offered(&Store::of_user()?, recipes.package_names())?;
    write_pins(&arguments.options.recipe_folder(), &offered)?;
    let mut changed = 0;
    for (name, pin) in &offered {
        match recipes.packages.get(name) {
            Some(old) if old == pin => continue,
            Some(old) => println!("{name}: {} instead of {}", pin.version, old.version),
            None => println!("{name}: {}", pin.version),
        }
        changed += 1;
    }
    println!("{changed} of {} packages changed", offered.len());
    Ok(())
}
