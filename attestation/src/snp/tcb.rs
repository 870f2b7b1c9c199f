//! Security versions of a processor's firmware, part by part.
//!
//! AMD SEV-SNP ABI specification (document 56860), section "TCB version". The position of the parts
//! inside the 64-bit value changed with Turin, so a value means nothing without the product line.

use std::fmt;

use super::Product;

/// The parts of a TCB version. Parts are compared one by one, never as one number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TcbParts {
    /// `BOOT_LOADER`: boot loader of the secure processor.
    pub bootloader: u8,
    /// `TEE`: operating system of the secure processor.
    pub tee: u8,
    /// `SNP`: SEV-SNP firmware.
    pub snp: u8,
    /// `MICROCODE`: lowest patch level of all cores.
    pub microcode: u8,
    /// `FMC`: firmware of the first boot stage. Only Turin has it.
    pub fmc: Option<u8>,
}

/// A TCB version has bits set that the layout of its product line reserves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("TCB version {raw:#018x} sets bits that are reserved on {product}")]
pub struct ReservedTcbBits {
    /// The product line whose layout was used.
    pub product: Product,
    /// The value.
    pub raw: u64,
}

impl TcbParts {
    /// Takes a 64-bit TCB version apart.
    ///
    /// # Errors
    /// If a reserved byte is not zero, as it is for a value in the layout of another product line.
    pub fn decode(product: Product, raw: u64) -> Result<Self, ReservedTcbBits> {
        let bytes = raw.to_le_bytes();
        match (product, bytes) {
            (Product::Milan | Product::Genoa, [bootloader, tee, 0, 0, 0, 0, snp, microcode]) => {
                Ok(Self { bootloader, tee, snp, microcode, fmc: None })
            }
            (Product::Turin, [fmc, bootloader, tee, snp, 0, 0, 0, microcode]) => {
                Ok(Self { bootloader, tee, snp, microcode, fmc: Some(fmc) })
            }
            _ => Err(ReservedTcbBits { product, raw }),
        }
    }

    /// The 64-bit form. FMC is dropped where the product line has no place for it.
    #[must_use]
    pub fn encode(self, product: Product) -> u64 {
        u64::from_le_bytes(match product {
            Product::Milan | Product::Genoa => {
                [self.bootloader, self.tee, 0, 0, 0, 0, self.snp, self.microcode]
            }
            Product::Turin => {
                [self.fmc.unwrap_or(0), self.bootloader, self.tee, self.snp, 0, 0, 0, self.microcode]
            }
        })
    }

    /// The parts that are lower than in `minimum`.
    #[must_use]
    pub fn parts_below(&self, minimum: &Self) -> Vec<PartBelow> {
        self.parts()
            .into_iter()
            .zip(minimum.parts())
            .filter(|((_, found), (_, minimum))| found < minimum)
            .map(|((part, found), (_, minimum))| PartBelow { part, found, minimum })
            .collect()
    }

    /// The parts that the product line has, by their names in the specification.
    pub fn named_parts(&self) -> impl Iterator<Item = (&'static str, u8)> {
        self.parts().into_iter().skip(usize::from(self.fmc.is_none()))
    }

    fn parts(&self) -> [(&'static str, u8); 5] {
        [
            ("FMC", self.fmc.unwrap_or(0)),
            ("BOOT_LOADER", self.bootloader),
            ("TEE", self.tee),
            ("SNP", self.snp),
            ("MICROCODE", self.microcode),
        ]
    }
}

impl fmt::Display for TcbParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(fmc) = self.fmc {
            write!(f, "FMC {fmc}, ")?;
        }
        let Self { bootloader, tee, snp, microcode, .. } = self;
        write!(f, "BOOT_LOADER {bootloader}, TEE {tee}, SNP {snp}, MICROCODE {microcode}")
    }
}

/// One part of a TCB version that is too low.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartBelow {
    /// The part's name in the ABI specification.
    pub part: &'static str,
    /// The version found.
    pub found: u8,
    /// The version asked for.
    pub minimum: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_higher_as_a_number_can_still_have_a_part_below() {
        let minimum = TcbParts { bootloader: 3, tee: 0, snp: 8, microcode: 115, fmc: None };
        let found = TcbParts { bootloader: 2, microcode: 200, ..minimum };
        assert!(found.encode(Product::Milan) > minimum.encode(Product::Milan));
        assert_eq!(found.parts_below(&minimum), [PartBelow { part: "BOOT_LOADER", found: 2, minimum: 3 }]);
    }

    #[test]
    fn each_layout_refuses_a_value_of_the_other() {
        let parts = TcbParts { bootloader: 1, tee: 2, snp: 3, microcode: 4, fmc: Some(5) };
        let turin = parts.encode(Product::Turin);
        assert_eq!(turin, 0x0400_0000_0302_0105);
        assert_eq!(TcbParts::decode(Product::Turin, turin), Ok(parts));
        assert!(TcbParts::decode(Product::Milan, turin).is_err());
        let milan = parts.encode(Product::Milan);
        assert_eq!(milan, 0x0403_0000_0000_0201);
        assert!(TcbParts::decode(Product::Turin, milan).is_err());
    }
}
