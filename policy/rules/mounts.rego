# What a container sees of files: its root, its image, and what is mounted into it.

# The root lies in a folder of the container's own.
create_bundle := regex.find_all_string_submatch_n(pod.root, input.OCI.Root.Path, 1)[0][1]

default create_root_is_right := false

create_root_is_right if {
	input.OCI.Root.Readonly == create_entry.readonly_root
	create_bundle == input.container_id
}

# The image is known by its digest, and pulled in the guest. The metadata beside its name tells the agent whether to unpack the
# pause image of the guest instead, so it must say the same as the annotations.
default create_image_is_right := false

create_image_is_right if {
	not create_entry.image.layers
	count(create_images) == 1
	some image in create_images
	image.fstype == "overlay"
	image.mount_point == input.OCI.Root.Path
	image.fs_group == null
	image.shared == false
	count(image.options) == 0
	is_image(image.source)
	says_the_same(image.driver_options)
}

create_images := [storage | some storage in input.storages; storage.driver == "image_guest_pull"]

is_image(source) if source == create_entry.image.name

# A node may name it otherwise, but not have another one: containerd leaves the tag out where there is a digest.
is_image(source) if {
	create_entry.image.digest != ""
	[name, digest] := split(source, "@")
	name != ""
	digest == create_entry.image.digest
}

says_the_same(driver_options) if {
	count(driver_options) == 1
	option := driver_options[0]
	startswith(option, "image_guest_pull=")
	metadata := json.unmarshal(trim_prefix(option, "image_guest_pull=")).metadata
	every key, value in metadata {
		is_same_metadata(key, value)
	}
}

is_same_metadata(key, value) if input.OCI.Annotations[key] == value

# The agent knows more than one name for the kind of a container: CRI-O's is `ContainerType`.
is_same_metadata(key, _) if {
	not input.OCI.Annotations[key]
	not regex.match("(?i)container[-_]?type", key)
}

# Or the node has it, and each of its layers is a device that the guest checks against a root hash.
create_image_is_right if {
	layers := create_entry.image.layers
	found := [storage | some storage in input.storages; storage.fstype == "tar"]
	count(found) == count(layers)
	every layer in layers {
		some storage in found
		is_layer(storage, layer)
	}
	overlays := [storage | some storage in input.storages; storage.driver == "overlayfs"]
	count(overlays) == 1
	is_overlay(overlays[0], layers)
}

layer_hash := "io.katacontainers.fs-opt.root-hash="

is_layer(storage, layer) if {
	storage.driver == "blk"
	is_address_of("blk", storage.source)
	storage.mount_point == concat("", [pod.layer_folder, layer.name])
	count(storage.driver_options) == 0
	storage.fs_group == null
	[option | some option in storage.options; startswith(option, layer_hash)] == [concat("", [layer_hash, layer.root])]
	every option in storage.options {
		is_layer_option(option)
	}
}

is_layer_option(option) if startswith(option, layer_hash)

is_layer_option(option) if option in {"ro", "io.katacontainers.fs-opt.block_device=file", "io.katacontainers.fs-opt.is-layer"}

# The top layer comes first.
is_overlay(storage, layers) if {
	endswith(storage.fstype, "overlay")
	count(storage.driver_options) == 0
	storage.fs_group == null
	storage.options == [
		concat(":", array.reverse([layer.name | some layer in layers])),
		concat(":", array.reverse([layer.root | some layer in layers])),
	]
	input.OCI.Root.Path in {storage.mount_point, concat("", [storage.mount_point, "/rootfs"])}
}

is_of_image(storage) if {
	not create_entry.image.layers
	storage.driver == "image_guest_pull"
}

is_of_image(storage) if {
	create_entry.image.layers
	storage.fstype == "tar"
}

is_of_image(storage) if {
	create_entry.image.layers
	storage.driver == "overlayfs"
}

# Each mount is one of the pod's, at a place where no other one is; none is missing that a node has to make.
default create_mounts_are_right := false

