//! What has to be written where, so that containerd has one runtime and has others no more.

use std::path::PathBuf;

use toml::Value;

use super::{
    Change, ConfigurationSource, Containerd, ContainerdError, Document, DocumentError, Files, Runtime,
    document::block, template,
};
use crate::platform::Handler;

/// One file, before and after; nothing where there is no file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Edit {
    pub(super) path: PathBuf,
    pub(super) before: Option<Vec<u8>>,
    pub(super) after: Option<Vec<u8>>,
}

/// All that has to be written, in this order.
#[derive(Clone, Default, Debug)]
pub(super) struct Edits {
    pub(super) edits: Vec<Edit>,
    /// What containerd would read then, where something else writes it from a template.
    pub(super) rendered: Option<String>,
}

/// What a file begins with that was not there before.
const MADE: &str =
    "# Contrast's node-installer made this file, since there was none, and removes it again.\n";
/// The version that every containerd of the last years reads.
const COMMON_VERSION: Value = Value::Integer(2);

impl Containerd {
    /// Compares what is there with what has to be.
    pub(super) async fn edits(&self, change: &Change) -> Result<Edits, ContainerdError> {
        let files = Files::read(&self.host, self.source.main())?;
        match &self.source {
            ConfigurationSource::File(_) => self.file_edits(&files, change).await,
            ConfigurationSource::Template { template, rendered } => {
                let before = self.host.read(template)?;
                let failed = |path: &PathBuf| {
                    let path = path.clone();
                    move |cause| ContainerdError::Document { path, cause }
                };
                let mut text = before.clone();
                for handler in &change.unwanted {
                    if let Some(bytes) = text.take() {
                        let bare = template::without(&bytes, handler.name()).map_err(failed(template))?;
                        text = bare.map(String::into_bytes);
                    }
                }
                let mut after_start = None;
                if let Some(handler) = &change.wanted {
                    let runtime = Runtime::new(handler, files.systemd_cgroup());
                    let Some((_, now)) = files.all().next() else { return Ok(Edits::default()) };
                    if now.is_empty() {
                        // Never rendered: then nobody knows the version that the template has to have.
                        return Err(failed(rendered)(DocumentError::Old));
                    }
                    let with = now
                        .without(handler.name())
                        .and_then(|bare| bare.with(&runtime, None))
                        .map_err(failed(rendered))?;
                    let lines = with.lines_of(&runtime).map_err(failed(rendered))?;
                    let new = template::with(text.as_deref(), handler.name(), &lines);
                    text = Some(new.map_err(failed(template))?.into_bytes());
                    after_start = Some(with.text().to_owned());
                }
                let edits = Edits { edits: Vec::new(), rendered: after_start };
                Ok(edits.and(Edit { path: template.clone(), before, after: text }))
            }
        }
    }

    async fn file_edits(&self, files: &Files, change: &Change) -> Result<Edits, ContainerdError> {
        let mut edits = Edits::default();
        let decisive = files.decisive().map(|(path, _)| path);
        let mut others = Vec::new();
        for (path, document) in files.all() {
            let failed = |cause| ContainerdError::Document { path: path.clone(), cause };
            let before = self.host.read(path)?;
            let without = |document: Document, handler: &Handler| document.without(handler.name());
            let bare = change.unwanted.iter().try_fold(document.clone(), without).map_err(failed)?;
            let after = match &change.wanted {
                Some(handler) if Some(path) == decisive => {
                    let runtime = Runtime::new(handler, files.systemd_cgroup());
                    let default = match files.version() {
                        Some(version) => Some(version.clone()),
                        // One with content has the first version.
                        None if files.all().any(|(_, document)| document.has_plugins()) => None,
                        None => Some(self.version_of_program().await),
                    };
                    let bare = match before {
                        None => Document::parse(MADE.as_bytes()).map_err(failed)?,
                        Some(_) => bare,
                    };
                    bare.with(&runtime, default.as_ref()).map_err(failed)?
                }
                // Where it would not be seen, or not alone.
                Some(handler) => bare.without(handler.name()).map_err(failed)?,
                None => bare,
            };
            let after =
                Some(after.text()).filter(|text| *text != MADE && !(before.is_none() && text.is_empty()));
            let after = after.map(|text| text.as_bytes().to_vec());
            let edit = Edit { path: path.clone(), before, after };
            if Some(path) == decisive { edits = edits.and(edit) } else { others.push(edit) }
        }
        // What is added comes first: between two files, a runtime is rather there twice than not at all.
        Ok(others.into_iter().fold(edits, Edits::and))
    }

    /// The version of configurations that containerd prints.
    async fn version_of_program(&self) -> Value {
        let Some(program) = &self.program else { return COMMON_VERSION };
        let printed = program.dump(self.source.main()).await.ok().flatten();
        printed.and_then(|document| document.version().cloned()).unwrap_or(COMMON_VERSION)
    }
}

impl Edits {
    fn and(mut self, edit: Edit) -> Self {
        if edit.before != edit.after {
            self.edits.push(edit);
        }
        self
    }
}

impl Document {
    /// The lines of a runtime, in the form of this file's version.
    fn lines_of(&self, runtime: &Runtime) -> Result<String, DocumentError> {
        let path = self.path_of(runtime)?;
        Ok(block::lines(&path, &runtime.table, None))
    }
}
