//! `contrast status` and `-c kubernetes`, against a real API server, by somebody whose rights are taken away one by one.

mod place;
mod restart;
mod rights;
