//! Puts the runtime of confidential pods on a node.
