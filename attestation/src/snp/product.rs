//! Processor product lines and the CPUID values that belong to them.

use std::fmt;

/// A product line of AMD EPYC processors. Every line has a root key (ARK) of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Product {
    /// Third generation, family 19h models 00h–0Fh.
    Milan,
    /// Fourth generation, family 19h models 10h–1Fh and A0h–AFh (Genoa, Bergamo, Siena).
    Genoa,
    /// Fifth generation, family 1Ah models 00h–1Fh.
    Turin,
}

impl Product {
    /// All lines, oldest first.
    pub const ALL: [Self; 3] = [Self::Milan, Self::Genoa, Self::Turin];

    /// The name as AMD's key distribution service and the manifest's `ProductName` spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }

    /// The line with exactly this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|product| product.name() == name)
    }

    /// The line of a type of vCPU: `EPYC-Milan`, or a version of it such as `EPYC-Milan-v2`.
    ///
    /// The versions of a type differ in CPUID features, not in the signature, so they have the same launch digest.
    /// QEMU, "QEMU / KVM CPU model configuration".
    #[must_use]
    pub fn from_vcpu_type(name: &str) -> Option<Self> {
        let line = name.strip_prefix("EPYC-")?;
        let (line, version) = line.split_once("-v").map_or((line, "1"), |(line, version)| (line, version));
        let is_version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
        Self::from_name(line).filter(|_| is_version)
    }

    /// The line that a processor belongs to.
    #[must_use]
    pub fn from_cpuid(cpuid: CpuId) -> Option<Self> {
        match (cpuid.family, cpuid.model) {
            (0x19, 0x00..=0x0F) => Some(Self::Milan),
            (0x19, 0x10..=0x1F | 0xA0..=0xAF) => Some(Self::Genoa),
            (0x1A, 0x00..=0x1F) => Some(Self::Turin),
            _ => None,
        }
    }

    /// EAX of CPUID leaf 1 that guests see under QEMU's `EPYC-<line>` model. It is part of the launch digest.
    #[must_use]
    pub fn guest_cpu_signature(self) -> u32 {
        match self {
            Self::Milan => 0x00A0_0F11,
            Self::Genoa => 0x00A1_0F10,
            Self::Turin => 0x00B0_0F00,
        }
    }

    /// A processor of the line, as reports name it.
    #[must_use]
    pub fn typical_cpuid(self) -> CpuId {
        match self {
            Self::Milan => CpuId { family: 0x19, model: 0x01, stepping: 0x01 },
            Self::Genoa => CpuId { family: 0x19, model: 0x11, stepping: 0x00 },
            Self::Turin => CpuId { family: 0x1A, model: 0x02, stepping: 0x01 },
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Family, model and stepping of a processor: combined values, that is base plus extended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CpuId {
    /// `CPUID_FAM_ID` of the report.
    pub family: u8,
    /// `CPUID_MOD_ID` of the report.
    pub model: u8,
    /// `CPUID_STEP` of the report.
    pub stepping: u8,
}

impl CpuId {
    /// Reads EAX of CPUID leaf 1 (AMD64 Architecture Programmer's Manual volume 3, function 1).
    ///
    /// `None` where the value cannot come from such a processor: reserved bits set, or a base family
    /// other than Fh, which no processor with SEV-SNP has.
    #[must_use]
    pub fn from_leaf_1_eax(eax: u32) -> Option<Self> {
        let [low, second, third, high] = eax.to_le_bytes();
        let (base_family, extended_model) = (second & 0x0F, third & 0x0F);
        if base_family != 0x0F || second & 0xF0 != 0 || high & 0xF0 != 0 {
            return None;
        }
        let family = 0x0F_u8.checked_add((high << 4) | (third >> 4))?;
        Some(Self { family, model: (extended_model << 4) | (low >> 4), stepping: low & 0x0F })
    }

    /// The inverse of [`CpuId::from_leaf_1_eax`], `None` for a family below Fh or a stepping above Fh.
    #[must_use]
    pub fn to_leaf_1_eax(self) -> Option<u32> {
        let extended_family = self.family.checked_sub(0x0F)?;
        if self.stepping > 0x0F {
            return None;
        }
        let low = (self.model << 4) | self.stepping;
        let third = (extended_family << 4) | (self.model >> 4);
        Some(u32::from_le_bytes([low, 0x0F, third, extended_family >> 4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpuid_signatures_are_those_that_guests_see() {
        for product in Product::ALL {
            let cpuid = CpuId::from_leaf_1_eax(product.guest_cpu_signature());
            assert_eq!(cpuid.and_then(Product::from_cpuid), Some(product));
        }
        assert_eq!(CpuId::from_leaf_1_eax(0x00B0_0F21), Some(Product::Turin.typical_cpuid()));
    }

    #[test]
    fn types_of_vcpus_are_those_of_qemu() {
        for product in Product::ALL {
            for name in
                [format!("EPYC-{product}"), format!("EPYC-{product}-v1"), format!("EPYC-{product}-v2")]
            {
                assert_eq!(Product::from_vcpu_type(&name), Some(product), "{name}");
            }
        }
        for name in [
            "Milan",
            "EPYC",
            "EPYC-v4",
            "EPYC-Rome",
            "EPYC-milan",
            "EPYC-Milan-v",
            "EPYC-Milan-vx",
            "EPYC-Milan-1",
        ] {
            assert_eq!(Product::from_vcpu_type(name), None, "{name}");
        }
    }

    #[test]
    fn every_combined_value_survives_the_cpuid_form() {
        for family in 0x0F..=u8::MAX {
            for model in 0..=u8::MAX {
                let cpuid = CpuId { family, model, stepping: model & 0x0F };
                assert_eq!(cpuid.to_leaf_1_eax().and_then(CpuId::from_leaf_1_eax), Some(cpuid));
            }
        }
    }

    #[test]
    fn a_processor_outside_the_known_lines_has_no_product() {
        for (family, model) in [(0x17, 0x31), (0x19, 0x20), (0x19, 0xB0), (0x1A, 0x20), (0, 0)] {
            assert_eq!(Product::from_cpuid(CpuId { family, model, stepping: 0 }), None);
        }
    }
}
