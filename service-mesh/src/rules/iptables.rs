//! Rules by iptables, for IPv4 and, where the kernel has it, IPv6.

use std::{io, path::Path};

use crate::{
    Access, INGRESS_PORT, INGRESS_PORT_WITHOUT_CLIENT, Ingress,
    tool::{self, ToolError},
};

/// The programs of one family of addresses.
struct Family {
    list: &'static str,
    restore: &'static str,
    /// What is there if the kernel has it.
    marker: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family { list: "iptables-legacy", restore: "iptables-legacy-restore", marker: "/proc/sys/net/ipv4" },
    Family { list: "ip6tables-legacy", restore: "ip6tables-legacy-restore", marker: "/proc/sys/net/ipv6" },
];
const TABLE: &str = "mangle";
const HOOK: &str = "PREROUTING";
const INBOUND: &str = "CONTRAST_INBOUND";
const REDIRECT: &str = "CONTRAST_IN_REDIRECT";
/// What `iptables` answers where the kernel does not have the table.
const NO_TABLE: i32 = 3;

/// Replaces the chains of its own, each family as one transaction.
pub(super) fn set(ingress: &[Ingress]) -> Result<(), ToolError> {
    for family in families() {
        let jumps = family.jumps()?;
        tool::run(family.restore, &["--wait", "--noflush"], &document(ingress, jumps == 0))?;
    }
    Ok(())
}

/// Removes the chains and what leads to them.
pub(super) fn remove() -> Result<(), ToolError> {
    for family in families() {
        let listed = match tool::run(family.list, &["--wait", "--table", TABLE, "--list-rules"], "") {
            Ok(listed) => listed,
            Err(error) if error.is_denied() => return Err(error),
            // Where they cannot be, they are not.
            Err(ToolError::Failed { code: Some(NO_TABLE), .. }) => continue,
            Err(ToolError::Start { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let is_chain = |name: &str| listed.lines().any(|line| line == format!("-N {name}"));
        let chains: Vec<_> = [INBOUND, REDIRECT].into_iter().filter(|name| is_chain(name)).collect();
        if chains.is_empty() {
            continue;
        }
        let mut document = format!("*{TABLE}\n");
        for line in listed.lines().filter(|line| is_jump(line)) {
            document.push_str(&line.replacen("-A", "-D", 1));
            document.push('\n');
        }
        for step in ["-F", "-X"] {
            chains.iter().for_each(|chain| document.push_str(&format!("{step} {chain}\n")));
        }
        document.push_str("COMMIT\n");
        tool::run(family.restore, &["--wait", "--noflush"], &document)?;
    }
    Ok(())
}

fn families() -> impl Iterator<Item = &'static Family> {
    FAMILIES.iter().filter(|family| Path::new(family.marker).exists())
}

impl Family {
    /// How many rules lead to the chains already.
    fn jumps(&self) -> Result<usize, ToolError> {
        let listed = tool::run(self.list, &["--wait", "--table", TABLE, "--list-rules", HOOK], "")?;
        Ok(listed.lines().filter(|line| is_jump(line)).count())
    }
}

fn is_jump(line: &str) -> bool {
    line == format!("-A {HOOK} -p tcp -j {INBOUND}")
}

/// For `iptables-restore`, which empties the chains that are named with a colon.
fn document(ingress: &[Ingress], with_jump: bool) -> String {
    let mut rules = vec![
        // Inside the pod, connections go straight.
        format!("-A {INBOUND} -p tcp -i lo -j RETURN"),
        // The table sees every packet, not only the first one of a connection.
        format!(
            "-A {INBOUND} -p tcp ! --tcp-flags SYN,ACK SYN -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"
        ),
        format!("-A {INBOUND} -p tcp -j {REDIRECT}"),
    ];
    for Ingress { port, access, .. } in ingress {
        let then = match access {
            Access::Direct => "RETURN".to_owned(),
            Access::WithoutClientCertificate => format!("TPROXY --on-port {INGRESS_PORT_WITHOUT_CLIENT}"),
        };
        rules.push(format!("-A {REDIRECT} -p tcp --dport {port} -j {then}"));
    }
    rules.push(format!("-A {REDIRECT} -p tcp -j TPROXY --on-port {INGRESS_PORT}"));
    if with_jump {
        rules.push(format!("-A {HOOK} -p tcp -j {INBOUND}"));
    }
    format!("*{TABLE}\n:{INBOUND} - [0:0]\n:{REDIRECT} - [0:0]\n{}\nCOMMIT\n", rules.join("\n"))
}
