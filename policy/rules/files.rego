# Files that the host puts into the guest: the contents of volumes that are not the pod's, `/etc/hosts` and the like.

default CopyFileRequest := false

CopyFileRequest if {
	input.file_type in {"Regular", "Directory"}
	is_shared_file(input.path)
}

# Volumes of Kubernetes are links to folders beside them, never the entry itself.
CopyFileRequest if {
	input.file_type == "Symlink"
	is_below_shared_file(input.path)
	is_string(input.symlink_target)
	not startswith(input.symlink_target, "/")
	not ".." in split(input.symlink_target, "/")
}

is_shared_file(path) if {
	regex.match(concat("", ["^", pod.shared_file, "[^/]+(/.*)?$"]), path)
	is_straight(path)
}

is_below_shared_file(path) if {
	regex.match(concat("", ["^", pod.shared_file, "[^/]+/.+$"]), path)
	is_straight(path)
}

# No part leads back, and no line break hides the rest of the path from a pattern.
is_straight(path) if {
	not ".." in split(path, "/")
	indexof(path, "\n") == -1
}
