package agent_policy

import future.keywords.every
import future.keywords.if
import future.keywords.in

# What the agent of a pod's confidential VM does for the host, and what it does not.
#
# The host is the attacker. A request is allowed only if it is what an honest node sends for the pod that `pod` describes; that
# value is at the end of this text, and all else is the same for every pod. Each check is a rule of its own with the default
# `false`, so that what cannot be evaluated is refused; `..._checks` puts them together, and says by name which one failed.
#
# State, in `data.pstate`: `sandbox` (that it was made), `pins` (what the first container said of the pod; all others must say the same),
# `containers` (identifiers of containers that exist, and their names), `disks` (the places of their volumes that are block devices),
# and `started` (as `containers`, of those that run). No identifier of the host is ever looked for among the pins.

default AllowRequestsFailingPolicy := false

# Harmless, or nothing that the host could not do anyway.
default DestroySandboxRequest := true
default GetOOMEventRequest := true
default GuestDetailsRequest := true
default OnlineCPUMemRequest := true
default RemoveStaleVirtiofsShareMountsRequest := true
default SignalProcessRequest := true
default StatsContainerRequest := true
default TtyWinResizeRequest := true
default WaitProcessRequest := true

# Nothing that a pod needs.
default AddSwapPathRequest := false
default AddSwapRequest := false
default GetDiagnosticDataRequest := false
default GetIPTablesRequest := false
default GetMetricsRequest := false
default ListInterfacesRequest := false
default ListRoutesRequest := false
default MemAgentCompactConfig := false
default MemAgentMemcgConfig := false
default MemHotplugByProbeRequest := false
default PauseContainerRequest := false
default PullImageRequest := false
default ReseedRandomDevRequest := false
default ResizeVolumeRequest := false
default ResumeContainerRequest := false
default SetGuestDateTimeRequest := false
default SetIPTablesRequest := false
default SetPolicyRequest := false
default StartTracingRequest := false
default StopTracingRequest := false
default UpdateContainerRequest := false
default UpdateEphemeralMountsRequest := false
default VolumeStatsRequest := false

# Whether an identifier is one as the agent takes it, and so has no meaning in the path of an operation on the state.
is_identifier(text) if regex.match(`^[A-Za-z0-9][A-Za-z0-9._-]+$`, text)

# The name of a container that exists; the pod sandbox has the empty one.
name_of(id) := data.pstate.containers[id]

# What `pod` says about it.
entry_of(name) := pod.sandbox if name == ""

entry_of(name) := pod.containers[name] if name != ""

# Whether a text is as `pod` wants it: exactly so, or like a pattern, or what the first container was pinned to.
is_as_wanted(text, wanted) if text == wanted.value

is_as_wanted(text, wanted) if regex.match(wanted.pattern, text)

is_as_wanted(text, wanted) if {
	pin := data.pstate.pins[wanted.pin]
	pin != ""
	text == concat("", [object.get(wanted, "before", ""), pin, object.get(wanted, "after", "")])
}

# Older nodes do not say everything that could be pinned.
is_as_wanted(text, wanted) if {
	data.pstate.pins[wanted.pin] == ""
	regex.match(wanted.like, text)
}
