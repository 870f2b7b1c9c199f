#!/bin/sh
# Provides volumes for claims of the class `loop`, of volumeMode Block or Filesystem: loop devices on files of the node's disk.
#
# A claim that waits gets a volume made for it; a volume whose claim is gone is removed with its file.
set -u
export KUBECONFIG=/etc/kubernetes/super-admin.conf
class=loop folder=/var/lib/volumes
# The name stays the same, whatever device it is after a restart.
devices=/dev/volumes
mkdir -p $devices

attach() { # NAME
    device=$(losetup --find --show "$folder/$1.img") || return
    ln -sfn "$device" "$devices/$1"
}

bytes() { # QUANTITY, as far as claims use it
    number=${1%%[!0-9]*}
    case ${1#"$number"} in
    '') echo "$number" ;;
    Ki) echo $((number << 10)) ;;
    Mi) echo $((number << 20)) ;;
    Gi) echo $((number << 30)) ;;
    Ti) echo $((number << 40)) ;;
    k) echo $((number * 1000)) ;;
    M) echo $((number * 1000000)) ;;
    G) echo $((number * 1000000000)) ;;
    *) return 1 ;;
    esac
}

provide() { # NAMESPACE NAME UID SIZE MODE ACCESS
    name=pvc-$3
    size=$(bytes "$4") || { echo "claim $1/$2: $4 is no size that this program knows" >&2; return; }
    [ -e "$folder/$name.img" ] || truncate --size "$size" "$folder/$name.img" || return
    [ -e "$devices/$name" ] || attach "$name" || return
    kubectl apply -f - <<END
apiVersion: v1
kind: PersistentVolume
metadata:
  name: $name
  annotations: {pv.kubernetes.io/provisioned-by: cluster.contrast.test/loop}
spec:
  capacity: {storage: $4}
  accessModes: [$6]
  volumeMode: $5
  storageClassName: $class
  persistentVolumeReclaimPolicy: Delete
  claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, namespace: $1, name: $2, uid: $3}
  local: {path: $devices/$name}
  nodeAffinity:
    required:
      nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node]}]}]
END
}

remove() { # NAME
    [ ! -e "$devices/$1" ] || losetup --detach "$(readlink "$devices/$1")"
    rm -f "$devices/$1" "$folder/$1.img"
    kubectl delete persistentvolume "$1" --wait=false
}

# After a restart of the node.
for file in "$folder"/*.img; do
    name=${file##*/} name=${name%.img}
    [ ! -e "$file" ] || [ -e "$devices/$name" ] || attach "$name"
done
while :; do
    kubectl get persistentvolumeclaims -A --watch -o \
        'jsonpath={.metadata.namespace}{" "}{.metadata.name}{" "}{.metadata.uid}{" "}{.spec.resources.requests.storage}{" "}{.spec.volumeMode}{" "}{.spec.accessModes[0]}{" "}{.status.phase}{" "}{.spec.storageClassName}{"\n"}' |
        while read -r namespace name uid size mode access phase wanted; do
            [ "$phase" = Pending ] && [ "$wanted" = $class ] || continue
            provide "$namespace" "$name" "$uid" "$size" "$mode" "$access" </dev/null
        done
    sleep 1
done &
while :; do
    kubectl get persistentvolumes --watch -o \
        'jsonpath={.metadata.name}{" "}{.spec.storageClassName}{" "}{.status.phase}{"\n"}' |
        while read -r name its phase; do
            [ "$its" = $class ] || continue
            case $phase in Released | Failed) remove "$name" </dev/null ;; esac
        done
    sleep 1
done
