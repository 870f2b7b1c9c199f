//! `contrast measure snp`.

use contrast_attestation::snp::measurement::{DirectBoot, Launch, MAX_VCPUS};
use serde_json::{Value, json};

use super::{Entry, MeasureError, boot_file, columns, options::SnpOptions, with_firmware};
use crate::failure::Failure;

/// What the launch of a guest gives.
pub(super) struct SnpEntry {
    launch: Launch,
    vcpus: usize,
    /// Of a guest with `vcpus`.
    digest: [u8; 48],
    exact: bool,
    covers_kernel: bool,
}

pub(super) fn measure(options: &SnpOptions) -> Result<SnpEntry, Failure> {
    let kernel = options.kernel.as_deref().map(boot_file).transpose()?;
    let initrd = options.initrd.as_deref().map(boot_file).transpose()?.unwrap_or_default();
    let boot = kernel.as_deref().map(|kernel| DirectBoot {
        kernel,
        initrd: &initrd,
        command_line: options.append.as_deref().unwrap_or_default(),
    });
    let launch = with_firmware(&options.ovmf, |image| {
        Launch::measure(image, boot.as_ref(), options.vcpu_type)
            .map_err(|source| MeasureError::Launch { path: options.ovmf.clone(), source }.into())
    })?;
    Ok(SnpEntry {
        // The option's parser has seen that there is one.
        digest: launch.digest(options.vcpus).unwrap_or(launch.one_vcpu),
        launch,
        vcpus: options.vcpus,
        exact: options.exact,
        covers_kernel: boot.is_some(),
    })
}

impl SnpEntry {
    /// Members of the manifest's entry, in its order.
    fn members(&self) -> Vec<(&'static str, String)> {
        let trusted = if self.exact { self.digest } else { self.launch.one_vcpu };
        let mut members = vec![
            ("ProductName", self.launch.product.to_string()),
            ("TrustedMeasurement", hex::encode(trusted)),
        ];
        if !self.exact {
            members.push(("APEIP", hex::encode(self.launch.ap_eip.to_be_bytes())));
        }
        members
    }

    fn guest(&self) -> String {
        match self.vcpus {
            1 => "a guest with 1 vCPU".to_owned(),
            several => format!("a guest with {several} vCPUs"),
        }
    }
}

impl Entry for SnpEntry {
    fn to_table(&self) -> String {
        format!(
            "Launch digest of {} of type EPYC-{}\n  {}\n\nEntry of ReferenceValues.snp\n{}",
            self.guest(),
            self.launch.product,
            hex::encode(self.digest),
            columns(&self.members())
        )
    }

    fn to_json(&self) -> Value {
        self.members().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.covers_kernel {
            notes.push(
                "WARNING: no --kernel is given, so the launch digest covers the firmware alone, and accepts whatever \
                 that boots."
                    .to_owned(),
            );
        }
        notes.push(if self.exact {
            format!("The entry accepts {}, and no other number.", self.guest())
        } else {
            format!(
                "TrustedMeasurement is the launch digest of a guest with 1 vCPU. Those for 2 to {MAX_VCPUS} vCPUs follow \
                 from it and APEIP, and are accepted too."
            )
        });
        notes.push(
            "Not computed, for you to fill in: Platform, MinimumTCB, GuestPolicy, PlatformInfo.".to_owned(),
        );
        notes
    }
}
