//! Archives and images for the tests.

mod image;
mod server;
mod tar;

pub(crate) use image::{TestImage, descriptor, write_folder};
pub(crate) use server::{Asked, Reply, Server};
pub(crate) use tar::TarBuilder;
