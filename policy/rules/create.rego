# A container is created: the pod's sandbox first, then each of its containers by name. Whoever could not be created is tried again
# under another identifier, so that only the start is a matter of one at a time.

default CreateContainerRequest := false

CreateContainerRequest := {"allowed": true, "ops": create_operations} if {
	every _, holds in create_checks {
		holds
	}
}

create_checks := {
	"name": create_name_is_known,
	"once": create_is_new,
	"pod": create_pod_is_right,
	"annotations": create_annotations_are_listed,
	"command": create_command_is_right,
	"environment": create_environment_is_right,
	"user": create_user_is_right,
	"rights": create_rights_are_right,
	"root": create_root_is_right,
	"image": create_image_is_right,
	"mounts": create_mounts_are_right,
	"storages": create_storages_are_right,
	"devices": create_devices_are_right,
	"namespaces": create_namespaces_are_right,
	"kernel": create_kernel_settings_are_right,
	"nothing else": create_asks_for_nothing_else,
}

annotation(key) := input.OCI.Annotations[key]

# The sandbox has no name of its own.
create_name := "" if {
	annotation("io.kubernetes.cri.container-type") == "sandbox"
	annotation("io.katacontainers.pkg.oci.container_type") == "pod_sandbox"
	not input.OCI.Annotations["io.kubernetes.cri.container-name"]
}

create_name := name if {
	annotation("io.kubernetes.cri.container-type") == "container"
	annotation("io.katacontainers.pkg.oci.container_type") == "pod_container"
	name := annotation("io.kubernetes.cri.container-name")
	name != ""
}

create_entry := entry_of(create_name)

default create_name_is_known := false

create_name_is_known if {
	is_object(create_entry)
	is_identifier(input.container_id)
	input.OCI.Version in pod.runtime_versions
}

default create_is_new := false

create_is_new if {
	create_name == ""
	not data.pstate.pins
}

create_is_new if {
	create_name != ""
	data.pstate.pins
	not name_of(input.container_id)
}

# What the first container says of the pod. A workload's sandbox is the container that was first.
create_pins := {
	"name": annotation("io.kubernetes.cri.sandbox-name"),
	"namespace": annotation("io.kubernetes.cri.sandbox-namespace"),
	"uid": object.get(input.OCI.Annotations, "io.kubernetes.cri.sandbox-uid", ""),
	"sandbox": annotation("io.kubernetes.cri.sandbox-id"),
	"network": create_network,
}

default create_network := null

create_network := namespace.Path if {
	some namespace in input.OCI.Linux.Namespaces
	namespace.Type == "network"
}

default create_pod_is_right := false

create_pod_is_right if {
	create_name == ""
	is_as_wanted(create_pins.name, pod.name)
	is_as_wanted(create_pins.namespace, pod.namespace)
	create_pins.sandbox == input.container_id
}

create_pod_is_right if {
	create_name != ""
	create_pins == data.pstate.pins
}

create_operations := [
	{"op": "add", "path": "/pstate/pins", "value": create_pins},
	{"op": "add", "path": "/pstate/containers", "value": {input.container_id: ""}},
	{"op": "add", "path": "/pstate/disks", "value": {input.container_id: {}}},
	{"op": "add", "path": "/pstate/started", "value": {}},
] if {
	create_name == ""
}

create_operations := [
	{"op": "add", "path": concat("/", ["/pstate/containers", input.container_id]), "value": create_name},
	{"op": "add", "path": concat("/", ["/pstate/disks", input.container_id]), "value": disks},
] if {
	create_name != ""
	disks := {block.volume: block.place | some block in create_blocks}
}

# Those of the pod, and those that the runtime adds; some of these are compared elsewhere.
default create_annotations_are_listed := false

create_annotations_are_listed if {
	every key, value in input.OCI.Annotations {
		is_annotation(key, value)
	}
}

is_annotation(key, value) if pod.annotations[key] == value

is_annotation(key, value) if create_entry.annotations[key].value == value

is_annotation(key, value) if regex.match(create_entry.annotations[key].pattern, value)

is_annotation(key, value) if {
	create_entry.annotations[key].line
	indexof(value, "\n") == -1
}

default create_command_is_right := false

create_command_is_right if {
	count(input.OCI.Process.Args) == count(create_entry.args)
	every index, argument in input.OCI.Process.Args {
		is_as_wanted(argument, create_entry.args[index])
	}
	input.OCI.Process.Cwd == create_entry.cwd
	input.OCI.Process.Terminal == create_entry.terminal
}

default create_environment_is_right := false

create_environment_is_right if is_environment(input.OCI.Process.Env, create_entry.env)

default create_user_is_right := false

