//! The cluster's authorities, certificates and kubeconfigs, as kubeadm lays them out.

use std::{fs, path::Path};

use crate::{failure::Failure, process, workspace};

/// Names and addresses of the API server.
const SERVER: &str = "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,\
    DNS:kubernetes.default.svc.cluster.local,DNS:localhost,DNS:node,IP:10.96.0.1,IP:10.97.0.1,IP:127.0.0.1";
const ETCD: &str = "DNS:localhost,DNS:node,IP:127.0.0.1";
const KUBELET: &str = "DNS:node,DNS:localhost,IP:10.97.0.1,IP:127.0.0.1";

/// Name, authority, subject, usage and alternative names of each certificate.
const CERTIFICATES: [(&str, &str, &str, &str, &str); 6] = [
    ("apiserver", "ca", "/CN=kube-apiserver", "serverAuth", SERVER),
    (
        "apiserver-kubelet-client",
        "ca",
        "/O=kubeadm:cluster-admins/CN=kube-apiserver-kubelet-client",
        "clientAuth",
        "",
    ),
    ("front-proxy-client", "front-proxy-ca", "/CN=front-proxy-client", "clientAuth", ""),
    ("etcd/server", "etcd/ca", "/CN=node", "serverAuth,clientAuth", ETCD),
    ("apiserver-etcd-client", "etcd/ca", "/CN=kube-apiserver-etcd-client", "clientAuth", ""),
    ("kubelet-server", "ca", "/O=system:nodes/CN=system:node:node", "serverAuth", KUBELET),
];

/// Name and subject of each client with a kubeconfig.
const CLIENTS: [(&str, &str); 6] = [
    ("super-admin", "/O=system:masters/CN=kubernetes-super-admin"),
    ("admin", "/O=kubeadm:cluster-admins/CN=kubernetes-admin"),
    ("controller-manager", "/CN=system:kube-controller-manager"),
    ("scheduler", "/CN=system:kube-scheduler"),
    ("kubelet", "/O=system:nodes/CN=system:node:node"),
    ("kube-proxy", "/CN=system:kube-proxy"),
];

/// Makes everything in `folder`.
///
/// # Errors
/// When openssl fails, or there is no room.
pub(super) fn make(folder: &Path) -> Result<(), Failure> {
    let etcd = folder.join("etcd");
    fs::create_dir_all(&etcd).map_err(Failure::writing(&etcd))?;
    for (name, subject) in
        [("ca", "kubernetes"), ("front-proxy-ca", "front-proxy-ca"), ("etcd/ca", "etcd-ca")]
    {
        authority(folder, name, subject)?;
    }
    for (name, authority, subject, usage, names) in CERTIFICATES {
        certificate(folder, name, authority, subject, usage, names)?;
    }
    for (name, subject) in CLIENTS {
        let file = format!("client-{name}");
        certificate(folder, &file, "ca", subject, "clientAuth", "")?;
        kubeconfig(folder, name, &file)?;
    }
    // Tokens of service accounts are signed with RSA.
    openssl(folder, &["genrsa", "-out", "sa.key", "2048"])?;
    openssl(folder, &["rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub"])
}

fn authority(folder: &Path, name: &str, subject: &str) -> Result<(), Failure> {
    key(folder, name)?;
    let (key, file) = (format!("{name}.key"), format!("{name}.crt"));
    openssl(
        folder,
        &[
            "req",
            "-x509",
            "-new",
            "-key",
            &key,
            "-subj",
            &format!("/CN={subject}"),
            "-days",
            "3650",
            "-out",
            &file,
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
        ],
    )
}

fn certificate(
    folder: &Path,
    name: &str,
    authority: &str,
    subject: &str,
    usage: &str,
    names: &str,
) -> Result<(), Failure> {
    key(folder, name)?;
    let mut extensions = format!(
        "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage={usage}\n"
    );
    if !names.is_empty() {
        extensions.push_str(&format!("subjectAltName={names}\n"));
    }
    workspace::write(&folder.join("extensions"), &extensions)?;
    let file = |of: &str, extension: &str| format!("{of}.{extension}");
    openssl(folder, &["req", "-new", "-key", &file(name, "key"), "-subj", subject, "-out", "request"])?;
    openssl(
        folder,
        &[
            "x509",
            "-req",
            "-in",
            "request",
            "-CA",
            &file(authority, "crt"),
            "-CAkey",
            &file(authority, "key"),
            "-CAcreateserial",
            "-days",
            "3650",
            "-extfile",
            "extensions",
            "-out",
            &file(name, "crt"),
        ],
    )
}

/// Only root can read what openssl writes as a key.
fn key(folder: &Path, name: &str) -> Result<(), Failure> {
    let file = format!("{name}.key");
    openssl(folder, &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &file])
}

fn kubeconfig(folder: &Path, name: &str, client: &str) -> Result<(), Failure> {
    let text =
        |file: String| process::output(process::program("base64").arg("--wrap=0").arg(folder.join(file)));
    let (ca, certificate, key) =
        (text("ca.crt".into())?, text(format!("{client}.crt"))?, text(format!("{client}.key"))?);
    let content = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: kubernetes\n  cluster:\n    server: https://10.97.0.1:6443\n    \
         certificate-authority-data: {ca}\nusers:\n- name: {name}\n  user:\n    client-certificate-data: {certificate}\n    \
         client-key-data: {key}\ncontexts:\n- name: {name}@kubernetes\n  context: {{cluster: kubernetes, user: {name}}}\n\
         current-context: {name}@kubernetes\n"
    );
    workspace::write(&folder.join(format!("{name}.conf")), &content)
}

fn openssl(folder: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let mut command = process::program("openssl");
    process::run_quietly(command.current_dir(folder).args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_comes_from_its_authority() {
        let folder = std::env::temp_dir().join(format!("contrast-xtask-certificates-{}", std::process::id()));
        make(&folder).unwrap();
        for (name, authority, ..) in CERTIFICATES {
            openssl(&folder, &["verify", "-CAfile", &format!("{authority}.crt"), &format!("{name}.crt")])
                .unwrap();
        }
        for (name, _) in CLIENTS {
            let config = workspace::read(&folder.join(format!("{name}.conf"))).unwrap();
            assert!(config.contains("client-key-data: "), "{config}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
