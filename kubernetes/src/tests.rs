//! Real connections to a server in this process, by kubeconfigs as they are found in the wild.

mod answers;
mod forms;
mod server;
