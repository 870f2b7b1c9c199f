//! `contrast measure`: reference values from the files that a guest is launched with.

mod error;
mod options;
mod snp;
mod tdx;

use contrast_attestation::firmware::Image;

pub(crate) use options::MeasureOptions;

use super::aside;
use crate::{
    failure::Failure,
    output,
    workspace::{self, WorkspaceError},
};
use error::MeasureError;
use options::{MeasureCommand, MeasureFormat};

/// Computes the values of one entry, and prints it.
pub(crate) async fn measure(options: MeasureOptions) -> Result<(), Failure> {
    match options.command {
        MeasureCommand::Snp(options) => {
            let format = options.output;
            let entry = aside("Measuring", move || snp::measure(&options)).await?;
            print(&entry, format);
        }
        MeasureCommand::Tdx(options) => {
            let format = options.output;
            let entry = aside("Measuring", move || tdx::measure(&options)).await?;
            print(&entry, format);
        }
    }
    Ok(())
}

/// An entry of reference values, as far as it was computed.
trait Entry {
    /// For people.
    fn to_table(&self) -> String;
    /// The members of the entry in the manifest.
    fn to_json(&self) -> serde_json::Value;
    /// What has to be known to use the values.
    fn notes(&self) -> Vec<String>;
}

fn print(entry: &impl Entry, format: MeasureFormat) {
    match format {
        MeasureFormat::Table => output::result(&entry.to_table()),
        MeasureFormat::Json => output::result(&format!("{:#}\n", entry.to_json())),
    }
    for note in entry.notes() {
        output::note(&note);
    }
}

/// Does something with the firmware in a file.
fn with_firmware<T>(
    path: &std::path::Path,
    work: impl FnOnce(&Image<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let bytes = boot_file(path)?;
    let image =
        Image::parse(&bytes).map_err(|source| MeasureError::Firmware { path: path.to_owned(), source })?;
    work(&image)
}

/// The content of a file that guests are launched with.
fn boot_file(path: &std::path::Path) -> Result<Vec<u8>, WorkspaceError> {
    workspace::read_bounded(path, workspace::MAX_BOOT_FILE_LEN)
}

/// Names and values in two columns, indented.
fn columns(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    rows.iter().map(|(name, value)| format!("  {name:width$}  {value}\n")).collect()
}
