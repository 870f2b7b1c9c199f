//! `contrast measure`, beside the program that others use for the same purpose.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use contrast_attestation::snp::{Product, measurement::vcpu_variants};
use contrast_manifest::ManifestDocument;
use serde_json::{Value, json};

#[path = "../../attestation/tests/support/boot_files.rs"]
mod boot_files;

use boot_files::Firmware;

/// Files that a guest is launched with.
struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new(firmware: &Firmware) -> Self {
        let files = Self { dir: tempfile::tempdir().unwrap() };
        files.write("OVMF.fd", &firmware.build());
        files.write("kernel", &boot_files::kernel());
        files.write("initrd", b"initrd");
        files.write("loader", b"loader");
        files.write("rsdp", b"rsdp");
        files.write("tables", b"tables");
        files
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.dir.path().join(name), content).unwrap();
    }

    /// Runs a program with the files in the current folder.
    fn run(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Output {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.dir.path()).args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    fn measure(&self, arguments: &[&str]) -> Output {
        self.run(env!("CARGO_BIN_EXE_contrast"), &[&["measure"], arguments].concat())
    }

    /// The entry as JSON.
    fn entry(&self, arguments: &[&str]) -> Value {
        let output = self.measure(&[arguments, &["--output", "json"]].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

const BOOT: [&str; 6] = ["--kernel", "kernel", "--initrd", "initrd", "--append", "quiet panic=1"];
const SNP: [&str; 5] = ["snp", "--ovmf", "OVMF.fd", "--vcpu-type", "EPYC-Milan"];
const TDX: [&str; 3] = ["tdx", "--ovmf", "OVMF.fd"];
const ACPI: [&str; 6] = ["--acpi-loader", "loader", "--acpi-rsdp", "rsdp", "--acpi-tables", "tables"];

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The launch digest in the table.
fn digest(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).lines().nth(1).unwrap().trim().to_owned()
}

/// `None`, after a message, if the program is not installed and this is not CI.
fn sev_snp_measure() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_contrast")).ancestors().nth(2).unwrap();
    let program = target.join("python/sev-snp-measure-0.0.13/bin/sev-snp-measure");
    if !program.exists() {
        let missing = format!("{} does not exist; `cargo xtask setup` installs it", program.display());
        assert!(env::var_os("CI").is_none(), "{missing}");
        eprintln!("skipped: {missing}");
        return None;
    }
    Some(program)
}

#[test]
fn launch_digests_are_those_of_sev_snp_measure() {
    let Some(program) = sev_snp_measure() else { return };
    let example = Firmware::example();
    let images = [
        // Long, sections in another order, the hashes somewhere else in their page.
        Firmware {
            length: 0x20000,
            ap_eip: Some(0xFFFF_1234),
            hash_table: Some(0x0070_1F50),
            sev: Some(vec![[0x0070_1000, 0x1000, 0x10], [0x0080_E000, 0x1000, 3], [0, 0x20000, 1]]),
            tdvf: None,
        },
        Firmware { tdvf: None, ..example.clone() },
        example,
    ];
    let boots = [&[][..], &BOOT, &BOOT[..2], &["--kernel", "kernel", "--append", "x"]];
    for firmware in &images {
        let files = Files::new(firmware);
        for boot in boots {
            for (vcpu_type, vcpus) in
                [("EPYC-Milan", "1"), ("EPYC-Milan-v2", "2"), ("EPYC-Genoa", "7"), ("EPYC-Turin", "220")]
            {
                let options = ["--ovmf", "OVMF.fd", "--vcpus", vcpus, "--vcpu-type", vcpu_type];
                let theirs = files.run(&program, &[&["--mode", "snp"], &options[..], boot].concat());
                let ours = files.measure(&[&["snp"], &options[..], boot].concat());
                assert!(theirs.status.success(), "{theirs:?}");
                assert_eq!(digest(&ours), text(&theirs.stdout).trim(), "{firmware:x?} {options:?} {boot:?}");
            }
        }
    }
}

#[test]
fn the_entry_for_snp_accepts_every_number_of_vcpus_unless_it_is_to_be_exact() {
    let files = Files::new(&Firmware::example());
    let arguments = [&SNP[..], &BOOT, &["--vcpus", "3"]].concat();
    let digest_of_3 = digest(&files.measure(&arguments));
    let mut entry = files.entry(&arguments);
    assert_eq!((&entry["ProductName"], &entry["APEIP"]), (&json!("Milan"), &json!("0080b004")));
    let one = hex::decode(entry["TrustedMeasurement"].as_str().unwrap()).unwrap().try_into().unwrap();
    let variants = vcpu_variants(one, 0x0080_B004, Product::Milan);
    assert_eq!(hex::encode(variants[2]), digest_of_3);
    assert_eq!(entry.as_object().unwrap().len(), 3, "nothing is made up: {entry}");

    let exact = files.entry(&[&arguments[..], &["--exact"]].concat());
    assert_eq!(exact, json!({ "ProductName": "Milan", "TrustedMeasurement": digest_of_3 }));

    // With what only the user knows, it is an entry.
    entry["MinimumTCB"] =
        json!({ "BootloaderVersion": 1, "TEEVersion": 0, "SNPVersion": 2, "MicrocodeVersion": 3 });
    entry["GuestPolicy"] = json!({ "SMT": true });
    assert_eq!(manifest_faults(&json!({ "snp": [entry] })), None);
}

#[test]
fn the_entry_for_tdx_has_every_register_and_one_that_is_not_computed_is_no_value() {
    let files = Files::new(&Firmware::example());
    let arguments = [&TDX[..], &BOOT].concat();
    let mut entry = files.entry(&[&arguments[..], &ACPI].concat());
    assert_eq!(entry.as_object().unwrap().len(), 2, "nothing is made up: {entry}");
    assert_eq!(
        entry["Rtmrs"][0],
        "bdad18f93b60c37aee25940e4c7594768c6254520dd6f14f82e92f35559eaecb8ace07f0d1bfbd5a23f0f5d97e02eb67"
    );
    entry["MrSeam"] = "11".repeat(48).into();
    entry["Xfam"] = "e702060000000000".into();
    assert_eq!(manifest_faults(&json!({ "tdx": [entry] })), None);

    let output = files.measure(&arguments);
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stdout).contains("Rtmrs[0]  not computed\n"), "{output:?}");
    assert!(
        text(&output.stderr).contains("RTMR0 is not computed: it depends on the ACPI tables"),
        "{output:?}"
    );
    let mut without = files.entry(&arguments);
    assert_eq!(without["Rtmrs"][0], Value::Null);
    for index in 1..4 {
        assert_eq!(without["Rtmrs"][index], entry["Rtmrs"][index]);
    }
    without["MrSeam"] = entry["MrSeam"].clone();
    without["Xfam"] = entry["Xfam"].clone();
    let faults = manifest_faults(&json!({ "tdx": [without] })).unwrap();
    assert!(faults.contains("ReferenceValues.tdx[0].RTMR[1]"), "{faults}");
}

