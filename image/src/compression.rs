//! How layers are compressed.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

/// The ways in use (OCI image specification, "Layer"; Docker's types mean the same).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compression {
    Plain,
    Gzip,
    Zstd,
}

/// Memory of a zstd decoder: programs that write layers ask for 8 MiB at most, this is four times as much.
const ZSTD_WINDOW_LOG: u32 = 25;

impl Compression {
    /// What a media type says; nothing if it is not that of a layer.
    pub(crate) fn of_media_type(media_type: &str) -> Option<Self> {
        // Some layers may not be passed on, which is nothing to us.
        let kind = media_type
            .strip_prefix("application/vnd.oci.image.layer.v1.tar")
            .or_else(|| media_type.strip_prefix("application/vnd.oci.image.layer.nondistributable.v1.tar"))
            .or_else(|| media_type.strip_prefix("application/vnd.docker.image.rootfs.diff.tar"))
            .or_else(|| media_type.strip_prefix("application/vnd.docker.image.rootfs.foreign.diff.tar"))?;
        match kind {
            "" => Some(Self::Plain),
            "+gzip" | ".gzip" => Some(Self::Gzip),
            "+zstd" | ".zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// What the first bytes say, where there is no media type.
    pub(crate) fn of_content(start: &[u8]) -> Self {
        if start.starts_with(&[0x1F, 0x8B]) {
            Self::Gzip
        } else if start.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) {
            Self::Zstd
        } else {
            Self::Plain
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Plain => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }

    /// The uncompressed bytes.
    pub(crate) fn reader<'a>(self, input: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
        let buffered = BufReader::with_capacity(128 << 10, input);
        Ok(match self {
            Self::Plain => Box::new(buffered),
            Self::Gzip => Box::new(MultiGzDecoder::new(buffered)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(buffered)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }
}
