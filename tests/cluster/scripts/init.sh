#!/bin/sh
# init.sh STATE KUBE CONTAINERD: process 1 of the node. Builds the node's files and network, and becomes its init.
#
# Nothing of the machine may be writable from inside, whatever an init, a clean-up job or a privileged pod does there: / is an overlay
# whose writes go to STATE/upper; /dev, /run, /tmp are new; the only writable mounts of a disk are folders of STATE. Whoever started this
# compares the mounts with that rule, and only then lets it go on. (The rule has a reason: systemd empties /tmp when it starts.)
#
# On standard output: the number of this process as the machine counts. On standard input: `go`.
set -eu
state=$1 kube=$2 containerd=$3
# The shell itself, still as the machine counts.
read -r self _ </proc/self/stat
hostname node
root=$state/root

mount -t overlay overlay -o "lowerdir=/,upperdir=$state/upper,workdir=$state/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=1777,size=2g tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/lock"

# Devices that are nobody's data, and the kernel's loop devices.
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
device() { mknod -m "$2" "$root/dev/$1" "$3" "$4" "$5"; }
device null 666 c 1 3
device zero 666 c 1 5
device full 666 c 1 7
device random 666 c 1 8
device urandom 666 c 1 9
device tty 666 c 5 0
device loop-control 660 c 10 237
n=0
while [ $n -lt 64 ]; do
    device loop$n 660 b 7 $n
    n=$((n + 1))
done
# The kernel's log is the machine's.
ln -s null "$root/dev/kmsg"
ln -s null "$root/dev/console"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${n%:*}" "$root/dev/${n#*:}"; done
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t mqueue mqueue "$root/dev/mqueue"

# On the disk itself, since an overlay cannot lie on an overlay.
own() {
    mkdir -p "$state/$1" "$root$2"
    mount --bind "$state/$1" "$root$2"
}
own etcd /var/lib/etcd
own containerd /var/lib/containerd
own kubelet /var/lib/kubelet
own volumes /var/lib/volumes
own log /var/log
own pki /etc/kubernetes
read_only() {
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    mount -o remount,bind,ro "$root$2"
}
read_only "$state/files" /opt/cluster
read_only "$kube" /opt/kube/bin
read_only "$containerd" /opt/containerd/bin

# Settings of the kernel are only to be read, but those of the node's own network.
lock() {
    [ -e "$root/$1" ] || return 0
    mount --bind "$root/$1" "$root/$1"
    mount -o remount,bind,ro "$root/$1"
}
lock proc/sys
lock proc/sysrq-trigger
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,rw "$root/proc/sys/net"
# kubelet and kube-proxy set these for the whole machine. They find the values that they want in files that lie over them.
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file=$root/run/$(echo "${setting%=*}" | tr / .)
    echo "${setting#*=}" >"$file"
    mount --bind "$file" "$root/proc/sys/${setting%=*}"
done
mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
while IFS=: read -r _ controllers _; do
    [ -n "$controllers" ] || continue
    hierarchy=$root/sys/fs/cgroup/${controllers#name=}
    mkdir "$hierarchy"
    case $controllers in
    name=*) mount -t cgroup -o "none,$controllers" cgroup "$hierarchy" ;;
    *) mount -t cgroup -o "$controllers" cgroup "$hierarchy" ;;
    esac
done </proc/self/cgroup
mount -o remount,bind,ro "$root/sys"

mkdir -p "$root/.machine"
cd "$root"
pivot_root . .machine
umount --lazy /.machine
rmdir /.machine
mount --make-rshared /

echo "$self"
read -r answer
[ "$answer" = go ]
exec </dev/null >>/var/log/init.log 2>&1

# A pair of cables with both ends here: nothing leads outside.
ip link set lo up
ip link add node0 type veth peer name node1
ip link set node1 up
ip link set node0 up
ip addr add 10.97.0.1/24 dev node0
ip route add default dev node0
echo 1 >/proc/sys/net/ipv4/ip_forward
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables; fi

# Once only: a node keeps what is changed on it. Of the machine's own settings nothing is left where the node has its own.
if [ ! -e /etc/contrast-cluster ]; then
    rm -rf /etc/systemd /etc/containerd /etc/cni
    rm -f /etc/resolv.conf /etc/hosts
    cp -r /opt/cluster/etc/. /etc
    mkdir -p /opt/cni /var/lib/containerd/registry
    ln -sfn /usr/lib/cni /opt/cni/bin
    touch /etc/contrast-cluster
fi
# Units of the node alone: no unit, generator or clean-up job of the distribution.
export container=contrast-cluster SYSTEMD_UNIT_PATH=/etc/systemd/system
export SYSTEMD_GENERATOR_PATH=/etc/systemd/none SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/etc/systemd/none
exec /lib/systemd/systemd --system --log-target=null --show-status=no
