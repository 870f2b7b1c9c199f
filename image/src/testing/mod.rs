//! Archives and images for the tests.

mod image;
mod real_registry;
mod server;
mod tar;

pub(crate) use image::{TestImage, descriptor, write_folder};
pub(crate) use real_registry::RealRegistry;
pub(crate) use server::{Asked, Reply, Server};
pub(crate) use tar::TarBuilder;