/// What is wrong with a manifest that has these reference values.
fn manifest_faults(reference_values: &Value) -> Option<String> {
    let policies = json!({ "aa".repeat(32): { "SANs": ["coordinator"], "Role": "coordinator" } });
    let manifest = json!({ "Policies": policies, "ReferenceValues": reference_values });
    ManifestDocument::parse(manifest.to_string().into_bytes()).err().map(|errors| errors.to_string())
}

#[test]
fn the_address_of_the_initrd_is_part_of_rtmr1_alone() {
    let files = Files::new(&Firmware::example());
    let arguments = [&TDX[..], &BOOT].concat();
    let default = files.entry(&arguments);
    let given = |address| files.entry(&[&arguments[..], &["--initrd-address", address]].concat());
    assert_eq!(given("0x80000000"), default);
    assert_eq!(given("2147483648"), default);
    let other = given("0x7fff0000");
    assert_ne!(other["Rtmrs"][1], default["Rtmrs"][1]);
    assert_eq!((&other["MrTd"], &other["Rtmrs"][2]), (&default["MrTd"], &default["Rtmrs"][2]));
}

#[test]
fn an_initrd_may_be_longer_than_what_goes_to_a_coordinator() {
    let files = Files::new(&Firmware::example());
    let measured = || [&SNP[..], &TDX[..]].map(|how| files.entry(&[how, &BOOT[..]].concat()));
    let short = measured();
    files.write("initrd", &vec![7; 17 << 20]);
    let long = measured();
    assert!(short.iter().zip(&long).all(|(short, long)| short != long));
}

