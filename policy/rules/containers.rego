# Containers that exist already.

default StartContainerRequest := false

# One at a time of each, so that no two programs take themselves for the same one.
StartContainerRequest := {"allowed": true, "ops": [{"op": "add", "path": path, "value": name}]} if {
	is_identifier(input.container_id)
	name := name_of(input.container_id)
	not is_started(name)
	every other, _ in data.pstate.started {
		have_the_same_disks(data.pstate.disks[input.container_id], data.pstate.disks[other])
	}
	path := concat("/", ["/pstate/started", input.container_id])
}

is_started(name) if {
	some other in data.pstate.started
	other == name
}

# A volume is one disk in all containers, and a disk is one volume; otherwise one container would find what is another one's.
have_the_same_disks(some_disks, others) if {
	every volume, place in some_disks {
		every other, elsewhere in others {
			(volume == other) == (place == elsewhere)
		}
	}
}

default RemoveContainerRequest := false

RemoveContainerRequest := {"allowed": true, "ops": operations} if {
	is_identifier(input.container_id)
	name_of(input.container_id)
	operations := [{"op": "remove", "path": concat("/", ["/pstate", member, input.container_id])} |
		some member in ["containers", "disks", "started"]
		input.container_id in object.keys(data.pstate[member])
	]
}

default ReadStreamRequest := false

# The agent hands out nothing instead of refusing, so that no container blocks.
ReadStreamRequest if entry_of(name_of(input.container_id)).logs

default WriteStreamRequest := false

WriteStreamRequest if entry_of(name_of(input.container_id)).stdin

default CloseStdinRequest := false

CloseStdinRequest if entry_of(name_of(input.container_id)).stdin

# Commands of probes and of hooks of the life cycle, with the user, the variables and the rights of their container.
default ExecProcessRequest := false

ExecProcessRequest if {
	every _, holds in exec_checks {
		holds
	}
}

exec_entry := entry_of(data.pstate.started[input.container_id])

exec_checks := {
	"command": exec_command_is_listed,
	"user": exec_user_is_right,
	"environment": exec_environment_is_right,
	"rights": exec_rights_are_right,
}

default exec_command_is_listed := false

exec_command_is_listed if {
	some command in exec_entry.exec
	count(input.process.Args) == count(command)
	every index, argument in input.process.Args {
		is_as_wanted(argument, command[index])
	}
}

default exec_user_is_right := false

exec_user_is_right if {
	input.string_user == null
	is_user(input.process.User, exec_entry.user)
}

default exec_environment_is_right := false

exec_environment_is_right if {
	is_environment(input.process.Env, exec_entry.env)
	input.process.Cwd == exec_entry.cwd
}

default exec_rights_are_right := false

exec_rights_are_right if {
	input.process.Terminal in {false, exec_entry.terminal}
	input.process.NoNewPrivileges == exec_entry.no_new_privileges
	input.process.SelinuxLabel == ""
	input.process.ApparmorProfile == ""
	has_plain_limits(input.process)
	asks_for_no_streams
	exec_capabilities_are_right
}

# The runtime names none for a further process.
exec_capabilities_are_right if input.process.Capabilities == null

exec_capabilities_are_right if has_capabilities(input.process.Capabilities, exec_entry.capabilities)
