//! `cargo xtask release`: everything that a release consists of, in one folder.

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use contrast_release::{
    Builder, Bundle,
    options::{Options, root},
};

/// Builds a release: the program `contrast`, container images, Kubernetes resources, and what each is made of.
#[derive(Parser)]
#[command(bin_name = "cargo xtask release", max_term_width = 110)]
struct Arguments {
    /// Folder for the release [default: dist].
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let out = arguments.out.unwrap_or_else(|| root().join("dist"));
    match release(&arguments.options, &out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn release(options: &Options, out: &Path) -> Result<(), Box<dyn Error>> {
    let builder = Builder { named_runtimes: true, ..options.builder()? };
    if builder.release.revision.is_none() {
        eprintln!("These sources are not those of a commit, so the images will not name one.");
    }
    let mut bundle = Bundle::create(out)?;
    for image in builder.recipes.images.keys() {
        println!("{}", bundle.add_image(&builder, image)?);
    }
    bundle.add_cli(&builder)?;
    bundle.add_resources(&root().join("deploy"))?;
    let files = bundle.finish()?;
    println!("{files} files in {}; `sha256sum --check SHA256SUMS` there compares them", out.display());
    Ok(())
}