create_user_is_right if {
	input.string_user == null
	is_user(input.OCI.Process.User, create_entry.user)
}

default create_rights_are_right := false

create_rights_are_right if {
	has_rights(input.OCI.Process, create_entry)
	has_plain_limits(input.OCI.Process)
	input.OCI.Process.OOMScoreAdj >= -1000
	input.OCI.Process.OOMScoreAdj <= 1000
}

default create_namespaces_are_right := false

create_namespaces_are_right if {
	input.sandbox_pidns == create_entry.share_processes
	every namespace in input.OCI.Linux.Namespaces {
		namespace.Type in {"ipc", "uts", "mount", "network", "cgroup"}
		is_own_namespace(namespace)
	}
	types := [namespace.Type | some namespace in input.OCI.Linux.Namespaces]
	count(types) == count({type | some type in types})
	{"ipc", "mount"} & {type | some type in types} == {"ipc", "mount"}
	("uts" in types) == create_entry.own_host_name
}

is_own_namespace(namespace) if namespace.Path == ""

# The agent does not use it, but all containers are to be in the same one.
is_own_namespace(namespace) if namespace.Type == "network"

default create_kernel_settings_are_right := false

create_kernel_settings_are_right if {
	every name, value in input.OCI.Linux.Sysctl {
		value == create_entry.sysctls[name]
	}
	every name in object.get(create_entry, "needed_sysctls", []) {
		input.OCI.Linux.Sysctl[name]
	}
	covers(input.OCI.Linux.MaskedPaths, create_entry.masked_paths)
	kept_from := array.concat(input.OCI.Linux.ReadonlyPaths, input.OCI.Linux.MaskedPaths)
	covers(kept_from, create_entry.readonly_paths)
	more := {path | some path in kept_from} - {path | some path in array.concat(create_entry.masked_paths, create_entry.readonly_paths)}
	every path in more {
		is_of_kernel(path)
	}
	is_group(input.OCI.Linux.CgroupsPath)
}

# Runtimes differ in what they hide of the kernel. What is hidden of the container's own files, also by way of `/proc/self/root`, changes
# what its program does.
is_of_kernel(path) if regex.match(`^/proc/[a-z_-]+$|^/sys(/[A-Za-z0-9_][A-Za-z0-9_.:-]*)+$`, path)

# A path, or slice, prefix and name where systemd makes them.
is_group(path) if {
	startswith(path, "/")
	is_straight(path)
}

is_group(path) if regex.match(`^[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+){2}$`, path)

covers(found, wanted) if {
	every path in wanted {
		path in found
	}
}

# Each block volume of the container, once, as a disk that the node attached to the VM. Which disk it is, nobody knows when the policy
# is made: its contents have to prove themselves.
default create_devices_are_right := false

create_devices_are_right if {
	are_each_once([device.Path | some device in input.OCI.Linux.Devices], create_entry.devices)
	every device in input.OCI.Linux.Devices {
		device.Type == create_entry.devices[device.Path]
	}
	are_each_once([device.container_path | some device in input.devices], create_entry.devices)
	every device in input.devices {
		is_disk(device)
	}
	count({device.id | some device in input.devices}) == count(input.devices)
}

are_each_once(found, wanted) if {
	count(found) == count(wanted)
	{path | some path in found} == {path | some path, _ in wanted}
}

# Found by its address alone, which no device has that belongs to the guest itself.
is_disk(device) if {
	is_address_of(device.type_, device.id)
	regex.match(`^(/dev/[a-z]+)?$`, device.vm_path)
	count(device.options) == 0
}

default create_asks_for_nothing_else := false

create_asks_for_nothing_else if {
	asks_for_no_streams
	count(input.shared_mounts) == 0
	is_empty(input.OCI.Hooks)
	is_empty(input.OCI.Solaris)
	is_empty(input.OCI.Windows)
	is_empty(input.OCI.Linux.Seccomp)
	is_empty(input.OCI.Linux.IntelRdt)
	count(input.OCI.Linux.UIDMappings) == 0
	count(input.OCI.Linux.GIDMappings) == 0
	input.OCI.Linux.MountLabel == ""
	input.OCI.Linux.RootfsPropagation in {"", object.get(create_entry, "propagation", "")}
	input.OCI.Process.ApparmorProfile in {"", "cri-containerd.apparmor.d"}
	are_only_limits(input.OCI.Linux.Resources)
}

are_only_limits(resources) if resources == null

are_only_limits(resources) if {
	is_empty(resources.BlockIO)
	is_empty(resources.Network)
	is_empty(resources.Pids)
	count(resources.Devices) == 0
}

is_empty(value) if value == null

is_empty(value) if {
	is_object(value)
	every _, part in value {
		count(part) == 0
	}
}
