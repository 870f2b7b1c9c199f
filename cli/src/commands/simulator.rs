//! `contrast simulator`: hardware for machines that have none.

mod reference_values;

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use contrast_attestation::{
    simulated::{Processor, SimulatorError},
    snp::Product,
};

use crate::{
    arguments::{SimulatorCommand, SimulatorOptions},
    failure::{Advice, Failure},
    output::{self, with_progress},
};

/// The simulated processor cannot be made.
#[derive(thiserror::Error, Debug)]
pub(crate) enum InitError {
    /// The folder has files of something else, or a processor.
    #[error("{} is not empty", dir.display())]
    NotEmpty { dir: PathBuf },
    /// There is no such processor.
    #[error("there is no processor {name}")]
    UnknownProduct { name: String },
    /// Making it failed.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    /// Making it did not end.
    #[error("the simulated processor was not finished")]
    Abandoned,
}

impl Advice for InitError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NotEmpty { .. } => {
                Some("give a new folder: keys of a processor that is in use must not be overwritten".into())
            }
            Self::UnknownProduct { .. } => Some("choose Milan, Genoa or Turin".into()),
            Self::Simulator(_) | Self::Abandoned => None,
        }
    }
}

/// Makes a simulated processor and prints its reference values.
pub(crate) async fn simulator(options: SimulatorOptions) -> Result<(), Failure> {
    let (dir, product) = match options.command {
        SimulatorCommand::Init { dir, product } => (dir, product),
        SimulatorCommand::ReferenceValues { coordinator, cluster } => {
            return reference_values::print(&coordinator, &cluster).await;
        }
    };
    refuse_full_folder(&dir)?;
    let product = Product::from_name(&product).ok_or(InitError::UnknownProduct { name: product })?;
    let processor = with_progress("Making the keys of a simulated processor", async |_| {
        // Two RSA keys of 4096 bits take a while.
        tokio::task::spawn_blocking(move || Processor::init_as(&dir, product)).await
    })
    .await
    .map_err(|_| InitError::Abandoned)?
    .map_err(InitError::Simulator)?;
    output::note(
        "Put this into ReferenceValues.simulated of a manifest. Nothing that it accepts is confidential.",
    );
    output::result(&format!("{:#}\n", processor.reference_values_json()));
    Ok(())
}

fn refuse_full_folder(dir: &Path) -> Result<(), InitError> {
    // Absent is as good as empty; whatever else is wrong shows when it is written to.
    let is_full = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if is_full { Err(InitError::NotEmpty { dir: dir.to_owned() }) } else { Ok(()) }
}
