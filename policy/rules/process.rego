# A process: who runs what, with which variables and rights.

is_user(user, wanted) if {
	user.UID == wanted.uid
	user.GID == wanted.gid
	user.Username == ""
	{group | some group in user.AdditionalGids} | {wanted.gid} == {group | some group in wanted.groups} | {wanted.gid}
}

# Every variable is one of the pod's, or one that Kubernetes adds; none comes twice, and none of the pod's is missing. The one
# exception: containerd sends what the image says before what the pod says instead, and the last one counts. Most variables have one
# value that is allowed; these are compared all at once, and only the others one by one.
is_environment(sent, wanted) if {
	exact := {concat("=", [name, want.value]) | some name, want in wanted}
	replaced := {index | some index, variable in sent; not variable in exact; is_replaced(index, variable, sent, wanted)}
	count(replaced) == count({sent[index] | some index in replaced})
	variables := [variable | some index, variable in sent; not index in replaced]
	names := {split(variable, "=")[0] | some variable in variables}
	count(names) == count(variables)
	others := {variable | some variable in variables} - exact
	services := {variable | some variable in others; not wanted[split(variable, "=")[0]]}
	every variable in others - services {
		is_variable(variable, wanted)
	}
	are_service_variables(services)
	count({name | some name, want in wanted; not want.optional} - names) == 0
}

is_replaced(index, variable, sent, wanted) if {
	name := split(variable, "=")[0]
	variable == concat("=", [name, wanted[name].of_image])
	some place, later in sent
	place > index
	startswith(later, concat("", [name, "="]))
	later != variable
}

is_found_or_optional(name, _, found) if name in found

is_found_or_optional(_, value, _) if value.optional

name_of_variable(variable) := substring(variable, 0, end) if {
	end := indexof(variable, "=")
	end > 0
}

is_variable(variable, wanted) if {
	name := name_of_variable(variable)
	is_as_wanted(substring(variable, count(name) + 1, -1), wanted[name])
}

# All at once, since it takes longer to read a pattern than to compare with it: each one is a line, and no line is left.
are_service_variables(variables) if {
	every variable in variables {
		indexof(variable, "\n") == -1
	}
	lines := concat("", [concat("", [variable, "\n"]) | some variable in variables])
	pattern := concat("", ["(?m)(", concat("|", pod.service_variables), ")\n"])
	regex.replace(lines, pattern, "") == ""
}

has_rights(process, wanted) if {
	process.NoNewPrivileges == wanted.no_new_privileges
	process.SelinuxLabel == ""
	has_capabilities(process.Capabilities, wanted.capabilities)
}

# How many files and processes it may have, and no other: with one for core files, a signal would put its memory into a file.
has_plain_limits(process) if {
	every limit in process.Rlimits {
		limit.Type in {"RLIMIT_NOFILE", "RLIMIT_NPROC"}
	}
}

# They come with or without their prefix, and in any order.
has_capabilities(found, wanted) if {
	are_capabilities(found.Bounding, wanted)
	are_capabilities(found.Effective, wanted)
	are_capabilities(found.Permitted, wanted)
	count(found.Inheritable) == 0
	count(found.Ambient) == 0
}

are_capabilities(found, wanted) if {
	{trim_prefix(name, "CAP_") | some name in found} == {name | some name in wanted}
}

# Ports by which the agent would connect a process to the host itself, past the rules for logs and input.
asks_for_no_streams if {
	every port in ["stdin_port", "stdout_port", "stderr_port"] {
		object.get(input, port, 0) in {0, null}
	}
}
