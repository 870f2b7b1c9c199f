//! What the program `initializer` does with encrypted volumes, apart from the program itself.

pub mod volume;
