//! Archives and images for the tests.

mod image;
mod tar;

pub(crate) use image::{TestImage, descriptor, write_folder};
pub(crate) use tar::TarBuilder;
