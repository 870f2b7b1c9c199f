//! Encrypted volumes in a guest whose kernel has a device mapper, with the programs of Debian. Side by side they take less than a minute
//! on two free cores, and about two on busy ones; each says what it took.

#[cfg(test)]
mod guest;
#[cfg(test)]
mod tampering;

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        io::{Read as _, Write as _},
        path::{Path, PathBuf},
        process::Command,
        thread,
        time::{Duration, Instant},
    };

    use contrast_initializer::volume::{SMALLEST, header};

    use crate::{
        guest::{Guest, Machine},
        tampering::{Tampering, last_difference, rewritten},
    };

    const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const MARK: &[u8] = b"contrast: formatting has begun";
    /// The mapping of `/dev/vda` at `/state`.
    const MAPPING: &str = "b2906ec423d9e86e";
    const KILL: &str = "killall -9 initializer; until [ -f /status ]; do usleep 100000; done";
    const MIB: u64 = 1 << 20;

    fn machine() -> Machine {
        let initializer = Path::new(env!("CARGO_BIN_EXE_initializer"));
        Machine::with(&[initializer, "cryptsetup".as_ref(), "mkfs.ext4".as_ref(), "dmsetup".as_ref()])
    }

    /// A guest with the pod's secret where the Initializer puts it.
    fn pod(machine: &Machine, disks: &[&Path]) -> Guest {
        let mut guest = machine.start(disks);
        guest.done(&format!("mkdir /tls-config; printf {SECRET} > /tls-config/workload-secret-seed"));
        guest
    }

    /// Starts the program as a sidecar, with a new log. A container has none of the files of an earlier one.
    fn show(guest: &mut Guest, device: &str) {
        guest.done("rm -f /log /status /done");
        guest.done(&format!(
            "(initializer cryptsetup -d /dev/{device} -m /state > /log 2>&1; echo $? > /status) &"
        ));
    }

    /// Waits for a condition in the guest, or for the end of the sidecar. Gives its log.
    fn wait_until(guest: &mut Guest, condition: &str) -> String {
        guest.done(&format!("until {condition} || [ -f /status ]; do usleep 100000; done; cat /log"))
    }

    /// Shows the volume on a device. Gives the log.
    fn shown(guest: &mut Guest, device: &str) -> String {
        show(guest, device);
        let log = wait_until(guest, "[ -f /done ]");
        assert_eq!(guest.run("initializer ready").status, 0, "{log}");
        log
    }

    /// The log of a sidecar that does not show a device.
    fn refused(guest: &mut Guest, device: &str) -> String {
        show(guest, device);
        let log = wait_until(guest, "false");
        assert_eq!(guest.done("cat /status"), "1", "{log}");
        assert_ne!(guest.run("initializer ready").status, 0, "{log}");
        assert_eq!(guest.done("ls /dev/mapper"), "control", "{log}");
        log
    }

    /// Ends the sidecar as a kubelet does. Gives its log.
    fn ended(guest: &mut Guest) -> String {
        guest.done("killall initializer");
        wait_until(guest, "false")
    }

    fn beginning(disk: &Path, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        File::open(disk).unwrap().take(len as u64).read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Past the capture of output, which is shown of failures only.
    fn tell_what_it_took(start: Instant) {
        let name = thread::current().name().unwrap_or_default().to_owned();
        writeln!(std::io::stderr(), "{name}: {} seconds", start.elapsed().as_secs()).unwrap();
    }

    #[test]
    fn what_was_written_outlives_every_end_of_the_pod() {
        let start = Instant::now();
        let machine = machine();
        let disk = machine.disk("disk", SMALLEST);

        // The power goes when formatting has begun, and once more when it is nearly done.
        let mut guest = pod(&machine, &[&disk]);
        show(&mut guest, "vda");
        while !beginning(&disk, MARK.len()).starts_with(MARK) {
            thread::sleep(Duration::from_millis(50));
        }
        guest.cut_power();
        let mut guest = pod(&machine, &[&disk]);
        show(&mut guest, "vda");
        let log = wait_until(&mut guest, "grep -q opened /log");
        assert!(log.contains("formatting /dev/vda was cut off, and begins anew"), "{log}");
        guest.cut_power();
        let left = beginning(&disk, header::COPIES_LEN);
        assert!(left.starts_with(MARK) || header::check(&left).is_ok(), "nothing in between");

        // It works, until it is full; and the power goes again.
        let mut guest = pod(&machine, &[&disk]);
        shown(&mut guest, "vda");
        let mounts = guest.done("grep /state /proc/mounts");
        assert!(mounts.contains(&format!("/dev/mapper/{MAPPING} /state ext4 rw,sync")), "{mounts}");
        assert!(mounts.contains("data=journal"), "{mounts}");
        guest.done("echo to be kept > /state/file");
        let full = guest.run("dd if=/dev/zero of=/state/full bs=64k");
        assert!(full.status == 1 && full.text.contains("No space left on device"), "{full:?}");
        guest.cut_power();
        assert!(header::check(&beginning(&disk, header::COPIES_LEN)).is_ok());

        let mut guest = pod(&machine, &[&disk]);
        let log = shown(&mut guest, "vda");
        assert!(!log.contains("format"), "{log}");
        let kept = "cat /state/file";
        assert_eq!(guest.done(kept), "to be kept");

        // The container is killed and starts again, in a folder of devices of its own, while others use the volume.
        guest.done(&format!("{KILL}; rm /dev/mapper/{MAPPING}"));
        assert!(shown(&mut guest, "vda").contains("is open already"));
        assert_eq!(guest.done(kept), "to be kept");
        // It is killed while it opens or closes the volume.
        guest.done(&format!("{KILL}; umount /state; dmsetup remove {MAPPING}"));
        assert!(guest.done("ls /dev/mapper").contains(&format!("{MAPPING}_dif")));
        shown(&mut guest, "vda");
        assert_eq!(guest.done(kept), "to be kept");

        // Whoever still uses the volume at the end keeps it.
        guest.done("sleep 1000 < /state/file & echo $! > /user; until ls -l /proc/$(cat /user)/fd/0 | grep -q /state; do usleep 100000; done");
        assert!(ended(&mut guest).contains("is in use, and stays open"));
        assert_eq!(guest.done(kept), "to be kept");
        guest.done("kill $(cat /user)");
        shown(&mut guest, "vda");
        let log = ended(&mut guest);
        assert!(log.contains("ended by SIGTERM") && log.contains("the volume is closed"), "{log}");
        assert_eq!(guest.done("cat /status; ls /dev/mapper; ls /dev/shm/contrast-cryptsetup"), "0\ncontrol");
        assert_ne!(guest.run("ls /done").status, 0);

        // What somebody else has mapped under its name is not shown.
        guest.done(&format!("export DM_DISABLE_UDEV=1; dmsetup create {MAPPING} --table '0 8192 linear /dev/vda 0' && dmsetup create user --table '0 8 linear /dev/mapper/{MAPPING} 0'"));
        show(&mut guest, "vda");
        let log = wait_until(&mut guest, "[ -f /done ]");
        let expected =
            "the kernel has not opened what was checked: the decrypted device has to be `CRYPT-LUKS2-";
        assert!(log.contains(expected), "{log}");
        guest.done(&format!("export DM_DISABLE_UDEV=1; dmsetup remove user && dmsetup remove {MAPPING}"));

        // Another secret, or none.
        guest.done("printf other > /tls-config/workload-secret-seed");
        let log = refused(&mut guest, "vda");
        assert!(log.contains("the workload secret does not open the volume"), "{log}");
        guest.done("printf '' > /tls-config/workload-secret-seed");
        let log = refused(&mut guest, "vda");
        assert!(log.contains("there is no workload secret in /tls-config/workload-secret-seed"), "{log}");
        assert!(!log.contains(SECRET));
        tell_what_it_took(start);
    }

    /// The steps of other programs that make and open such volumes; only the key's derivation is quicker.
    const FORMAT: &str = "cryptsetup luksFormat --type luks2 --cipher aes-xts-plain64 --sector-size 4096 --pbkdf argon2id \
        --pbkdf-memory 10240 --integrity hmac-sha256 --integrity-no-wipe --batch-mode --key-file /tls-config/workload-secret-seed \
        --pbkdf-force-iterations 4 /dev/vda";
    const OPEN: &str = "export DM_DISABLE_UDEV=1; mkdir -p /run/cryptsetup; rm -f /copy; cryptsetup luksHeaderBackup /dev/vda --header-backup-file /copy && cryptsetup luksOpen \
        --header=/copy --key-file=/tls-config/workload-secret-seed /dev/vda other";
    const CLOSE: &str = "DM_DISABLE_UDEV=1 cryptsetup luksClose other";

    #[test]
    fn volumes_of_other_programs_are_opened_and_tampered_ones_refused() {
        let start = Instant::now();
        let machine = machine();
        let disk = machine.disk("disk", 40 * MIB);
        let empty = machine.disk("empty", 40 * MIB);

        let mut guest = pod(&machine, &[&disk, &empty]);
        guest.done(&format!("export DM_DISABLE_UDEV=1; {FORMAT}"));
        let log = shown(&mut guest, "vda");
        assert!(log.contains("holds nothing yet, and gets a file system"), "{log}");
        guest.done("echo from here > /state/file");
        ended(&mut guest);
        guest.done(&format!("{OPEN} && mount -t ext4 /dev/mapper/other /state"));
        assert_eq!(guest.done("cat /state/file"), "from here");
        guest.done("umount /state; dd if=/dev/mapper/other of=/superblock bs=4k count=1; dd if=/dev/zero of=/dev/mapper/other bs=4k count=1");
        guest.done(CLOSE);
        let without_superblock = machine.copy(&disk, "without-superblock");
        guest.done(&format!("{OPEN} && dd if=/superblock of=/dev/mapper/other && {CLOSE}"));

        // A pod is ended while it formats.
        show(&mut guest, "vdb");
        wait_until(&mut guest, "head -c 8 /dev/vdb | grep -q contrast");
        let log = ended(&mut guest);
        assert!(log.contains("ended by SIGTERM before the volume was open"), "{log}");
        assert_eq!(guest.done("cat /status; ls /dev/mapper"), "1\ncontrol");
        guest.cut_power();
        assert!(beginning(&empty, MARK.len()).starts_with(MARK));

        let mut tampered = Vec::new();
        for (index, Tampering { change, expected }) in Tampering::ALL.iter().enumerate() {
            let copy = machine.copy(&disk, &format!("tampered-{index}"));
            rewritten(&copy, change);
            tampered.push((copy, *expected));
        }
        let plain = machine.disk("plain", 40 * MIB);
        let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&plain).status();
        assert!(made.expect("mkfs.ext4 of Debian's e2fsprogs").success());
        tampered.push((plain, "/dev/vdX holds an ext2, ext3 or ext4 file system, and was left alone"));

        let unreadable_superblock = machine.copy(&disk, "unreadable-superblock");
        rewritten(&unreadable_superblock, &last_difference(&disk, &without_superblock));
        let damaged = [without_superblock, unreadable_superblock];

        let before: Vec<_> = tampered.iter().map(|(disk, _)| fs::read(disk).unwrap()).collect();
        let disks = tampered.iter().map(|(disk, _)| disk).chain(&damaged);
        let disks: Vec<_> = disks.map(PathBuf::as_path).collect();
        let mut guest = pod(&machine, &disks);
        let mut devices = ('a'..='z').map(|letter| format!("vd{letter}"));
        for ((_, expected), device) in tampered.iter().zip(devices.by_ref()) {
            let log = refused(&mut guest, &device);
            let expected = expected.replace("vdX", &device);
            assert!(log.contains(&expected), "{log}\ndoes not contain\n{expected}");
        }
        for (_, device) in damaged.iter().zip(devices) {
            let log = refused(&mut guest, &device);
            assert!(log.contains("has no ext4 file system that can be read, but is not empty"), "{log}");
        }
        // What was changed cannot be read, whoever opens the volume.
        let device = format!("vd{}", ('a'..).nth(disks.len() - 1).unwrap());
        guest.done(&OPEN.replace("vda", &device));
        let read = guest.run("dd if=/dev/mapper/other of=/dev/null bs=4k count=1");
        assert!(read.text.contains("Input/output error"), "{read:?}");
        guest.done(CLOSE);
        // Without the check, one more token is no obstacle.
        assert!(Tampering::ALL[0].expected.contains("tokens"));
        guest.done(&format!("{OPEN} && {CLOSE}"));
        drop(guest);
        for ((disk, expected), before) in tampered.iter().zip(&before).skip(1) {
            assert!(fs::read(disk).unwrap() == *before, "left alone: {expected}");
        }
        tell_what_it_took(start);
    }
}