create_mounts_are_right if {
	places := [mount.destination | some mount in input.OCI.Mounts; not is_shared_memory_of_sandbox(mount)]
	count({place | some place in places}) == count(places)
	found := {mount.destination | some mount in input.OCI.Mounts}
	every mount in input.OCI.Mounts {
		is_mount(mount, create_entry.mounts[mount.destination])
	}
	every place, wanted in create_entry.mounts {
		is_found_or_optional(place, wanted, found)
	}
	create_mounts_are_in_order
}

# As containerd sorts them: first what the runtime makes, from the top down, then what is bound, by the depth of its place. In another
# order, a mount hides one that lies below its place. Nothing lies in the sandbox.
create_mounts_are_in_order if create_name == ""

create_mounts_are_in_order if {
	depths := [depth_of(mount) | some mount in input.OCI.Mounts]
	depths == sort(depths)
	made := [mount.destination | some mount in input.OCI.Mounts; mount.type_ != "bind"]
	every index, place in made {
		concat("/", ["", split(place, "/")[1]]) in array.slice(made, 0, index + 1)
	}
}

depth_of(mount) := 0 if mount.type_ != "bind"

depth_of(mount) := count(split(mount.destination, "/")) if mount.type_ == "bind"

# Old versions of containerd mount it twice, and the runtime makes the same of both.
is_shared_memory_of_sandbox(mount) if {
	create_name == ""
	mount.destination == "/dev/shm"
}

is_mount(mount, wanted) if {
	some kind in wanted.kinds
	mount.type_ == kind.type
	is_source(mount.source, kind)
	{option | some option in mount.options} - {option | some option in object.get(kind, "extra_options", [])} == {option | some option in kind.options}
}

is_source(source, kind) if source == kind.source

# Shared files are copied by the node, or lie in a shared folder, under the name of their container.
is_source(source, kind) if {
	prefix := replace(pod.shared_file, "[0-9a-f]{64}", create_bundle)
	regex.match(concat("", ["^", prefix, kind.file, "$"]), source)
}

# A block device that the guest formats, at a place that its own address gives.
is_source(source, kind) if {
	kind.block
	some storage in input.storages
	is_block(storage, kind)
	source == storage.mount_point
}

# Storages beside the image: block devices, each for a mount of this container; and file systems in memory. None is missing, none is
# too many, and each volume of a container is one device of its own.
default create_storages_are_right := false

create_storages_are_right if {
	others := [storage | some storage in input.storages; not is_of_image(storage)]
	every storage in others {
		is_storage(storage)
	}
	every wanted in create_entry.storages {
		wanted in others
	}
	count(others) <= count(create_entry.storages) + count(create_blocks)
	count({block | some block in create_blocks}) == count({block.place | some block in create_blocks})
	count({block | some block in create_blocks}) == count({block.volume | some block in create_blocks})
}

create_blocks := [{"volume": kind.volume, "place": mount.source} |
	some mount in input.OCI.Mounts
	some kind in create_entry.mounts[mount.destination].kinds
	kind.block
]

is_storage(storage) if {
	some wanted in create_entry.storages
	storage == wanted
}

is_storage(storage) if {
	some wanted in create_entry.mounts
	some kind in wanted.kinds
	kind.block
	is_block(storage, kind)
	some mount in input.OCI.Mounts
	mount.source == storage.mount_point
}

is_block(storage, kind) if {
	is_address_of(storage.driver, storage.source)
	storage.fstype == "ext4"
	storage.driver_options == kind.driver_options
	count(storage.options) == 0
	storage.shared == true
	storage.fs_group == kind.fs_group
	storage.mount_point == concat("/", [pod.block_folder, base64url.encode(storage.source)])
}

# Where a disk is attached to the VM.
is_address_of("blk", text) if regex.match(`^[0-9a-f]{2}(/[0-9a-f]{2})?$`, text)

is_address_of("scsi", text) if regex.match(`^[0-9]+:[0-9]+$`, text)
