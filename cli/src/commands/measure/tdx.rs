//! `contrast measure tdx`.

use contrast_attestation::tdx::measurement::{AcpiFiles, RTMR3, mrtd, rtmr0, rtmr1, rtmr2};
use serde_json::{Value, json};

use super::{
    Entry, MeasureError, boot_file, columns,
    options::{Address, TdxOptions},
    with_firmware,
};
use crate::failure::Failure;

/// What the launch of a TD gives.
pub(super) struct TdxEntry {
    mr_td: [u8; 48],
    /// `None` if it was not computed.
    rtmrs: [Option<[u8; 48]>; 4],
    initrd_address: Address,
}

pub(super) fn measure(options: &TdxOptions) -> Result<TdxEntry, Failure> {
    let path = &options.ovmf;
    let (mr_td, rtmr0) = with_firmware(path, |image| {
        let mr_td = mrtd(image).map_err(|source| MeasureError::Firmware { path: path.clone(), source })?;
        let Some(acpi) = &options.acpi else { return Ok((mr_td, None)) };
        let (loader, rsdp, tables) =
            (boot_file(&acpi.acpi_loader)?, boot_file(&acpi.acpi_rsdp)?, boot_file(&acpi.acpi_tables)?);
        let acpi = AcpiFiles { loader: &loader, rsdp: &rsdp, tables: &tables };
        let rtmr0 =
            rtmr0(image, &acpi).map_err(|source| MeasureError::Variables { path: path.clone(), source })?;
        Ok((mr_td, Some(rtmr0)))
    })?;
    let kernel = boot_file(&options.kernel)?;
    let initrd = boot_file(&options.initrd)?;
    let rtmr1 = rtmr1(&kernel, options.initrd_address.0, initrd.len())
        .map_err(|source| MeasureError::Kernel { path: options.kernel.clone(), source })?;
    let rtmr2 = rtmr2(&options.append, &initrd);
    Ok(TdxEntry {
        mr_td,
        rtmrs: [rtmr0, Some(rtmr1), Some(rtmr2), Some(RTMR3)],
        initrd_address: options.initrd_address,
    })
}

impl Entry for TdxEntry {
    fn to_table(&self) -> String {
        let mut rows = vec![("MrTd", hex::encode(self.mr_td))];
        for (name, value) in ["Rtmrs[0]", "Rtmrs[1]", "Rtmrs[2]", "Rtmrs[3]"].into_iter().zip(self.rtmrs) {
            rows.push((name, value.map_or_else(|| "not computed".to_owned(), hex::encode)));
        }
        format!("Entry of ReferenceValues.tdx\n{}", columns(&rows))
    }

    fn to_json(&self) -> Value {
        json!({ "MrTd": hex::encode(self.mr_td), "Rtmrs": self.rtmrs.map(|value| value.map(hex::encode)) })
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.rtmrs.first().is_some_and(Option::is_none) {
            notes.push(
                "WARNING: RTMR0 is not computed: it depends on the ACPI tables that QEMU makes for a guest. Give them with \
                 --acpi-loader, --acpi-rsdp and --acpi-tables, or take RTMR0 from a quote of a guest that you trust \
                 (contrast attestation show). No manifest is valid as long as it is missing."
                    .to_owned(),
            );
        } else {
            notes.push(
                "RTMR0 holds for guests with the same devices and number of vCPUs as the one that the ACPI files are from."
                    .to_owned(),
            );
        }
        notes.push(format!(
            "RTMR1 holds for a QEMU that tells the kernel of an initrd at {}; see --initrd-address.",
            self.initrd_address
        ));
        notes.push("Not computed, for you to fill in: Platform, MrSeam, Xfam.".to_owned());
        notes
    }
}
