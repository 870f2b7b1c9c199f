//! Images that stand for others: a name, and what it is pinned to.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    failure::Advice,
    workspace::{self, WorkspaceError},
};

/// What the release pins: whoever builds one gives the table to the compiler. Empty in a development build.
const BUILT_IN: &str = match option_env!("CONTRAST_IMAGE_REPLACEMENTS") {
    Some(table) => table,
    None => include_str!("../../../../deploy/image-replacements.txt"),
};

/// Images by the name that they replace.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Replacements(BTreeMap<String, String>);

/// An image replacement file cannot be used.
#[derive(thiserror::Error, Debug)]
pub(crate) enum ReplacementsError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// It is no text.
    #[error("{} is not UTF-8", .0.display())]
    NotText(PathBuf),
    /// A line is of another form.
    #[error("{}:{line}: `{text}` is no replacement", path.display())]
    Line { path: PathBuf, line: usize, text: String },
}

impl Advice for ReplacementsError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::File(error) => error.advice(),
            Self::NotText(_) | Self::Line { .. } => {
                Some("write `IMAGE = REPLACEMENT` on each line; lines that begin with # are comments".into())
            }
        }
    }
}

impl Replacements {
    /// Those of the release.
    pub(crate) fn built_in() -> Self {
        // A test reads it.
        Self::parse(BUILT_IN).unwrap_or_default()
    }

    /// Those of a file, in place of the release's.
    pub(crate) fn of_file(path: &Path) -> Result<Self, ReplacementsError> {
        let text = String::from_utf8(workspace::read(path)?)
            .map_err(|_| ReplacementsError::NotText(path.to_owned()))?;
        Self::parse(&text).map_err(|(line, text)| ReplacementsError::Line {
            path: path.to_owned(),
            line,
            text: text.chars().take(200).collect(),
        })
    }

    /// Whether nothing is replaced.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The images that replace others.
    pub(crate) fn images(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// What replaces an image: itself if nothing does.
    pub(super) fn of<'a>(&'a self, image: &'a str) -> &'a str {
        self.0.get(image).map_or(image, String::as_str)
    }

    /// Replaces the images of all containers of a pod template.
    pub(super) fn put(&self, template: &mut Value) {
        for list in ["initContainers", "containers"] {
            let containers =
                template.get_mut("spec").and_then(|spec| spec.get_mut(list)).and_then(Value::as_array_mut);
            for image in containers.into_iter().flatten().filter_map(|container| container.get_mut("image")) {
                if let Some(replacement) = image.as_str().and_then(|image| self.0.get(image)) {
                    *image = replacement.as_str().into();
                }
            }
        }
    }

    fn parse(text: &str) -> Result<Self, (usize, &str)> {
        let lines = text.lines().map(str::trim).enumerate();
        let replacements =
            lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(|(index, line)| {
                let pair =
                    line.split_once('=').map(|(image, replacement)| (image.trim(), replacement.trim()));
                let is_name = |name: &str| !name.is_empty() && !name.contains(char::is_whitespace);
                let (image, replacement) = pair
                    .filter(|(image, replacement)| is_name(image) && is_name(replacement))
                    .ok_or((index + 1, line))?;
                Ok((image.to_owned(), replacement.to_owned()))
            });
        replacements.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_release_is_well_formed() {
        assert!(Replacements::parse(BUILT_IN).is_ok());
    }

    #[test]
    fn comments_and_empty_lines_are_skipped_and_other_lines_quoted() {
        let text = "# a = b\n\n  a:1 =  x@sha256:0=  \r\nb=y\n";
        let replacements = Replacements::parse(text).unwrap();
        assert_eq!(
            (replacements.of("a:1"), replacements.of("b"), replacements.of("c")),
            ("x@sha256:0=", "y", "c")
        );
        for (text, line) in [("a", 1), ("\n= b", 2), ("a =", 1), ("a b = c", 1), ("a = b c", 1)] {
            assert_eq!(Replacements::parse(text).unwrap_err().0, line, "{text}");
        }
    }
}
