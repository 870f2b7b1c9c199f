#!/usr/bin/python3
"""Stands in front of runc on the node: stores what the container runtime hands over, then runs runc.

`create`: the bundle's config.json, the network of the pod's namespace (for a sandbox), and what lies in the files and folders that
are mounted from kubelet and from the container runtime. `exec`: the description of the process. Everything is stored before
runc sees it, one file a call, in the order of the calls.

What the machine of the recording cannot do is then taken out of the description: a lower OOM score and capabilities that its
root does not have. The recording keeps them."""
import json, os, pathlib, subprocess, sys, time

RECORDS = pathlib.Path("/share/records")
RUNC = "/usr/sbin/runc"
PROVIDED = ("/var/lib/kubelet/", "/var/lib/containerd/", "/run/containerd/")
# How the kubelet lays out volumes that are the user's own, whose content nobody promised.
ANY_CONTENT = ("/volumes/kubernetes.io~empty-dir/", "/volume-subpaths/")


def option(arguments, name):
    for place, argument in enumerate(arguments):
        if argument == name:
            return arguments[place + 1]
        if argument.startswith(name + "="):
            return argument[len(name) + 1:]
    return None


def entry(path, root):
    status = os.lstat(path)
    kind = {0o4: "Directory", 0o10: "Regular", 0o12: "Symlink"}.get(status.st_mode >> 12, "Other")
    found = {"path": os.path.relpath(path, root), "type": kind, "mode": f"{status.st_mode & 0o7777:04o}",
             "uid": status.st_uid, "gid": status.st_gid}
    if kind == "Regular":
        found["size"] = status.st_size
        if "/io.containerd.grpc.v1.cri/sandboxes/" in str(root) or root.endswith("/etc-hosts"):
            found["text"] = pathlib.Path(path).read_text(errors="replace")
    if kind == "Symlink":
        found["target"] = os.readlink(path)
    return found


def below(root):
    found = [entry(root, root)]
    if os.path.isdir(root) and not any(part in root for part in ANY_CONTENT):
        for folder, folders, files in os.walk(root):
            found += [entry(os.path.join(folder, name), root) for name in folders + files]
    return sorted(found, key=lambda one: one["path"])


def provided_files(config):
    sources = {mount["destination"]: mount["source"] for mount in config.get("mounts", [])
               if mount.get("type") == "bind" and mount["source"].startswith(PROVIDED) and os.path.exists(mount["source"])}
    return {destination: below(source) for destination, source in sources.items() if not destination.startswith("/dev/shm")}


def network(config):
    paths = [space["path"] for space in config["linux"]["namespaces"] if space["type"] == "network" and space.get("path")]
    if not paths or config["annotations"].get("io.kubernetes.cri.container-type") != "sandbox":
        return None
    def ask(*what):
        command = ["nsenter", f"--net={paths[0]}", "ip", "-json", *what]
        return json.loads(subprocess.run(command, capture_output=True, text=True).stdout or "[]")
    return {"addresses": ask("address"), "routes": ask("route"), "routes6": ask("-6", "route"), "neighbours": ask("neighbour")}


def store(record):
    RECORDS.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns()}-{os.getpid()}"
    hidden = RECORDS / f".{name}"
    hidden.write_text(json.dumps(record, indent=1, sort_keys=True))
    hidden.rename(RECORDS / f"{name}.json")


def possible(process):
    """What this machine can do of it."""
    process["oomScoreAdj"] = max(process.get("oomScoreAdj", 0), 0)
    status = pathlib.Path("/proc/self/status").read_text()
    bounding = int(next(line for line in status.splitlines() if line.startswith("CapBnd:")).split()[1], 16)
    if not bounding >> 24 & 1:
        for names in process.get("capabilities", {}).values():
            names[:] = [name for name in names if name != "CAP_SYS_RESOURCE"]


def main():
    arguments = sys.argv[1:]
    if "create" in arguments:
        bundle = option(arguments, "--bundle")
        file = pathlib.Path(bundle) / "config.json"
        config = json.loads(file.read_text())
        store({"call": "create", "id": arguments[-1], "bundle": bundle, "config": config,
               "files": provided_files(config), "network": network(config)})
        possible(config["process"])
        file.write_text(json.dumps(config))
    elif "exec" in arguments:
        file = pathlib.Path(option(arguments, "--process"))
        process = json.loads(file.read_text())
        exec_id = pathlib.Path(option(arguments, "--pid-file") or "").stem
        store({"call": "exec", "id": arguments[-1], "exec_id": exec_id, "process": process})
        possible(process)
        file.write_text(json.dumps(process))
    os.execv(RUNC, [RUNC, *arguments])


main()
