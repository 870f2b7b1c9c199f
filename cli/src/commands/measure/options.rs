//! The options of `contrast measure`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use contrast_attestation::{
    snp::{Product, measurement::MAX_VCPUS},
    tdx::measurement::DEFAULT_INITRD_ADDRESS,
};

#[derive(Args, Debug)]
pub(crate) struct MeasureOptions {
    #[command(subcommand)]
    pub(super) command: MeasureCommand,
}

#[derive(Subcommand, Debug)]
pub(super) enum MeasureCommand {
    /// Launch digest of AMD SEV-SNP guests, for an entry of `ReferenceValues.snp`.
    Snp(SnpOptions),
    /// MRTD and RTMRs of Intel TDX guests, for an entry of `ReferenceValues.tdx`.
    Tdx(TdxOptions),
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MeasureFormat {
    /// For people.
    Table,
    /// The computed members of the manifest's entry, as one JSON object.
    Json,
}

#[derive(Args, Debug)]
pub(super) struct SnpOptions {
    /// The firmware image that QEMU loads.
    #[arg(long, value_name = "FILE")]
    pub(super) ovmf: PathBuf,
    /// The kernel that QEMU boots (bzImage). Without it, the digest says nothing about what the firmware boots.
    #[arg(long, value_name = "FILE")]
    pub(super) kernel: Option<PathBuf>,
    /// The initrd.
    #[arg(long, value_name = "FILE", requires = "kernel")]
    pub(super) initrd: Option<PathBuf>,
    /// The kernel's command line, exactly as QEMU gets it.
    #[arg(long, value_name = "LINE", requires = "kernel", allow_hyphen_values = true)]
    pub(super) append: Option<String>,
    /// The number of vCPUs of the guest whose launch digest is shown. Without --exact, the entry is for 1 to 220 vCPUs.
    #[arg(long, value_name = "N", default_value = "1", value_parser = vcpus)]
    pub(super) vcpus: usize,
    /// Make the entry for exactly --vcpus, with their launch digest and without APEIP.
    #[arg(long, requires = "vcpus")]
    pub(super) exact: bool,
    /// The type of the vCPUs as QEMU calls it: EPYC-Milan, EPYC-Genoa or EPYC-Turin, or a version such as
    /// EPYC-Milan-v2.
    #[arg(long, value_name = "TYPE", value_parser = vcpu_type)]
    pub(super) vcpu_type: Product,
    /// How to print.
    #[arg(long, short, value_enum, default_value_t = MeasureFormat::Table)]
    pub(super) output: MeasureFormat,
}

#[derive(Args, Debug)]
pub(super) struct TdxOptions {
    /// The firmware image that QEMU loads.
    #[arg(long, value_name = "FILE")]
    pub(super) ovmf: PathBuf,
    /// The kernel that QEMU boots (bzImage).
    #[arg(long, value_name = "FILE")]
    pub(super) kernel: PathBuf,
    /// The initrd.
    #[arg(long, value_name = "FILE")]
    pub(super) initrd: PathBuf,
    /// The kernel's command line, exactly as QEMU gets it.
    #[arg(long, value_name = "LINE", allow_hyphen_values = true, value_parser = ascii)]
    pub(super) append: String,
    /// Guest address of the initrd, which QEMU writes into the kernel before it is measured. The default is what a
    /// QEMU writes that was changed for reproducible measurements.
    #[arg(long, value_name = "ADDRESS", default_value_t = Address(DEFAULT_INITRD_ADDRESS), value_parser = address)]
    pub(super) initrd_address: Address,
    #[command(flatten)]
    pub(super) acpi: Option<AcpiOptions>,
    /// How to print.
    #[arg(long, short, value_enum, default_value_t = MeasureFormat::Table)]
    pub(super) output: MeasureFormat,
}

/// What QEMU passes to the firmware about ACPI. RTMR0 is computed if all three are given.
#[derive(Args, Debug)]
pub(super) struct AcpiOptions {
    /// QEMU's file `etc/table-loader`, for RTMR0.
    #[arg(long, value_name = "FILE", required = false, requires_all = ["acpi_rsdp", "acpi_tables"])]
    pub(super) acpi_loader: PathBuf,
    /// QEMU's file `etc/acpi/rsdp`, for RTMR0.
    #[arg(long, value_name = "FILE", required = false, requires_all = ["acpi_loader", "acpi_tables"])]
    pub(super) acpi_rsdp: PathBuf,
    /// QEMU's file `etc/acpi/tables`, for RTMR0.
    #[arg(long, value_name = "FILE", required = false, requires_all = ["acpi_loader", "acpi_rsdp"])]
    pub(super) acpi_tables: PathBuf,
}

/// A guest address below 4 GiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address(pub(super) u32);

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

fn vcpus(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MAX_VCPUS).contains(number));
    number.ok_or_else(|| format!("`{text}` is not a number from 1 to {MAX_VCPUS}"))
}

fn vcpu_type(text: &str) -> Result<Product, String> {
    Product::from_vcpu_type(text).ok_or_else(|| {
        format!(
            "`{text}` is none of EPYC-Milan, EPYC-Genoa and EPYC-Turin, nor a version such as EPYC-Milan-v2"
        )
    })
}

/// Firmware takes each byte for a character, and what it makes of others is not documented.
fn ascii(text: &str) -> Result<String, String> {
    if text.is_ascii() {
        Ok(text.to_owned())
    } else {
        Err("the command line has characters other than ASCII".to_owned())
    }
}

fn address(text: &str) -> Result<Address, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map(Address).map_err(|_| format!("`{text}` is not an address below 4 GiB, such as 0x80000000"))
}
