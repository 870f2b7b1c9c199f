//! Debug forms that leave the secrets out.

use std::fmt;

use crate::{meshapi, userapi};

/// Prints as the length of what it stands for.
struct Redacted<'a>(&'a [u8]);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} secret bytes>", self.0.len())
    }
}

impl fmt::Debug for meshapi::NewMeshCertResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMeshCertResponse")
            .field("workload_secret", &Redacted(&self.workload_secret))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for meshapi::RecoverResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoverResponse")
            .field("seed", &Redacted(&self.seed))
            .field("mesh_ca_key", &Redacted(&self.mesh_ca_key))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for userapi::RecoverRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoverRequest")
            .field("seed", &Redacted(&self.seed))
            .field("force", &self.force)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let seed = vec![171; 64];
        let shown = [
            format!("{:?}", userapi::RecoverRequest { seed: seed.clone(), ..Default::default() }),
            format!(
                "{:?}",
                meshapi::RecoverResponse {
                    seed: seed.clone(),
                    mesh_ca_key: seed.clone(),
                    ..Default::default()
                }
            ),
            format!("{:?}", meshapi::NewMeshCertResponse { workload_secret: seed, ..Default::default() }),
        ];
        for text in shown {
            assert!(text.contains("64 secret bytes"), "{text}");
            assert!(!text.contains("171"), "{text}");
        }
    }
}
