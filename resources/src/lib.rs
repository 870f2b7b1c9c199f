//! Kubernetes resources as the API server reads them, and changes of them that leave everything else as it was.
//!
//! A [`File`] is text. Its [`Document`]s are read to JSON values with the meaning that `kubectl` and the API server give
//! to YAML. Whoever wants a change says what the value should be afterwards; [`File::rewritten`] finds the smallest
//! change of the text that says so. Comments, order, quotation marks, line ends and whatever is not concerned stay byte
//! for byte, and a change that is made already changes nothing.

mod edit;
mod error;
mod file;
mod json;
mod object;
mod render;
mod scalar;
mod schema;
mod text;
mod tree;
mod value;
mod workload;
mod yaml;

pub use self::{
    error::{EditError, ReadError, ValueFault},
    file::{Document, File, Step},
    object::{Address, Object, objects},
    schema::{Misfit, ObjectPath, PathStep, misfits},
    text::{MAX_FILE, Place},
    workload::{Annotation, TemplatePath, WorkloadKind, annotate},
};
