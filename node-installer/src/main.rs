//! The program `node-installer`.

fn main() {}
