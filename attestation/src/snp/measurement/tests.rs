use super::*;
use crate::firmware::{FirmwareError, Image, Structure, testing::Firmware};

const BOOT: DirectBoot<'_> = DirectBoot { kernel: b"kernel", initrd: b"initrd", command_line: "quiet" };

fn measure(
    firmware: &Firmware,
    boot: Option<&DirectBoot<'_>>,
    product: Product,
) -> Result<Launch, LaunchError> {
    Launch::measure(&Image::parse(&firmware.build()).unwrap(), boot, product)
}

/// Values of `sev-snp-measure` 0.0.13 for the same files.
#[test]
fn launch_digests_are_those_of_sev_snp_measure() {
    for (product, vcpus, expected) in [
        (
            Product::Milan,
            1,
            "8e20ae8f489acbb78599cc0fd5bdf9ef0e3d7cbeca68b73df18159b023041e5d3537e3e6d93156fb196ff1048a877c45",
        ),
        (
            Product::Milan,
            3,
            "be35a6bd00fb10c4b16b8a5e9ec33d383278bbffdf2b1815b2c2cedc7d9eb8e7b18645f46ac8e6786c5ec8ce44ed7a05",
        ),
        (
            Product::Genoa,
            3,
            "142272c4c435185612e1ade89f3e6d2cbc28ba0416c633d69c6ebddbf316ddb4cf080a994c4ad6696e2ff017e985fbfd",
        ),
        (
            Product::Turin,
            3,
            "7b495a6633f072e6c4c12202c9976edbd4647ce8bb2912a248e47146a80b892f9a98d7d4a7175262a9b9b6949acbdfce",
        ),
    ] {
        let launch = measure(&Firmware::example(), Some(&BOOT), product).unwrap();
        assert_eq!(launch.digest(vcpus).map(hex::encode).as_deref(), Some(expected), "{product} {vcpus}");
    }
}

/// Values of `sev-snp-measure` 0.0.13 for the same files.
#[test]
fn what_is_left_out_counts_as_empty_and_without_a_kernel_there_are_no_hashes() {
    let milan = |boot| measure(&Firmware::example(), boot, Product::Milan).unwrap();
    assert_eq!(
        hex::encode(milan(None).one_vcpu),
        "00ceb02ebdff9920dbb053ab38ab2255e4f2044d6ed6861de4a4192010fd1ee0513cec2afcf679f530aa12fa8bd0d58d"
    );
    let only_kernel = DirectBoot { initrd: &[], command_line: "", ..BOOT };
    assert_eq!(
        hex::encode(milan(Some(&only_kernel)).one_vcpu),
        "63ea887591886dcd87aad0900415fa51495b9c87dc1488393e849c8631a9a04959460ec9134fa7701865109d634f55a8"
    );
}

#[test]
fn only_guests_with_1_to_220_vcpus_have_a_digest() {
    let launch = measure(&Firmware::example(), None, Product::Milan).unwrap();
    assert_eq!(launch.digest(1), Some(launch.one_vcpu));
    assert!(launch.digest(220).is_some());
    assert_eq!((launch.digest(0), launch.digest(221)), (None, None));
}

/// The digest would be one of a guest that boots whatever the host gives it.
#[test]
fn a_kernel_is_not_measured_for_firmware_that_does_not_check_it() {
    let good = Firmware::example();
    let outcome = |firmware| measure(&firmware, Some(&BOOT), Product::Milan).err();
    let no_table = Firmware { hash_table: None, ..good.clone() };
    assert_eq!(outcome(no_table), Some(LaunchError::NoKernelHashes));
    let mut no_page = good.clone();
    no_page.sev.as_mut().unwrap().remove(4);
    assert_eq!(outcome(no_page), Some(LaunchError::NoKernelHashes));
    for address in [0x0080_E000, 0x0081_0000, 0x0080_FF51] {
        let elsewhere = Firmware { hash_table: Some(address), ..good.clone() };
        assert_eq!(outcome(elsewhere), Some(LaunchError::HashTablePlace { address }));
    }
    let at_the_end = Firmware { hash_table: Some(0x0080_FF50), ..good.clone() };
    assert_eq!(outcome(at_the_end), None);
    let missing = FirmwareError::Missing { what: Structure::SevMetadata };
    assert_eq!(outcome(Firmware { sev: None, ..good }), Some(LaunchError::Firmware(missing)));
}

#[test]
fn every_part_of_what_is_booted_changes_the_digest() {
    let digest =
        |boot: &DirectBoot<'_>| measure(&Firmware::example(), Some(boot), Product::Milan).unwrap().one_vcpu;
    let expected = digest(&BOOT);
    for other in [
        DirectBoot { kernel: b"Kernel", ..BOOT },
        DirectBoot { initrd: b"Initrd", ..BOOT },
        DirectBoot { command_line: "quiet ", ..BOOT },
    ] {
        assert_ne!(digest(&other), expected, "{other:?}");
    }
}

const AP_EIP: u32 = 0x0080_B004;

/// Values of `sev-snp-measure` 0.0.13 for two more vCPUs after a digest of 48 bytes 07h.
#[test]
fn variants_are_those_of_sev_snp_measure() {
    for (product, digest) in [
        (
            Product::Milan,
            "6fca344edd636b0d66c7d2fd4ae40757b6cd7eb6f24d8828391950dab9d5f281\
             507c194a62d160c0fd82b6707be72e9a",
        ),
        (
            Product::Genoa,
            "66229d9ced81a2dc9642c1fda78c1b4f7b2b96416f006252b171e7a48f27745d\
             fef79f8e8a71d00934037ad941f080d4",
        ),
        (
            Product::Turin,
            "982d5907333225a72c3f18d3ea1c12df9e24df859fe990d0f9c33f36cef66259\
             9b139cd8fceb7b091bda6050c522ed49",
        ),
    ] {
        let variants = vcpu_variants([7; 48], AP_EIP, product);
        assert_eq!(variants.len(), MAX_VCPUS);
        assert_eq!(variants[0], [7; 48]);
        assert_eq!(hex::encode(variants[2]), digest);
    }
}
