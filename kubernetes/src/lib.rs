//! The API server of a cluster, found by a kubeconfig or from inside a pod.
