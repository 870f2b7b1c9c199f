//! Settings of the policies: those of the platform, but for what a file says.

use std::{
    borrow::Cow,
    io,
    path::{Path, PathBuf},
};

use contrast_policy::{Settings, SettingsFault};
use serde_json::Value;

use super::platform::Platform;
use crate::{
    failure::Advice,
    workspace::{self, WorkspaceError},
};

/// Settings cannot be had.
#[derive(thiserror::Error, Debug)]
pub(crate) enum SettingsError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// It says something else.
    #[error("{} holds no settings for policies: {source}", path.display())]
    Form { path: PathBuf, source: serde_json::Error },
    /// It says what no policy can follow.
    #[error("{} cannot be followed: {source}", path.display())]
    Fault { path: PathBuf, source: SettingsFault },
}

impl Advice for SettingsError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::File(error) => error.advice(),
            Self::Fault { .. } => Some("docs/policies.md says what each setting means".into()),
            Self::Form { .. } => Some(
                "docs/policies.md lists the settings; a file of another program has others, and must be moved away".into(),
            ),
        }
    }
}

/// What a file says; nothing if it was not asked for and is not there.
pub(crate) struct SettingsFile {
    path: PathBuf,
    content: Option<Vec<u8>>,
}

impl SettingsFile {
    /// Reads it. `asked_for`: it has to be there.
    pub(crate) fn read(path: PathBuf, asked_for: bool) -> Result<Self, SettingsError> {
        let content = match workspace::read(&path) {
            Ok(content) => Some(content),
            Err(WorkspaceError::Read { source, .. })
                if !asked_for && source.kind() == io::ErrorKind::NotFound =>
            {
                None
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { path, content })
    }

    /// The file, if there is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.content.as_ref().map(|_| self.path.as_path())
    }

    /// The settings for a platform.
    pub(crate) fn on(&self, platform: Platform) -> Result<Settings, SettingsError> {
        let settings = platform.settings();
        let Some(content) = &self.content else { return Ok(settings) };
        let form = |source| SettingsError::Form { path: self.path.clone(), source };
        let given: serde_json::Map<String, Value> = serde_json::from_slice(content).map_err(form)?;
        let mut all = serde_json::to_value(settings).map_err(form)?;
        if let Some(all) = all.as_object_mut() {
            all.extend(given);
        }
        let settings: Settings = serde_json::from_value(all).map_err(form)?;
        settings.check().map_err(|source| SettingsError::Fault { path: self.path.clone(), source })?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(platform: Platform, text: &str) -> Result<Settings, SettingsError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        std::fs::write(&path, text).unwrap();
        SettingsFile::read(path, true)?.on(platform)
    }

    #[test]
    fn a_file_changes_only_what_it_names() {
        let settings = on(Platform::AksClhSnp, "{\"logs\": true}").unwrap();
        assert_eq!(settings, Settings { logs: true, ..Settings::of_layers() });
        assert_eq!(on(Platform::MetalQemuSnp, "{}").unwrap(), Settings::default());
    }

    #[test]
    fn what_is_no_setting_is_named() {
        let error = on(Platform::MetalQemuSnp, "{\"pause_container\": {}}").unwrap_err();
        assert!(error.to_string().contains("pause_container"), "{error}");
        for text in ["", "[]", "{\"logs\": 1}"] {
            assert!(matches!(on(Platform::MetalQemuSnp, text), Err(SettingsError::Form { .. })), "{text}");
        }
    }

    #[test]
    fn only_a_file_that_was_asked_for_has_to_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let absent = dir.path().join("settings.json");
        let none = SettingsFile::read(absent.clone(), false).unwrap();
        assert_eq!(none.on(Platform::AksClhSnp).unwrap(), Settings::of_layers());
        assert!(matches!(SettingsFile::read(absent, true), Err(SettingsError::File(_))));
    }
}
