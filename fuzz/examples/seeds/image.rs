//! Inputs for the targets about images.

use std::{error::Error, fs, os::unix::fs::symlink, process::Command};

use contrast_image::Digest;

use crate::write;

/// Layers as GNU tar writes them, documents about one of them, and names.
pub(crate) fn write_seeds() -> Result<(), Box<dyn Error>> {
    let ustar = layer("ustar")?;
    write("image_layer", "ustar", &ustar)?;
    write("image_layer", "posix", &layer("posix")?)?;
    write("image_layer", "gnu", &layer("gnu")?)?;
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{"User":"a:b","Env":["A=b"],"Cmd":["/a"],"Volumes":{{"/v":{{}}}}}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        Digest::of(&ustar)
    );
    let descriptor = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        format!(
            r#""mediaType":"application/vnd.oci.image.{media_type}","digest":"{digest}","size":{}"#,
            bytes.len()
        )
    };
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{{}}},"layers":[{{{}}}]}}"#,
        descriptor("config.v1+json", config.as_bytes()),
        descriptor("layer.v1.tar", &ustar)
    );
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{{},"platform":{{"os":"linux","architecture":"amd64"}}}}]}}"#,
        descriptor("manifest.v1+json", manifest.as_bytes())
    );
    write("image_manifest", "config", config.as_bytes())?;
    write("image_manifest", "manifest", manifest.as_bytes())?;
    write("image_manifest", "index", index.as_bytes())?;
    write("image_reference", "short", b"debian")?;
    write("image_reference", "tag", b"[::1]:5000/a__b/c-d:v1")?;
    let pinned = format!("registry.example/app:v1@{}", Digest::of(b""));
    write("image_reference", "pinned", pinned.as_bytes())
}

fn layer(format: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("etc"))?;
    fs::write(path("etc/passwd"), "a:x:1:2:::\n")?;
    fs::write(path("etc/group"), "b:x:3:a\n")?;
    fs::write(path("etc/.wh.old"), "")?;
    symlink("passwd", path("link"))?;
    fs::hard_link(path("etc/group"), path("hard"))?;
    if format != "ustar" {
        fs::write(path(&"n".repeat(120)), "long")?;
    }
    let output = Command::new("tar")
        .args(["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"])
        .args(["--mode=0755", "--file=-"])
        // Otherwise the time of each run would be in it.
        .args((format == "posix").then_some("--pax-option=delete=atime,delete=ctime"))
        .args(["--format", format, "--directory"])
        .arg(folder.path())
        .arg(".")
        .output()?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into())
    }
}
