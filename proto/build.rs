//! Compiles the contracts in `proto/` with protox, so that no system `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    tonic_prost_build::configure().compile_fds(protox::compile(["events.proto"], ["proto"])?)?;
    tonic_prost_build::configure()
        // Their Debug forms are written by hand in `src/redacted.rs`, without the secrets.
        .skip_debug([
            "meshapi.NewMeshCertResponse",
            "meshapi.RecoverResponse",
            "edgelesssys.contrast.userapi.RecoverRequest",
        ])
        .extern_path(".contrast.events.v1", "crate::events::v1")
        .compile_fds(protox::compile(["meshapi.proto", "userapi.proto"], ["proto"])?)?;
    Ok(())
}
