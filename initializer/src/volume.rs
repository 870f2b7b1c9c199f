//! Encrypted volumes: a block device of the host, encrypted with the pod's workload secret, and what is on it shown in a folder.
//!
//! The host can give the pod any device, and change it at any time. So nothing on it is believed: the header has the one form that
//! [`header`] allows, a copy of it is checked, and only that copy is used; every block has an integrity tag. That an old state comes
//! back is not noticed, of one block or of all of them.
//!
//! Whenever a run is cut off, the next one goes on rightly. A new volume gets its header last, with one sector (`device`): until then the
//! device holds a mark, and is formatted anew.

mod device;
mod file_system;
pub mod header;
mod mapping;
mod program;

use std::{
    ffi::CStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tracing::{info, warn};

use self::{
    device::{Contents, Device},
    file_system::FileSystem,
    header::{Header, HeaderError},
    mapping::Mapping,
};
pub use self::{
    device::{DeviceError, SMALLEST},
    file_system::FileSystemError,
    mapping::MappingError,
    program::ProgramError,
};

/// Where `cryptsetup` keeps its locks.
const LOCKS: &str = "/run/cryptsetup";
/// Where headers are while they are checked and used: memory of the guest.
const HEADERS: &str = "/dev/shm/contrast-cryptsetup";
/// Everything is on the disk when a write returns, and a block is never half new.
const MOUNT_OPTIONS: &CStr = c"data=journal";

/// An encrypted volume of this pod.
#[derive(Clone, Debug)]
pub struct Volume {
    /// The block device.
    pub device: PathBuf,
    /// The folder that shows what is on it. Made if it does not exist.
    pub mount_point: PathBuf,
    /// The passphrase: all bytes of this file.
    pub key: PathBuf,
}

/// Why a volume is not opened.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// There is no passphrase.
    #[error(
        "there is no workload secret in {}: {cause}; the volume needs one, so the manifest has to name a `WorkloadSecretID` for the pod's policy", path.display()
    )]
    NoSecret {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// There is something on the device, and it is no encrypted volume.
    #[error(
        "the device {} holds {what}, and was left alone; give the pod an empty volume, or if nothing on it is needed, fill its first and last MiB with zeros", path.display()
    )]
    Occupied {
        /// The device.
        path: PathBuf,
        /// What it probably holds.
        what: &'static str,
    },
    /// The header is refused.
    #[error("the volume on {} was not opened: {cause}; a host can have changed it, or another program has made it", path.display())]
    Header {
        /// The device.
        path: PathBuf,
        /// What is wrong with it.
        cause: HeaderError,
    },
    /// The checked copy of the header became another one.
    #[error("the copy of the header was changed while the volume was opened; start the pod again")]
    HeaderChanged,
    /// There is no decrypted device.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// There is no file system.
    #[error(transparent)]
    FileSystem(#[from] FileSystemError),
    /// There is something on the decrypted device, and it is no ext4.
    #[error(
        "the volume on {} has no ext4 file system that can be read, but is not empty; if nothing on it is needed, fill the first MiB of the device with zeros", .0.display()
    )]
    NoFileSystem(PathBuf),
    /// A file or folder cannot be used.
    #[error("cannot {action} {}: {cause}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

impl Volume {
    /// Opens the volume and mounts it. A device that holds nothing is formatted; one that was opened before is opened again.
    ///
    /// If it fails, or if this future is dropped, [`Volume::close`] has to clean up.
    ///
    /// # Errors
    /// See [`VolumeError`].
    pub async fn open(&self) -> Result<(), VolumeError> {
        self.need_key()?;
        make_folder(LOCKS.as_ref(), 0o755)?;
        make_folder(HEADERS.as_ref(), 0o700)?;
        let device = Device::open(&self.device)?;
        let is_left = !self.mapping().close(&self.device).await?;
        match device.contents()? {
            Contents::Volume if is_left => self.look_again(&device)?,
            Contents::Volume => self.unlock(&device).await?,
            Contents::Nothing => {
                info!("formatting {}, which holds nothing", self.device.display());
                self.format(&device).await?;
            }
            Contents::Unfinished => {
                warn!("formatting {} was cut off, and begins anew", self.device.display());
                self.format(&device).await?;
            }
            Contents::Other(what) => return Err(VolumeError::Occupied { path: self.device.clone(), what }),
        }
        self.mount()
    }

    /// Unmounts and closes the volume, as far as it was opened. Gives whether it is closed: it stays open while others use it.
    ///
    /// # Errors
    /// If the kernel refuses for another reason.
    pub async fn close(&self) -> Result<bool, VolumeError> {
        if self.is_mounted()
            && let Err(cause) = unmount(&self.mount_point, UnmountFlags::empty())
        {
            if cause == rustix::io::Errno::BUSY {
                return Ok(false);
            }
            return Err(failed("unmount", &self.mount_point)(cause.into()));
        }
        Ok(self.mapping().close(&self.device).await?)
    }

