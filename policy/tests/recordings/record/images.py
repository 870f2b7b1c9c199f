#!/usr/bin/env python3
"""images.py: compiles actor.c and writes ../images, one OCI image layout with all images of the recordings.

The bytes depend on the compiler. After a change the digests in ../pods are wrong; this program writes the new ones there."""
import gzip, hashlib, io, json, pathlib, re, shutil, subprocess, tarfile, tempfile

HERE = pathlib.Path(__file__).resolve().parent
OUT, PODS = HERE.parent / "images", HERE.parent / "pods"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/srv:/bin/sh\nother:x:2000:2000::/:/bin/false\n"
GROUP = "root:x:0:\nwheel:x:10:root\napp:x:1001:\naudio:x:29:app,root\nvideo:x:44:app\nother:x:2000:app\n"


def shop(name):
    return {"config": {"Entrypoint": [f"/bin/{name}"], "Env": [PATH]}, "programs": [name]}


# name: configuration, names under which the program is in /bin, further files
IMAGES = {
    "ghcr.io/edgelesssys/contrast/coordinator:latest": shop("coordinator"),
    "ghcr.io/edgelesssys/contrast/initializer:latest": shop("initializer") | {"programs": ["initializer", "test"]},
    "ghcr.io/edgelesssys/contrast/service-mesh-proxy:latest": shop("service-mesh-proxy") | {"programs": ["service-mesh-proxy", "test"]},
    "registry.example/shop/db:1.4.2": shop("db"),
    "registry.example/shop/orders:1.4.2": shop("orders"),
    "registry.example/shop/web:1.4.2": shop("web"),
    # Says nothing about how it is to be run.
    "registry.example/test/plain:1": {"config": {}, "files": {"etc/passwd": PASSWD, "etc/group": GROUP}},
    # Says everything.
    "registry.example/test/full:1": {"config": {
        "Entrypoint": ["/bin/serve", "--from-image"], "Cmd": ["first", "second word"], "WorkingDir": "/srv/app",
        "Env": [PATH, "GREETING=hello from the image", "LEVEL=info", "EMPTY=", "EQUATION=a=b=c"],
        "Volumes": {"/cache": {}, "/var/lib/data": {}}, "ExposedPorts": {"8080/tcp": {}}, "StopSignal": "SIGTERM",
        "Labels": {"org.example.kind": "test"}}, "files": {"srv/app/readme": "files\n"}},
    "registry.example/test/user-name:1": {"config": {"Cmd": ["/bin/serve"], "Env": [PATH], "User": "app"},
        "files": {"etc/passwd": PASSWD, "etc/group": GROUP}},
    "registry.example/test/user-group:1": {"config": {"Cmd": ["/bin/serve"], "Env": [PATH], "User": "app:audio"},
        "files": {"etc/passwd": PASSWD, "etc/group": GROUP}},
    "registry.example/test/user-ids:1": {"config": {"Cmd": ["/bin/serve"], "Env": [PATH], "User": "1000:2000"},
        "files": {"etc/passwd": PASSWD, "etc/group": GROUP}},
    "registry.example/test/user-unknown:1": {"config": {"Cmd": ["/bin/serve"], "Env": [PATH], "User": "4242"}},
    # Two layers: the upper one replaces passwd and removes group.
    "registry.example/test/layers:1": {"config": {"Cmd": ["/bin/serve"], "Env": [PATH], "User": "app"},
        "files": {"etc/passwd": PASSWD, "etc/group": GROUP},
        "upper": {"etc/passwd": "root:x:0:0::/:/bin/sh\napp:x:3000:3001::/:/bin/sh\n", "etc/.wh.group": ""}},
}


def layer(files):
    raw, seen = io.BytesIO(), set()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(files):
            for parent in reversed(pathlib.PurePath(path).parents[:-1]):
                if parent not in seen:
                    seen.add(parent)
                    entry = tarfile.TarInfo(str(parent))
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(entry)
            content = files[path]
            entry = tarfile.TarInfo(path)
            if isinstance(content, tuple):
                entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, content[0], 0o777
                tar.addfile(entry)
            else:
                content = content.encode() if isinstance(content, str) else content
                entry.size, entry.mode = len(content), 0o755 if path.startswith("bin/") else 0o644
                tar.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


def put(media_type, content):
    digest = hashlib.sha256(content).hexdigest()
    (OUT / "blobs/sha256" / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def put_json(media_type, value):
    return put(media_type, json.dumps(value, indent=1).encode())


def image(description, actor):
    first = {"bin/actor": actor} | {f"bin/{name}": ("actor",) for name in
        description.get("programs", ["serve", "setup", "check", "job", "test"])}
    layers = [layer(first | description.get("files", {}))] + [layer(upper) for upper in [description.get("upper")] if upper]
    config = put_json("application/vnd.oci.image.config.v1+json", {
        "architecture": "amd64", "os": "linux", "config": description["config"],
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(raw).hexdigest() for raw in layers]}})
    zipped = [put("application/vnd.oci.image.layer.v1.tar+gzip", gzip.compress(raw, 9, mtime=0)) for raw in layers]
    return put_json("application/vnd.oci.image.manifest.v1+json", {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": zipped})


def main():
    with tempfile.TemporaryDirectory() as folder:
        actor = pathlib.Path(folder) / "actor"
        subprocess.run(["gcc", "-Os", "-s", "-static", "-nostdlib", "-ffreestanding", "-fno-pic", "-no-pie", "-Wl,--build-id=none",
                        "-Wl,-z,noseparate-code", "-o", actor, HERE / "actor.c"], check=True)
        actor = actor.read_bytes()
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "blobs/sha256").mkdir(parents=True)
    (OUT / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    manifests = {name: image(description, actor) for name, description in IMAGES.items()}
    index = [manifest | {"annotations": {"org.opencontainers.image.ref.name": name}} for name, manifest in manifests.items()]
    (OUT / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                                                "manifests": index}, indent=1) + "\n")
    for file in PODS.glob("*.yaml"):
        text = file.read_text()
        for name, manifest in manifests.items():
            text = re.sub(re.escape(name) + r"(@sha256:[0-9a-f]{64})?(?![\w.@-])", f"{name}@{manifest['digest']}", text)
        file.write_text(text)


main()
