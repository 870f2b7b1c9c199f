//! `contrast man`: manual pages, one for each command.

use std::path::Path;

use clap::CommandFactory as _;

use crate::{arguments::Arguments, failure::Failure};

/// Writes the pages into a folder.
pub(crate) fn man(folder: &Path) -> Result<(), Failure> {
    clap_mangen::generate_to(Arguments::command(), folder)
        .map_err(|error| Failure::from_system("the manual pages cannot be written", error))
}
