# Rules that compare a request with `expectations`, member by member, as the explanation does.
# A container is chosen by the name that the request gives it, so the cost does not grow with the number of containers.

default AllowRequestsFailingPolicy := false

# What a text may be.
admits(text, found) if text.is == found
admits(text, found) if regex.match(text.matches, found)
admits(text, found) if found in text.one_of
admits(text, _) if text.any

# A text as it is, anything else as JSON.
plain(value) := value if is_string(value)
plain(value) := json.marshal(value) if not is_string(value)

all_admit(texts, found) if {
	count(texts) == count(found)
	every index, text in texts { admits(text, found[index]) }
}

# The containers that were created and not removed: names by identifier. Replaced as a whole, so that an identifier never
# is a part of a path.
created := object.get(data.pstate, "containers", {})

chosen := expectations.sandbox if input.OCI.Annotations["io.kubernetes.cri.container-type"] == "sandbox"
chosen := container if {
	input.OCI.Annotations["io.kubernetes.cri.container-type"] == "container"
	some container in expectations.containers
	container.name == input.OCI.Annotations["io.kubernetes.cri.container-name"]
}

default CreateContainerRequest := false
CreateContainerRequest := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/containers", "value": next}]} if {
	container := chosen
	object.get(created, input.container_id, null) == null
	count([id | some id, name in created; name == container.name]) == 0
	all_admit(container.args, input.OCI.Process.Args)
	variables(container, input.OCI.Process.Env)
	mounts(container)
	storages(container)
	annotations(container)
	every member in container.members { as_expected(member) }
	every set in container.sets { same_set(set) }
	next := object.union(created, {input.container_id: container.name})
}

variables(container, found) if {
	every variable in found { known_variable(container, variable) }
	names := {name | some variable in found; name := split(variable, "=")[0]}
	count(names) == count(found)
	every name, variable in container.env { present(variable, name, names) }
}

known_variable(container, variable) if {
	at := indexof(variable, "=")
	at >= 0
	admits(container.env[substring(variable, 0, at)].value, substring(variable, at + 1, -1))
}
known_variable(container, variable) if {
	not container.env[split(variable, "=")[0]]
	contains(variable, "=")
	some pattern in container.env_patterns
	admits(pattern, variable)
}

present(expected, _, _) if not expected.required
present(_, name, names) if name in names

mounts(container) if {
	destinations := {mount.destination | some mount in input.OCI.Mounts}
	count(destinations) == count(input.OCI.Mounts)
	every mount in input.OCI.Mounts {
		expected := container.mounts[mount.destination]
		admits(expected.source, mount.source)
		admits(expected.kind, mount.type_)
		all_admit(expected.options, mount.options)
	}
	every destination, expected in container.mounts { present(expected, destination, destinations) }
}

storages(container) if {
	count(container.storages) == count(input.storages)
	every found in input.storages {
		some expected in container.storages
		same_storage(expected, found)
	}
	every expected in container.storages {
		some found in input.storages
		same_storage(expected, found)
	}
}

same_storage(expected, found) if {
	admits(expected.driver, found.driver)
	admits(expected.source, found.source)
	admits(expected.fstype, found.fstype)
	admits(expected.mount_point, found.mount_point)
	admits(expected.fs_group, plain(found.fs_group))
	admits(expected.shared, plain(found.shared))
	all_admit(expected.options, found.options)
	all_admit(expected.driver_options, found.driver_options)
}

annotations(container) if {
	every key, value in input.OCI.Annotations { admits(container.annotations[key].value, value) }
	keys := object.keys(input.OCI.Annotations)
	every key, expected in container.annotations { present(expected, key, keys) }
}

# `[]` in a path stands for every item of a list.
as_expected(member) if {
	not contains(member.path, "[]")
	admits(member.expected, plain(object.get(input, split(member.path, "."), null)))
}
as_expected(member) if {
	parts := split(member.path, "[].")
	count(parts) == 2
	every item in object.get(input, split(parts[0], "."), []) {
		admits(member.expected, plain(object.get(item, split(parts[1], "."), null)))
	}
}

same_set(set) if {
	found := {plain(item) | some item in object.get(input, split(set.path, "."), [])}
	found == {item | some item in set.items}
}

known := container if {
	name := created[input.container_id]
	some container in array.concat([expectations.sandbox], expectations.containers)
	container.name == name
}

default ExecProcessRequest := false
ExecProcessRequest if {
	container := known
	some command in container.exec
	all_admit(command, input.process.Args)
	variables(container, input.process.Env)
	every member in container.exec_members { as_expected(member) }
}

default RemoveContainerRequest := false
RemoveContainerRequest := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/containers", "value": next}]} if {
	created[input.container_id]
	next := object.remove(created, [input.container_id])
}

default ReadStreamRequest := false
ReadStreamRequest if known.logs
default WriteStreamRequest := false
WriteStreamRequest if known.stdin
default CloseStdinRequest := false
CloseStdinRequest if known.stdin

simple(kind) if {
	every member in expectations.requests[kind] { as_expected(member) }
	known_if_named
}

known_if_named if not input.container_id
known_if_named if created[input.container_id]
