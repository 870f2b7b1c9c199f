//! The files that a guest starts with.

use super::READY;

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// What the guest's kernel needs for encrypted volumes on virtual disks. What these need comes with them.
const MODULES: [&str; 9] = [
    "virtio_pci",
    "virtio_blk",
    "dm-crypt",
    "dm-integrity",
    "authenc",
    "xts",
    "ecb",
    "algif_skcipher",
    "algif_hash",
];

/// Becomes process 1: mounts, loads, and obeys what comes over the second serial line, once it has said so there. A process of its own
/// reads: the end of an orphan, which is told to process 1, would interrupt it.
const INIT: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin HOME=/
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
mkdir /dev/shm; mount -t tmpfs none /dev/shm
for module in /modules/*; do insmod $module; done
exec 3<>/dev/ttyS1
stty raw -echo <&3
echo READY >&3
(while read -r command <&3; do eval \"$command\" >&3; done)
";

/// A kernel of Debian with its modules.
pub(super) struct Kernel {
    /// The file that QEMU starts.
    pub(super) image: PathBuf,
    /// All modules by their names.
    modules: BTreeMap<String, PathBuf>,
}

impl Kernel {
    /// The one that `cargo xtask setup` unpacks.
    pub(super) fn unpacked() -> Self {
        let target = Path::new(env!("CARGO_BIN_EXE_initializer"));
        let marked = target.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists()).unwrap();
        let folder = marked.join("kernel/linux-image-cloud-amd64");
        let boot = fs::read_dir(folder.join("boot"))
            .unwrap_or_else(|cause| panic!("{}: {cause}; `cargo xtask setup` unpacks it", folder.display()));
        let mut paths = boot.map(|entry| entry.unwrap().path());
        let image =
            paths.find(|path| path.file_name().unwrap().to_string_lossy().starts_with("vmlinuz")).unwrap();
        let mut modules = BTreeMap::new();
        collect(&folder.join("lib/modules"), &mut modules);
        Self { image, modules }
    }

    /// These modules with all that they need, in the order in which they can be loaded.
    fn in_order(&self, names: &[&str]) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        names.iter().for_each(|name| self.add(name, &mut all));
        all
    }

    fn add(&self, name: &str, all: &mut Vec<(String, Vec<u8>)>) {
        let name = name.replace('-', "_");
        if all.iter().any(|(there, _)| *there == name) {
            return;
        }
        let path = self.modules.get(&name).unwrap_or_else(|| panic!("the kernel has no module {name}"));
        let content = fs::read(path).unwrap();
        for needed in needs(&content) {
            self.add(&needed, all);
        }
        all.push((name, content));
    }
}

/// A module names those that it needs in a text of its own.
fn needs(module: &[u8]) -> Vec<String> {
    const SIGN: &[u8] = b"\0depends=";
    let Some(at) = module.windows(SIGN.len()).position(|window| window == SIGN) else { return Vec::new() };
    let list = module[at + SIGN.len()..].split(|byte| *byte == 0).next().unwrap();
    let list = String::from_utf8_lossy(list).into_owned();
    list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn collect(folder: &Path, modules: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, modules);
        } else if path.extension().is_some_and(|extension| extension == "ko") {
            modules.insert(path.file_stem().unwrap().to_string_lossy().replace('-', "_"), path);
        }
    }
}

/// The archive that becomes the guest's root.
pub(super) fn initramfs(kernel: &Kernel, programs: &[&Path]) -> Vec<u8> {
    let mut files =
        BTreeMap::from([(PathBuf::from("init"), (0o755, INIT.replace("READY", READY).into_bytes()))]);
    let mut put = |to: PathBuf, from: &Path| {
        let mode = fs::metadata(from).unwrap().permissions().mode() & 0o777;
        files.insert(to, (mode, fs::read(from).unwrap()));
    };
    put("bin/busybox".into(), &in_path("busybox"));
    for program in programs {
        let path =
            if program.is_absolute() { program.to_path_buf() } else { in_path(program.to_str().unwrap()) };
        put(Path::new("usr/bin").join(program.file_name().unwrap()), &path);
        for library in libraries(&path) {
            put(library.strip_prefix("/").unwrap().to_owned(), &library);
        }
    }
    for (index, (name, content)) in kernel.in_order(&MODULES).into_iter().enumerate() {
        files.insert(format!("modules/{index:02}-{name}").into(), (0o644, content));
    }
    archive(&files)
}

/// The shared libraries of a program, and the one that threads load when they end.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    let mut all: Vec<PathBuf> = words.map(|word| word.trim_end_matches(':').into()).collect();
    all.retain(|path| path != program);
    let beside =
        all.iter().find(|path| path.ends_with("libc.so.6")).map(|path| path.with_file_name("libgcc_s.so.1"));
    all.extend(beside);
    all
}

fn in_path(program: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    // An ordinary user's path often lacks the last two.
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("there is no {program}; `cargo xtask test` installs it"))
}

/// In the form `newc` of cpio, which the kernel reads. Folders stand before what is in them.
fn archive(files: &BTreeMap<PathBuf, (u32, Vec<u8>)>) -> Vec<u8> {
    const FOLDER: u32 = 0o040_755;
    let empty = ["proc", "sys", "dev", "etc", "run", "tmp"].map(PathBuf::from);
    let mut folders: Vec<&Path> = files.keys().flat_map(|path| path.ancestors().skip(1)).collect();
    folders.extend(empty.iter().map(PathBuf::as_path));
    folders.retain(|folder| *folder != Path::new(""));
    folders.sort_unstable();
    folders.dedup();

    let mut archive = Vec::new();
    for folder in folders {
        entry(&mut archive, folder, FOLDER, &[]);
    }
    for (path, (mode, content)) in files {
        entry(&mut archive, path, 0o100_000 | mode, content);
    }
    entry(&mut archive, "TRAILER!!!".as_ref(), 0, &[]);
    archive
}

fn entry(archive: &mut Vec<u8>, path: &Path, mode: u32, content: &[u8]) {
    let path = path.to_str().unwrap();
    // Number of the file, mode, owner, group, links, time, length, four numbers of devices, length of the name, sum.
    let fields = [0, mode as usize, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, path.len() + 1, 0];
    archive.extend(b"070701");
    archive.extend(fields.map(|field| format!("{field:08x}")).concat().bytes());
    archive.extend(path.bytes().chain([0]));
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(4), 0);
}
