//! Why resources cannot be read or changed.

use crate::text::Place;

/// Why a file cannot be read as Kubernetes resources.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// More bytes than any set of resources has.
    #[error("{file} has {found} bytes, and at most {limit} are read; split it into several files")]
    TooLarge {
        /// Name of the file.
        file: String,
        /// Most bytes.
        limit: usize,
        /// Its bytes.
        found: usize,
    },
    /// Another encoding.
    #[error("{file} is not UTF-8 (byte {offset}){}; save it as UTF-8", if *utf16 { ": it looks like UTF-16" } else { "" })]
    NotUtf8 {
        /// Name of the file.
        file: String,
        /// The first byte that does not fit.
        offset: usize,
        /// It begins with the mark of UTF-16.
        utf16: bool,
    },
    /// Not YAML.
    #[error("{place}: this is not YAML: {reason}")]
    NotYaml {
        /// Where reading ended.
        place: Place,
        /// What the parser says.
        reason: String,
    },
    /// Something with `{{` in it, which is no resource.
    #[error(
        "{place}: this looks like a template of Helm; render it first (`helm template`), and use the result"
    )]
    Template {
        /// Where reading ended.
        place: Place,
    },
    /// Not JSON.
    #[error("{place}: this is not JSON: {reason}")]
    NotJson {
        /// Where reading ended.
        place: Place,
        /// What the parser says.
        reason: String,
    },
    /// Something that has no meaning in a Kubernetes resource.
    #[error("{place}: {fault}")]
    Meaningless {
        /// Where it stands.
        place: Place,
        /// What it is.
        fault: ValueFault,
    },
}

/// Something that YAML can say, but a Kubernetes resource cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// Something after `---` on the same line.
    #[error("only a comment may follow `---` on its line; begin a new line")]
    TextAfterSeparator,
    /// A map or a list, or nothing, as a key.
    #[error("a key must be text; put it into quotation marks")]
    KeyNotText,
    /// `.inf` and `.nan`.
    #[error("there is no such number in JSON; put it into quotation marks if it is meant as text")]
    NotANumber,
    /// The value is not of the type that its tag says.
    #[error("the value does not fit its tag; remove the tag, or correct the value")]
    TagMismatch,
    /// `!!binary` that is not base64 of text.
    #[error("this is not base64 of UTF-8 text; correct it, or use binaryData")]
    NotBinary,
    /// `<<` with something that is neither a map nor a list of maps.
    #[error("`<<` merges a map or a list of maps; give it an alias of one")]
    MergeNotAMap,
    /// An alias of something that contains it.
    #[error("the alias refers to something that contains it, which never ends; write it out")]
    EndlessAlias,
    /// Nested deeper than any Kubernetes object.
    #[error("it is nested more than {limit} levels deep; no Kubernetes object is")]
    TooDeep {
        /// Deepest nesting.
        limit: usize,
    },
    /// Aliases that multiply.
    #[error(
        "with its aliases written out, the document has more than {limit} bytes; write out what is really needed"
    )]
    TooMuch {
        /// Largest document.
        limit: usize,
    },
    /// More values than can be counted.
    #[error("there are more than {limit} values in one file; split it into several files")]
    TooMany {
        /// Most values.
        limit: usize,
    },
}

/// Why a change could not be written into the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// What was written does not read as what was meant.
    #[error(
        "{place}: the change cannot be written into this document as it is formatted; simplify how it is written there (no anchors, aliases or unusual indentation), and try again"
    )]
    NotWritable {
        /// The document.
        place: Place,
    },
}
