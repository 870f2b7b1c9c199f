# Addresses and routes come from the network of the host. Nothing may pretend to be the loopback interface, over which the
# containers of a pod trust each other.

default UpdateInterfaceRequest := false

UpdateInterfaceRequest if {
	interface := input.interface
	is_outward(interface.name)
	interface.device != "lo"
	interface.raw_flags in {0, 128}
	regex.match(`^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$`, interface.hwAddr)
	interface.hwAddr != "00:00:00:00:00:00"
	every address in interface.IPAddresses {
		not is_loopback(address.address)
	}
}

default UpdateRoutesRequest := false

UpdateRoutesRequest if {
	every route in input.routes.Routes {
		is_outward(route.device)
		not is_loopback(route.source)
		not is_loopback(route.dest)
		not is_loopback(route.gateway)
	}
}

default AddARPNeighborsRequest := false

AddARPNeighborsRequest if {
	every neighbor in input.neighbors.ARPNeighbors {
		is_outward(neighbor.device)
		neighbor.toIPAddress.mask == ""
		not is_loopback(neighbor.toIPAddress.address)
		neighbor.state in {2, 128}
		neighbor.flags in {0, 8, 128, 136}
	}
}

# By its name alone: what comes after a zero byte, the kernel does not read.
is_outward(name) if {
	regex.match(`^[A-Za-z0-9_.-]{1,15}$`, name)
	name != "lo"
}

# IPv4 as such, as the last part of an IPv6 address, and in hexadecimal there; ::1 however it is written.
is_loopback(address) if regex.match(`(?i)^([0:]*:(ffff:)?)?0*127\.`, address)

is_loopback(address) if regex.match(`(?i)^[0:]*:ffff:7f[0-9a-f]{2}:`, address)

is_loopback(address) if regex.match(`^[0:]*:0*1(/.*)?$`, address)
