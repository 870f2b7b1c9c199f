//! A secure processor made of software, for machines without the hardware. Nothing it attests is
//! confidential.
//!
//! It has a key hierarchy of its own in AMD's form and signs reports in the true SNP layout, so that parser,
//! chain check and appraisal in [`crate::snp`] run as they do for hardware. Evidence of it is trusted only
//! through reference values that name its root key.

mod attester;
mod der;
mod error;
mod files;
mod hierarchy;
mod marker;
mod processor;
mod reference;
mod report_builder;
mod revocation;
pub mod socket;

#[cfg(test)]
mod tests;

pub use attester::SimulatedAttester;
pub use error::SimulatorError;
pub use hierarchy::{EndorsementTemplate, Hierarchy};
pub use marker::is_simulated_root;
pub use processor::Processor;
pub use report_builder::ReportBuilder;
