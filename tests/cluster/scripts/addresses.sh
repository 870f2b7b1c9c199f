#!/bin/sh
# Gives each Service of type LoadBalancer an address of its own, 10.98.0.1 to 10.98.0.254, which kube-proxy leads to its pods.
set -u
export KUBECONFIG=/etc/kubernetes/super-admin.conf

list() { kubectl get services -A -o 'jsonpath={range .items[*]}{.status.loadBalancer.ingress[0].ip}{"\n"}{end}'; }

free_address() {
    taken=$(list) || return
    n=1
    while [ $n -le 254 ]; do
        echo "$taken" | grep -qxF "10.98.0.$n" || { echo "10.98.0.$n"; return; }
        n=$((n + 1))
    done
    return 1
}

# A Service that is no LoadBalancer any more has no address in its status either.
while :; do
    kubectl get services -A --watch --output-watch-events=false -o \
        'jsonpath={.metadata.namespace}{" "}{.metadata.name}{" "}{.spec.type}{" "}{.status.loadBalancer.ingress[0].ip}{"\n"}' |
        while read -r namespace name type address; do
            [ "$type" = LoadBalancer ] && [ -z "$address" ] || continue
            address=$(free_address) || continue
            kubectl patch service -n "$namespace" "$name" --subresource=status --type=merge \
                -p "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"$address\",\"ipMode\":\"VIP\"}]}}}" </dev/null
        done
    # The API server was away.
    sleep 1
done
