//! `contrast man`: manual pages, one for each command.

use std::path::Path;

use clap::CommandFactory as _;

use crate::{arguments::Arguments, failure::Failure};

/// Writes the pages into a folder.
pub(crate) fn man(folder: &Path) -> Result<(), Failure> {
    clap_mangen::generate_to(Arguments::command(), folder)
        .map_err(|error| Failure::from_system("the manual pages cannot be written", error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_command_has_a_page_but_hidden_ones() {
        let dir = tempfile::tempdir().unwrap();
        man(dir.path()).unwrap();
        for command in Arguments::command().get_subcommands() {
            let page = dir.path().join(format!("contrast-{}.1", command.get_name()));
            assert_eq!(page.exists(), !command.is_hide_set(), "{}", page.display());
        }
        let page = fs::read_to_string(dir.path().join("contrast-set.1")).unwrap();
        assert!(page.contains("Give the Coordinator a manifest"), "{page}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        assert!(man(&dir.path().join("nowhere")).is_err());
    }
}
