# The sandbox, once and before its first container: for another one, the agent would clear the folders of all that runs.

default CreateSandboxRequest := false

CreateSandboxRequest := {"allowed": true, "ops": [{"op": "add", "path": "/pstate/sandbox", "value": true}]} if {
	every _, holds in sandbox_checks {
		holds
	}
}

sandbox_checks := {
	"once": sandbox_is_new,
	"hooks": sandbox_has_no_hooks,
	"modules": sandbox_loads_nothing,
	"processes": sandbox_shares_no_processes,
	"storages": sandbox_storages_are_right,
}

default sandbox_is_new := false

sandbox_is_new if {
	not data.pstate.sandbox
	not data.pstate.pins
}

default sandbox_has_no_hooks := false

sandbox_has_no_hooks if input.guest_hook_path == ""

default sandbox_loads_nothing := false

sandbox_loads_nothing if count(input.kernel_modules) == 0

default sandbox_shares_no_processes := false

sandbox_shares_no_processes if input.sandbox_pidns == false

# Each one that the node makes, once, and no other.
default sandbox_storages_are_right := false

sandbox_storages_are_right if {
	count(input.storages) == count(pod.sandbox_storages)
	every wanted in pod.sandbox_storages {
		some found in input.storages
		found == wanted
	}
}
