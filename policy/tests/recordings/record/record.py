#!/usr/bin/env python3
"""record.py CLUSTER VERSION [NAME...]: runs ../pods/NAME.yaml (all of them) on a one-node cluster and writes what its container runtime
was told to ../VERSION/NAME/POD/.

CLUSTER: the folder with the cluster's start.sh, enter.sh, net.sh. It is started if it is not running. VERSION: containerd-2.4 or
containerd-1.6. The README beside says what the files hold."""
import hashlib, json, os, pathlib, shutil, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent
HANDLER = "contrast-cc-metal-qemu-snp-1a2b3c4d"
REGISTRY = "10.97.0.1:5000"
# As the node installer writes it, except for the shim: runc's, with our program in runc's place.
RUNTIME = """
[{plugin}.containerd.runtimes.{handler}]
  runtime_type = "io.containerd.runc.v2"
  pod_annotations = ["io.katacontainers.*"]
  privileged_without_host_devices = true
[{plugin}.containerd.runtimes.{handler}.options]
  BinaryName = "/opt/record/runtime.py"
  SystemdCgroup = false
"""
PLUGINS = {"containerd-2.4": "plugins.'io.containerd.cri.v1.runtime'", "containerd-1.6": 'plugins."io.containerd.grpc.v1.cri"'}
ONLY = {"newer": "containerd-2.4"}
# Pods of a case, and for how long at least their probes are watched.
EXPECTED = {"demo": 4, "mesh": 2, "env": 1, "users": 4, "rights": 5, "volumes": 1, "exec": 1, "kinds": 10, "node": 6, "newer": 1}
WATCHED = {"exec": 8}


