//! The clusters, which all tests share, and names of which each test has its own.

use std::sync::{Mutex, PoisonError};

use contrast_tests::{Cluster, Containerd};

/// Both versions of containerd.
pub(crate) const BOTH: [Containerd; 2] = [Containerd::Two, Containerd::OneSix];

/// The image that every node has, with a shell.
pub(crate) const SHELL: &str = "docker.io/library/busybox:stable";

/// A node that one test restarts is restarted for all of them.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Does something in an empty namespace of a running cluster.
pub(crate) fn in_namespace(containerd: Containerd, name: &str, test: impl FnOnce(&Cluster)) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let cluster = Cluster::up(containerd).in_namespace(name);
    // Of a run that failed.
    let _ = cluster.kubectl(&["delete", "namespace", name, "--ignore-not-found"]);
    let _ = cluster.kubectl(&["create", "namespace", name]);
    cluster.wait("serviceaccount/default", "create");
    test(&cluster);
    let _ = cluster.kubectl(&["delete", "namespace", name]);
}

/// A web server that says `text`, with a Service of this type at port 80.
pub(crate) fn web_server(name: &str, kind: &str, text: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: {SHELL}
        command: [sh, -c, 'mkdir /www && echo {text} >/www/index.html && exec httpd -f -p 8080 -h /www']
        ports: [{{containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /index.html, port: 8080}}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  type: {kind}
  selector: {{app: {name}}}
  ports: [{{port: 80, targetPort: 8080}}]
"
    )
}