    fn need_key(&self) -> Result<(), VolumeError> {
        let no_secret = |cause| VolumeError::NoSecret { path: self.key.clone(), cause };
        if fs::metadata(&self.key).map_err(no_secret)?.len() == 0 {
            return Err(no_secret(io::Error::other("the file is empty")));
        }
        Ok(())
    }

    /// Formats a device that holds nothing, and opens it. The header comes last.
    async fn format(&self, device: &Device) -> Result<(), VolumeError> {
        device.mark()?;
        let file = self.header_file()?;
        Mapping::format(&self.device, &file.path, &self.key).await?;
        let bytes = file.read()?;
        let header = self.checked(&bytes)?;
        self.open_mapping(device, &file, &bytes, &header).await?;
        file_system::make(&self.mapping().path()).await?;
        Ok(device.commit(&bytes)?)
    }

    /// Opens a volume that was formatted before.
    async fn unlock(&self, device: &Device) -> Result<(), VolumeError> {
        let bytes = device.header()?;
        let header = self.checked(&bytes)?;
        let file = self.header_file()?;
        file.write(&bytes)?;
        self.open_mapping(device, &file, &bytes, &header).await?;
        let path = self.mapping().path();
        match file_system::find(&path)? {
            FileSystem::Ext4 => Ok(()),
            FileSystem::Nothing => {
                info!("the volume on {} holds nothing yet, and gets a file system", self.device.display());
                Ok(file_system::make(&path).await?)
            }
            FileSystem::Unknown => Err(VolumeError::NoFileSystem(self.device.clone())),
        }
    }

    /// Looks whether what an earlier run opened, and somebody uses, is this volume.
    fn look_again(&self, device: &Device) -> Result<(), VolumeError> {
        let header = self.checked(&device.header()?)?;
        let mapping = self.mapping();
        mapping.make_node()?;
        mapping.check(&header, device.number()?)?;
        info!("the volume on {} is open already", self.device.display());
        Ok(())
    }

    /// Opens by the checked copy, and looks at the copy and at what the kernel has made of it.
    async fn open_mapping(
        &self,
        device: &Device,
        file: &HeaderFile,
        bytes: &[u8],
        header: &Header,
    ) -> Result<(), VolumeError> {
        let mapping = self.mapping();
        mapping.open(&self.device, &file.path, &self.key).await?;
        if file.read()? != bytes {
            return Err(VolumeError::HeaderChanged);
        }
        mapping.check(header, device.number()?)?;
        info!("opened {} as {}", self.device.display(), mapping.path().display());
        Ok(())
    }

    fn checked(&self, bytes: &[u8]) -> Result<Header, VolumeError> {
        header::check(bytes).map_err(|cause| VolumeError::Header { path: self.device.clone(), cause })
    }

    fn mount(&self) -> Result<(), VolumeError> {
        let source = self.mapping().path();
        if self.is_mounted() {
            return Ok(());
        }
        make_folder(&self.mount_point, 0o755)?;
        mount(&source, &self.mount_point, c"ext4", MountFlags::SYNCHRONOUS, MOUNT_OPTIONS)
            .map_err(|cause| failed("mount", &source)(cause.into()))?;
        info!("mounted {} at {}", source.display(), self.mount_point.display());
        Ok(())
    }

    /// Whether the mount point shows the decrypted device.
    fn is_mounted(&self) -> bool {
        let (Ok(shown), Ok(device)) = (fs::metadata(&self.mount_point), fs::metadata(self.mapping().path()))
        else {
            return false;
        };
        shown.dev() == device.rdev()
    }

    fn mapping(&self) -> Mapping {
        Mapping::of(&self.device, &self.mount_point)
    }

    fn header_file(&self) -> Result<HeaderFile, VolumeError> {
        let path = Path::new(HEADERS).join(format!("luks-header-{}", self.mapping().name()));
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path)(cause)),
            _ => Ok(HeaderFile { path }),
        }
    }
}

/// A copy of a header out of the host's reach. Goes away when it is dropped.
struct HeaderFile {
    path: PathBuf,
}

impl HeaderFile {
    /// Makes the file, as long as a whole header is; what is missing is zero.
    fn write(&self, bytes: &[u8]) -> Result<(), VolumeError> {
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)?;
            file.write_all(bytes)?;
            file.set_len(header::DATA_OFFSET as u64)
        };
        write().map_err(failed("write", &self.path))
    }

    fn read(&self) -> Result<Vec<u8>, VolumeError> {
        let read = || device::read_header(&mut File::open(&self.path)?);
        read().map_err(failed("read", &self.path))
    }
}

impl Drop for HeaderFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn make_folder(path: &Path, mode: u32) -> Result<(), VolumeError> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(failed("make the folder", path))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> VolumeError {
    let path = path.to_owned();
    move |cause| VolumeError::File { action, path, cause }
}