#[test]
fn a_digest_without_a_kernel_comes_with_a_warning() {
    let files = Files::new(&Firmware::example());
    let warning = "WARNING: no --kernel is given";
    let without = files.measure(&SNP);
    assert!(without.status.success() && text(&without.stderr).contains(warning), "{without:?}");
    let with = files.measure(&[&SNP[..], &BOOT].concat());
    assert!(with.status.success() && !text(&with.stderr).contains(warning), "{with:?}");
}

#[test]
fn files_that_cannot_be_measured_end_with_1_and_say_what_is_needed() {
    let files = Files::new(&Firmware { sev: None, tdvf: None, hash_table: None, ..Firmware::example() });
    files.write("noise", &[0xA5; 4096]);
    let kernels = Files::new(&Firmware { hash_table: None, ..Firmware::example() });
    let noise = [&TDX[..], &["--kernel", "noise"], &BOOT[2..]].concat();
    kernels.write("noise", &[0xA5; 4096]);
    for (output, cause, help) in [
        (
            files.measure(&SNP),
            "OVMF.fd cannot be measured: the image has no SEV metadata",
            "built for SEV-SNP",
        ),
        (files.measure(&[&TDX[..], &BOOT].concat()), "the image has no TDX metadata", "built for TDX"),
        (
            files.measure(&["snp", "--ovmf", "noise", "--vcpu-type", "EPYC-Genoa"]),
            "noise cannot be measured: the image does not end with OVMF's table",
            "OVMF image that holds the code",
        ),
        (
            kernels.measure(&[&SNP[..], &BOOT].concat()),
            "the firmware does not check hashes of a kernel",
            "boots only the kernel whose hashes it gets",
        ),
        (
            kernels.measure(&noise),
            "noise cannot be measured: the kernel has no boot protocol header",
            "bzImage",
        ),
        (
            kernels.measure(&["snp", "--ovmf", "absent", "--vcpu-type", "EPYC-Genoa"]),
            "cannot read absent",
            "check the path",
        ),
    ] {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(cause) && stderr.contains(help), "{stderr}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}

#[test]
fn options_that_cannot_be_meant_end_with_2() {
    let files = Files::new(&Firmware::example());
    for arguments in [
        vec!["snp", "--ovmf", "OVMF.fd"],
        vec!["snp", "--ovmf", "OVMF.fd", "--vcpu-type", "EPYC-Rome"],
        [&SNP[..], &["--vcpus", "0"]].concat(),
        [&SNP[..], &["--vcpus", "221"]].concat(),
        [&SNP[..], &["--exact"]].concat(),
        [&SNP[..], &["--initrd", "initrd"]].concat(),
        [&SNP[..], &["--append", "quiet"]].concat(),
        [&TDX[..], &BOOT[..4]].concat(),
        [&TDX[..], &BOOT[..4], &["--append", "gr\u{fc}n"]].concat(),
        [&TDX[..], &BOOT, &ACPI[..4]].concat(),
        [&TDX[..], &BOOT, &["--initrd-address", "0x100000000"]].concat(),
    ] {
        let output = files.measure(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
    }
}
