//! Headers, as the program `cryptsetup` reads and changes them. On files: what it does here needs no device mapper.

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, OpenOptions},
        os::unix::fs::FileExt as _,
        path::{Path, PathBuf},
        process::Command,
    };

    use contrast_initializer::volume::header::{COPIES_LEN, DATA_OFFSET, HeaderError, check};
    use tempfile::TempDir;

    /// Both copies of a header that it made for an encrypted volume, which needs a device mapper.
    const REAL: &[u8] = include_bytes!("headers/cryptsetup-2.6.1");

    /// A file as long as a header with its keys, that begins with `bytes`.
    fn volume(directory: &TempDir, bytes: &[u8]) -> PathBuf {
        let path = directory.path().join("volume");
        fs::write(&path, bytes).unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(2 * DATA_OFFSET as u64).unwrap();
        path
    }

    fn header_of(path: &Path) -> Vec<u8> {
        let mut header = vec![0; COPIES_LEN];
        OpenOptions::new().read(true).open(path).unwrap().read_exact_at(&mut header, 0).unwrap();
        header
    }

    /// What `cryptsetup` prints; it has to succeed.
    fn cryptsetup(arguments: &[&str], path: &Path, directory: &TempDir) -> Vec<u8> {
        let output = Command::new("cryptsetup")
            .args(arguments)
            .arg(path)
            .current_dir(directory.path())
            .env("DM_DISABLE_UDEV", "1")
            .output()
            .expect("cryptsetup of Debian's cryptsetup-bin; `cargo xtask test` installs it");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    #[test]
    fn what_is_checked_is_what_cryptsetup_reads() {
        let directory = tempfile::tempdir().unwrap();
        let path = volume(&directory, REAL);
        let dump = cryptsetup(&["luksDump", "--dump-json-metadata"], &path, &directory);
        let read: serde_json::Value = serde_json::from_slice(&dump).unwrap();
        let end = REAL.iter().skip(4096).position(|byte| *byte == 0).unwrap();
        let checked: serde_json::Value = serde_json::from_slice(&REAL[4096..4096 + end]).unwrap();
        assert_eq!(read, checked);
        let uuid = cryptsetup(&["luksUUID"], &path, &directory);
        assert_eq!(check(REAL).unwrap().uuid, String::from_utf8(uuid).unwrap().trim());
        assert_eq!(header_of(&path), REAL, "reading changed nothing");
    }

    #[test]
    fn what_cryptsetup_changes_later_is_refused_unless_it_means_nothing() {
        let cases: [(&[&str], Option<&str>); 4] = [
            (&["luksUUID", "--batch-mode", "--uuid", "11111111-2222-3333-4444-555555555555"], None),
            (&["config", "--label", "mine"], Some("label of the first copy of the header has to be empty")),
            (&["config", "--key-slot", "0", "--priority", "prefer"], Some("unknown field `priority`")),
            (
                &["token", "import", "--token-id", "3", "--json-file", "token"],
                Some("tokens.3: unknown field"),
            ),
        ];
        for (arguments, expected) in cases {
            let directory = tempfile::tempdir().unwrap();
            let path = volume(&directory, REAL);
            fs::write(directory.path().join("token"), r#"{"type":"mine","keyslots":["0"]}"#).unwrap();
            cryptsetup(arguments, &path, &directory);
            let header = header_of(&path);
            assert_ne!(header, REAL, "{arguments:?}");
            match (expected, check(&header)) {
                (None, answer) => assert_eq!(answer.unwrap().uuid, "11111111-2222-3333-4444-555555555555"),
                (Some(expected), answer) => {
                    let refusal = answer.unwrap_err().to_string();
                    assert!(refusal.contains(expected), "{refusal}\ndoes not contain\n{expected}");
                }
            }
        }
    }

    /// What a volume of an early release of Contrast has, and whatever else is about.
    #[test]
    fn other_volumes_of_cryptsetup_are_refused() {
        let luks2 = ["--type", "luks2", "--pbkdf-memory", "32", "--pbkdf-force-iterations", "4"];
        let luks1 = ["--type", "luks1", "--pbkdf-force-iterations", "1000"];
        let cases: [(&[&str], &[&str], &str); 3] = [
            (&luks2, &[], "segments.0: missing field `integrity`"),
            (&luks2, &["--cipher", "aes-cbc-essiv:sha256"], "segments.0: missing field `integrity`"),
            (&luks1, &[], "does not begin as one of LUKS2 does"),
        ];
        for (kind, more, expected) in cases {
            let directory = tempfile::tempdir().unwrap();
            let path = volume(&directory, &[]);
            fs::write(directory.path().join("key"), "key").unwrap();
            let quickly = ["luksFormat", "--batch-mode", "--key-file", "key"];
            cryptsetup(&[&quickly, kind, more].concat(), &path, &directory);
            let refusal = check(&header_of(&path)).unwrap_err();
            assert!(refusal.to_string().contains(expected), "{refusal}");
            assert!(matches!(refusal, HeaderError::Form(_) | HeaderError::NotLuks2(_)));
        }
    }
}
