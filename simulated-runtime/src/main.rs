//! The program `contrast-simulated-runtime`.

fn main() {}
