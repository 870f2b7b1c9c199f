# Agent policy of the pod `coordinator`, the deployment's verifier and certificate authority: what the agent inside the confidential VM
# does for the untrusted host, and what it refuses. The SHA-256 of this file is the pod's identity: the hardware
# reports it, the manifest lists it.
package agent_policy

import future.keywords.every
import future.keywords.if
import future.keywords.in

# All containers of the pod. Images are named by digest alone: a tag can be moved, a digest cannot.
containers := [
	{
		"name": "coordinator",
		"image": "sha256:88cabce7c863b5e61d9690de9e6a854c45056161732b17819d2fbf95c516175b",
		"args": ["/bin/coordinator"],
		"env": [
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"CONTRAST_METRICS=1",
		],
		"devices": ["/dev/csi0"],
		"mounts": [],
	},
]

# A container may start if it is the pause container, or one of the list with the image, command, variables,
# devices and mount points that stand there.
CreateContainerRequest if {
	is_ordinary
	container_type == "sandbox"
	images == ["pause"]
	input.OCI.Process.Args == ["/pause"]
	count(input.devices) == 0
	every mount in input.OCI.Mounts { mount.destination in runtime_mounts }
}

CreateContainerRequest if {
	is_ordinary
	container_type == "container"
	some container in containers
	input.OCI.Annotations["io.kubernetes.cri.container-name"] == container.name
	count(images) == 1
	endswith(images[0], concat("", ["@", container.image]))
	input.OCI.Process.Args == container.args
	every variable in input.OCI.Process.Env { may_be_set(variable, container) }
	every device in input.devices { device.container_path in container.devices }
	every mount in input.OCI.Mounts { is_known_mount(mount, container) }
}

container_type := input.OCI.Annotations["io.kubernetes.cri.container-type"]

# The agent pulls these images inside the VM and checks their digests.
images := [storage.source | some storage in input.storages; storage.driver == "image_guest_pull"]

# No hooks, nothing shared between containers, and storage stays in the agent's own folder.
is_ordinary if {
	input.OCI.Hooks == null
	count(input.shared_mounts) == 0
	every storage in input.storages { is_below(storage.mount_point, "/run/kata-containers/") }
}

may_be_set(variable, container) if variable in container.env

may_be_set(variable, _) if startswith(variable, "HOSTNAME=")

# What Kubernetes sets for each Service of the namespace. It comes from the host: mutual TLS decides whom to trust.
may_be_set(variable, _) if {
	regex.match(`^[A-Z][A-Z0-9_]*_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_TCP(_(PROTO|PORT|ADDR))?)?)=[a-z0-9.:/]*$`, variable)
}

is_known_mount(mount, _) if mount.destination in runtime_mounts

is_known_mount(mount, container) if mount.destination in container.mounts

# What the container runtime mounts into every container.
runtime_mounts := [
	"/proc", "/dev", "/dev/pts", "/dev/mqueue", "/dev/shm", "/sys", "/sys/fs/cgroup",
	"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log",
	"/var/run/secrets/kubernetes.io/serviceaccount",
]

CreateSandboxRequest if {
	input.guest_hook_path == ""
	count(input.kernel_modules) == 0
	every storage in input.storages { is_below(storage.mount_point, "/run/kata-containers/sandbox/") }
}

# The files of mounted ConfigMaps and of the service account.
CopyFileRequest if {
	is_below(input.path, "/run/kata-containers/shared/containers/")
	input.file_type in ["Regular", "Directory"]
}

CopyFileRequest if {
	is_below(input.path, "/run/kata-containers/shared/containers/")
	input.file_type == "Symlink"
	not startswith(input.symlink_target, "/")
	not has_parent(input.symlink_target)
}

UpdateInterfaceRequest if input.interface.name != "lo"

UpdateRoutesRequest if every route in input.routes.Routes { route.device != "lo" }

AddARPNeighborsRequest if every neighbour in input.neighbors.ARPNeighbors { neighbour.device != "lo" }

is_below(path, folder) if {
	startswith(path, folder)
	not has_parent(path)
}

has_parent(path) if ".." in split(path, "/")

# The life of the containers that were let in.
DestroySandboxRequest := true
GetOOMEventRequest := true
GuestDetailsRequest := true
OnlineCPUMemRequest := true
RemoveContainerRequest := true
SignalProcessRequest := true
StartContainerRequest := true
StatsContainerRequest := true
TtyWinResizeRequest := true
WaitProcessRequest := true

# Refused unless a rule above says otherwise.
default AddARPNeighborsRequest := false
default CopyFileRequest := false
default CreateContainerRequest := false
default CreateSandboxRequest := false
default UpdateInterfaceRequest := false
default UpdateRoutesRequest := false

# Refused always: no way in, no way to read output, no change of the policy.
default AddSwapPathRequest := false
default AddSwapRequest := false
default AllowRequestsFailingPolicy := false
default CloseStdinRequest := false
default ExecProcessRequest := false
default GetDiagnosticDataRequest := false
default GetIPTablesRequest := false
default GetMetricsRequest := false
default ListInterfacesRequest := false
default ListRoutesRequest := false
default MemAgentCompactConfig := false
default MemAgentMemcgConfig := false
default MemHotplugByProbeRequest := false
default PauseContainerRequest := false
default ReadStreamRequest := false
default RemoveStaleVirtiofsShareMountsRequest := false
default ReseedRandomDevRequest := false
default ResizeVolumeRequest := false
default ResumeContainerRequest := false
default SetGuestDateTimeRequest := false
default SetIPTablesRequest := false
default SetPolicyRequest := false
default UpdateContainerRequest := false
default UpdateEphemeralMountsRequest := false
default VolumeStatsRequest := false
default WriteStreamRequest := false
