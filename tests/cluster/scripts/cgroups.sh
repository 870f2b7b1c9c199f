#!/bin/sh
# cgroups.sh join NAME COMMAND...: runs a command in a cgroup of this name below the caller's own, in every hierarchy.
# cgroups.sh remove NAME: removes it, with all below it, once nothing runs there.
#
# To be started in a mount namespace of its own: the machine may have mounted no hierarchy, as in a bare root, and what is mounted
# here is seen by nobody else.
set -eu
action=$1 name=$2
shift 2
mount -t tmpfs tmpfs /mnt
left=
while IFS=: read -r _ controllers path; do
    hierarchy=/mnt/${controllers#name=}
    # The second version has no name, and no controllers where the first has them.
    [ -n "$controllers" ] || hierarchy=/mnt/unified
    mkdir "$hierarchy"
    case $controllers in
    '') mount -t cgroup2 cgroup2 "$hierarchy" ;;
    name=*) mount -t cgroup -o "none,$controllers" cgroup "$hierarchy" ;;
    *) mount -t cgroup -o "$controllers" cgroup "$hierarchy" ;;
    esac
    parent=$hierarchy${path%/} group=$hierarchy${path%/}/$name
    if [ "$action" = join ]; then
        mkdir -p "$group"
        case ,$controllers, in
        *,cpuset,*)
            cat "$parent/cpuset.cpus" >"$group/cpuset.cpus"
            cat "$parent/cpuset.mems" >"$group/cpuset.mems"
            echo 1 >"$group/cgroup.clone_children"
            ;;
        esac
        echo $$ >"$group/cgroup.procs"
    elif [ -d "$group" ]; then
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || left="$left ${hierarchy#/mnt/}"
    fi
done </proc/self/cgroup
# In the namespace, so that the node does not inherit them.
umount --recursive /mnt
if [ "$action" = join ]; then
    exec "$@"
fi
[ -z "$left" ] || { echo "cgroups are still in use:$left" >&2; exit 1; }