class Cluster:
    def __init__(self, folder, version):
        self.folder, self.version = folder, version
        self.environment = dict(os.environ)
        if version == "containerd-1.6":
            self.environment |= {"CONTAINERD": "/usr/bin/containerd", "CTR": "/usr/bin/ctr"}

    def run(self, script, *arguments, **options):
        return subprocess.run([self.folder / script, *arguments], env=self.environment, check=True, text=True, **options)

    def node(self, *arguments, **options):
        return self.run("enter.sh", *arguments, **options)

    def kubectl(self, *arguments, **options):
        return self.run("net.sh", "kubectl", *arguments, **options)

    def objects(self, kind):
        found = self.kubectl("get", kind, "-A", "-o", "json", stdout=subprocess.PIPE).stdout
        return json.loads(found)["items"]

    def start(self):
        self.run("start.sh")
        self.node("mkdir", "-p", "/opt/record", "/var/lib/folders", "/var/lib/made")
        self.node("sh", "-c", "cat >/opt/record/runtime.py; chmod 755 /opt/record/runtime.py", input=(HERE / "runtime.py").read_text())
        settings = self.node("cat", "/etc/containerd/config.toml", stdout=subprocess.PIPE).stdout
        if HANDLER not in settings:
            # Recorded as on other nodes; runtime.py takes back what this machine cannot do.
            settings = settings.replace("restrict_oom_score_adj = true", "restrict_oom_score_adj = false")
            plain = RUNTIME.format(plugin=PLUGINS[self.version], handler="runc")
            start = settings.index("[" + PLUGINS[self.version] + ".containerd.runtimes.runc]")
            settings = settings[:start] + plain + RUNTIME.format(plugin=PLUGINS[self.version], handler=HANDLER)
            self.node("sh", "-c", "cat >/etc/containerd/config.toml", input=settings)
            self.node("systemctl", "restart", "containerd.service")
        for image in json.loads((FIXTURES / "images/index.json").read_text())["manifests"]:
            name = image["annotations"]["org.opencontainers.image.ref.name"]
            target = f"docker://{REGISTRY}/{name.split('/', 1)[1]}"
            self.run("net.sh", "skopeo", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false",
                     f"oci:{FIXTURES / 'images'}:{name}", target)
        self.kubectl("apply", "-f", HERE / "node.yaml")
        for number in range(3):
            self.volume(f"block-{number}", "local-block", "Block", self.block_device(number))
            self.node("mkdir", "-p", f"/var/lib/folders/{number}")
            self.volume(f"folder-{number}", "local-folder", "Filesystem", f"/var/lib/folders/{number}")

    def block_device(self, number):
        script = f"f=/share/block-{number}.img; [ -e $f ] || truncate -s 64M $f; losetup -nO NAME -j $f | grep . || losetup -f --show $f"
        return self.node("sh", "-c", script, stdout=subprocess.PIPE).stdout.strip()

    def volume(self, name, storage_class, mode, path):
        terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node"]}]}]
        self.kubectl("apply", "-f", "-", input=json.dumps({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
                "capacity": {"storage": "64Mi"}, "accessModes": ["ReadWriteOnce"], "volumeMode": mode, "local": {"path": path},
                "storageClassName": storage_class, "persistentVolumeReclaimPolicy": "Retain",
                "nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}}))

    def release_volumes(self):
        for volume in self.objects("pv"):
            if "claimRef" in volume["spec"]:
                patch = json.dumps([{"op": "remove", "path": "/spec/claimRef"}])
                self.kubectl("patch", "pv", volume["metadata"]["name"], "--type=json", "-p", patch)

    def records(self):
        folder = self.folder / "node/share/records"
        return sorted(folder.glob("*.json")) if folder.exists() else []


def ours(pod):
    return pod["spec"].get("runtimeClassName") == HANDLER


def wait(what, condition, seconds=150):
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            sys.exit(f"after {seconds} s there is still no {what}")
        time.sleep(0.5)
    return found


def started(pod):
    """Whether every container of the pod has been started."""
    statuses = pod["status"].get("initContainerStatuses", []) + pod["status"].get("containerStatuses", [])
    once = [status for status in statuses if "waiting" not in status["state"] or status.get("lastState")]
    return len(once) == len(pod["spec"].get("initContainers", []) + pod["spec"]["containers"])


def trimmed(pod):
    """The pod without what only servers need."""
    metadata = {key: value for key, value in pod["metadata"].items() if key not in ("managedFields", "resourceVersion", "generation")}
    status = {key: pod["status"][key] for key in ("hostIP", "hostIPs", "podIP", "podIPs", "qosClass") if key in pod["status"]}
    for key in ("initContainerStatuses", "containerStatuses"):
        status |= {key: [{field: one.get(field) for field in ("name", "containerID", "image", "imageID")}
                         for one in pod["status"].get(key, [])]} if key in pod["status"] else {}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"], "status": status}


def text(value, indent=0):
    """JSON with sorted keys; what fits into a line is in one line."""
    line = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or len(line) + indent <= 130:
        return line
    if isinstance(value, dict):
        lines = [f"{json.dumps(key, ensure_ascii=False)}: {text(value[key], indent + 1)}" for key in sorted(value)]
    else:
        lines = [text(one, indent + 1) for one in value]
    pad = " " * (indent + 1)
    return "[{"[isinstance(value, dict)] + "\n" + ",\n".join(pad + one for one in lines) + "\n" + " " * indent + "]}"[isinstance(value, dict)]


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(value) + "\n")


def without_profile(config, folder):
    """The long profile of system calls is the same everywhere: kept once, under its digest."""
    profile = config["linux"].get("seccomp")
    if profile:
        name = "seccomp-" + hashlib.sha256(text(profile).encode()).hexdigest()[:8] + ".json"
        write(folder / name, profile)
        config["linux"]["seccomp"] = {"file": name}


def store(target, pods, records):
    """Sorts the calls by pod; a container that was started again has only its first call kept, and so has a command."""
    sandboxes = {record["id"]: record for record in records if record["call"] == "create"}
    names, taken = {pod["metadata"]["uid"]: pod for pod in pods}, set()
    for record in records:
        config = sandboxes[record["id"]]["config"] if record["id"] in sandboxes else None
        annotations = config["annotations"] if config else {}
        kind = annotations.get("io.kubernetes.cri.container-type")
        sandbox = sandboxes.get(annotations.get("io.kubernetes.cri.sandbox-id"), {}).get("config", {}).get("annotations", {})
        pod = names.get(annotations.get("io.kubernetes.cri.sandbox-uid") or sandbox.get("io.kubernetes.cri.sandbox-uid"))
        if not pod:
            continue
        folder = target / pod["metadata"]["name"]
        name = "sandbox" if kind == "sandbox" else "container." + annotations["io.kubernetes.cri.container-name"]
        if record["call"] == "create" and (folder, name) not in taken:
            taken.add((folder, name))
            without_profile(config, target.parent)
            write(folder / f"{name}.json", {key: value for key, value in record.items() if key != "call" and value is not None})
        elif record["call"] == "exec":
            command = json.dumps(record["process"]["args"])
            if (folder, name, command) not in taken:
                number = sum(1 for one in taken if one[:2] == (folder, name) and len(one) == 3)
                taken.add((folder, name, command))
                write(folder / f"exec.{name.removeprefix('container.')}.{number}.json",
                      {key: value for key, value in record.items() if key != "call"})
    for pod in pods:
        write(target / pod["metadata"]["name"] / "pod.json", trimmed(pod))


def record(cluster, case):
    applied = (FIXTURES / "pods" / f"{case}.yaml").read_text()
    before = set(cluster.records())
    documents = [text for text in applied.split("\n---\n") if "kind:" in text]
    # What pods look up comes first, so that the kubelet knows it.
    first = [text for text in documents if "\nkind: Pod\n" not in text and "runtimeClassName" not in text]
    if first:
        cluster.kubectl("apply", "--server-side", "-f", "-", input="\n---\n".join(first))
        time.sleep(3)  # nothing tells when the kubelet has heard of a Service
    later = [text for text in documents if text not in first]
    for text in later:
        # An apply refuses variables that are given twice and names that are left to the server.
        verb = ["create"] if "\nkind: Pod\n" in text else ["apply", "--server-side"]
        cluster.kubectl(*verb, "-f", "-", input=text)
    def running():
        pods = [pod for pod in cluster.objects("pods") if ours(pod)]
        return pods if len(pods) >= EXPECTED[case] and all(map(started, pods)) else None
    pods = wait(f"{case}: {EXPECTED[case]} started pods", running)
    time.sleep(WATCHED.get(case, 0))
    cluster.kubectl("delete", "--wait=false", "--ignore-not-found", "-f", "-", input="\n---\n".join(
        text for text in documents if "generateName" not in text))
    for pod in pods:
        cluster.kubectl("delete", "--wait=false", "--ignore-not-found", "pod", pod["metadata"]["name"], "-n", pod["metadata"]["namespace"])
    wait(f"end of {case}", lambda: not [pod for pod in cluster.objects("pods") if ours(pod)])
    cluster.kubectl("delete", "pvc", "--all", "-A")
    cluster.release_volumes()
    target = FIXTURES / cluster.version / case
    shutil.rmtree(target, ignore_errors=True)
    calls = [json.loads(file.read_text()) for file in cluster.records() if file not in before]
    store(target, pods, calls)
    print(f"{case}: {len(pods)} pods, {len(list(target.rglob('*.json')))} files")


def main():
    folder, version, *cases = sys.argv[1:]
    cluster = Cluster(pathlib.Path(folder).resolve(), version)
    cluster.start()
    for case in cases or EXPECTED:
        if ONLY.get(case, version) == version:
            record(cluster, case)


main()
