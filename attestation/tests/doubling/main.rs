//! Twice the size costs twice as much, not four times: for each format that comes from outside, with content that is
//! as hard as it can be.

#[cfg(test)]
#[path = "../support/boot_files.rs"]
mod boot_files;
#[cfg(test)]
#[path = "../support/clock.rs"]
mod clock;
#[cfg(test)]
mod formats;
