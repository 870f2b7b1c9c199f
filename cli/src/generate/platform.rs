//! Platforms that pods run on.

use std::{fmt, str::FromStr};

use contrast_policy::Settings;

/// A kind of node with a runtime for confidential pods.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Platform {
    /// Azure Kubernetes Service with Cloud Hypervisor and SEV-SNP.
    AksClhSnp,
    /// K3s with QEMU and SEV-SNP.
    K3sQemuSnp,
    /// K3s with QEMU and TDX.
    K3sQemuTdx,
    /// RKE2 with QEMU and TDX.
    Rke2QemuTdx,
    /// Any Kubernetes on bare metal, with QEMU and SEV-SNP.
    MetalQemuSnp,
    /// Any Kubernetes on bare metal, with QEMU and TDX.
    MetalQemuTdx,
    /// Simulated hardware. Nothing is confidential there.
    Simulated,
}

/// How a policy reaches the guest, so that the hardware's evidence names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Delivery {
    /// The policy's text in an annotation.
    Annotation,
    /// Initialisation data, which holds the policy, in an annotation.
    Initdata,
}

/// There is no such platform.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
#[error("there is no platform `{name}`; there are: {}", names())]
pub(crate) struct UnknownPlatform {
    name: String,
}

/// What names of runtime classes begin with. The class of this name alone stands for the platform that was named.
pub(crate) const CLASS: &str = "contrast-cc";

/// Whether pods of a runtime class are to be confidential, or pretend to be.
pub(crate) fn is_confidential(class: &str) -> bool {
    class.starts_with(CLASS)
}

/// Whether a runtime class is one of the simulated platform.
pub(crate) fn is_simulated(class: &str) -> bool {
    class.strip_prefix(CLASS).is_some_and(|rest| rest.starts_with("-simulated"))
}

impl Platform {
    pub(crate) const ALL: [Self; 7] = [
        Self::AksClhSnp,
        Self::K3sQemuSnp,
        Self::K3sQemuTdx,
        Self::Rke2QemuTdx,
        Self::MetalQemuSnp,
        Self::MetalQemuTdx,
        Self::Simulated,
    ];

    /// Its name, as `Platform` of a reference value.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AksClhSnp => "AKS-CLH-SNP",
            Self::K3sQemuSnp => "K3s-QEMU-SNP",
            Self::K3sQemuTdx => "K3s-QEMU-TDX",
            Self::Rke2QemuTdx => "RKE2-QEMU-TDX",
            Self::MetalQemuSnp => "Metal-QEMU-SNP",
            Self::MetalQemuTdx => "Metal-QEMU-TDX",
            Self::Simulated => "Simulated",
        }
    }

    /// The platform that a runtime class names: `contrast-cc-<platform>`, and whatever version comes after that.
    pub(crate) fn of_class(class: &str) -> Option<Self> {
        let rest = class.strip_prefix(CLASS)?.strip_prefix('-')?;
        Self::ALL.into_iter().find(|platform| {
            let version = rest.strip_prefix(&platform.name().to_lowercase());
            version.is_some_and(|version| version.is_empty() || version.starts_with('-'))
        })
    }

    /// What the runtime measures.
    pub(crate) const fn delivery(self) -> Delivery {
        match self {
            Self::AksClhSnp | Self::K3sQemuSnp | Self::K3sQemuTdx | Self::Rke2QemuTdx => Delivery::Annotation,
            Self::MetalQemuSnp | Self::MetalQemuTdx | Self::Simulated => Delivery::Initdata,
        }
    }

    /// How its nodes are, unless somebody says otherwise.
    pub(crate) fn settings(self) -> Settings {
        match self {
            Self::AksClhSnp => Settings::of_layers(),
            Self::Simulated => Settings::of_simulation(),
            _ => Settings::default(),
        }
    }

    /// Whether the guest lets no connection in before the Initializer or the service mesh says so.
    pub(crate) const fn blocks_incoming(self) -> bool {
        matches!(self.delivery(), Delivery::Initdata)
    }
}

impl FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(text: &str) -> Result<Self, UnknownPlatform> {
        let named = |platform: &Self| platform.name().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownPlatform { name: text.to_owned() })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// All names, as they are given on the command line.
fn names() -> String {
    Platform::ALL.map(|platform| platform.name().to_lowercase()).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_in_any_case() {
        for platform in Platform::ALL {
            assert_eq!(platform.name().parse(), Ok(platform));
            assert_eq!(platform.name().to_lowercase().parse(), Ok(platform));
        }
        let error = "metal".parse::<Platform>().unwrap_err().to_string();
        assert!(error.contains("`metal`") && error.contains("metal-qemu-snp"), "{error}");
    }

    #[test]
    fn a_class_names_its_platform_whatever_its_version() {
        for (class, platform) in [
            ("contrast-cc-metal-qemu-snp-1a2b3c4d", Some(Platform::MetalQemuSnp)),
            ("contrast-cc-metal-qemu-snp", Some(Platform::MetalQemuSnp)),
            ("contrast-cc-rke2-qemu-tdx-1", Some(Platform::Rke2QemuTdx)),
            ("contrast-cc-metal-qemu-snpx", None),
            ("contrast-cc-unknown", None),
            ("contrast-cc", None),
            ("kata", None),
        ] {
            assert_eq!(Platform::of_class(class), platform, "{class}");
        }
    }
}
