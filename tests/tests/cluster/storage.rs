//! Volumes: block devices that the cluster provides, and what is left of a node's life.

use crate::world::{BOTH, SHELL, in_namespace};

#[test]
fn a_claim_gets_a_block_device_that_keeps_its_content_when_pod_and_node_are_restarted() {
    for containerd in BOTH {
        in_namespace(containerd, "storage", |cluster| {
            cluster.apply(&claiming_set());
            cluster.wait_for_rollout("statefulset/keeper");
            let write = [
                "exec",
                "keeper-0",
                "--",
                "sh",
                "-ec",
                "echo remembered >/dev/state; sync; echo kept >/files/f; sync",
            ];
            let _ = cluster.kubectl(&write);
            let read = ["exec", "keeper-0", "--", "sh", "-c", "head -c 10 /dev/state; cat /files/f"];
            let _ = cluster.kubectl(&["delete", "pod", "keeper-0"]);
            cluster.wait_for_rollout("statefulset/keeper");
            assert_eq!(cluster.kubectl(&read), "rememberedkept\n");
            cluster.restart();
            // The container of the node's earlier life may be the one that the API server still knows.
            cluster.wait("pod/keeper-0", "jsonpath={.status.containerStatuses[0].restartCount}=1");
            cluster.wait("pod/keeper-0", "condition=Ready");
            assert_eq!(cluster.kubectl(&read), "rememberedkept\n");
            let volume = cluster.kubectl(&[
                "get",
                "persistentvolumeclaim",
                "state-keeper-0",
                "--output",
                "jsonpath={.spec.volumeName}",
            ]);
            let _ = cluster.kubectl(&["delete", "statefulset", "keeper"]);
            let _ = cluster.kubectl(&["delete", "persistentvolumeclaim", "--all"]);
            cluster.wait(&format!("persistentvolume/{volume}"), "delete");
            let devices = cluster.on_node("ls").arg("/dev/volumes").output().expect("ls can be started");
            assert!(!String::from_utf8_lossy(&devices.stdout).contains(&volume), "{devices:?}");
        });
    }
}

fn claiming_set() -> String {
    format!(
        "
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: keeper}}
spec:
  serviceName: keeper
  selector: {{matchLabels: {{app: keeper}}}}
  template:
    metadata: {{labels: {{app: keeper}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: keeper
        image: {SHELL}
        command: [sleep, infinity]
        volumeDevices: [{{name: state, devicePath: /dev/state}}]
        volumeMounts: [{{name: files, mountPath: /files}}]
  volumeClaimTemplates:
  - metadata: {{name: state}}
    spec: {{accessModes: [ReadWriteOnce], volumeMode: Block, resources: {{requests: {{storage: 16Mi}}}}}}
  - metadata: {{name: files}}
    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 16Mi}}}}}}
"
    )
}
