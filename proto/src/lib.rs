//! The gRPC contracts and the event schema: generated types, and nothing else.
//!
//! The sources are the `.proto` files in `proto/proto`; their comments are the documentation of
//! every field. Messages that carry secrets print themselves without them.

mod redacted;

/// The user API, what the CLI says to a Coordinator (`proto/userapi.proto`).
#[allow(missing_docs, clippy::all, clippy::restriction, clippy::pedantic, reason = "generated code")]
pub mod userapi {
    tonic::include_proto!("edgelesssys.contrast.userapi");
}

/// The mesh API, what a pod says to a Coordinator (`proto/meshapi.proto`).
#[allow(missing_docs, clippy::all, clippy::restriction, clippy::pedantic, reason = "generated code")]
pub mod meshapi {
    tonic::include_proto!("meshapi");
}

/// The events that a log holds (`proto/events.proto`).
pub mod events {
    /// Version 1 of the schema, the only one so far.
    #[allow(missing_docs, clippy::all, clippy::restriction, clippy::pedantic, reason = "generated code")]
    pub mod v1 {
        tonic::include_proto!("contrast.events.v1");
    }
}
