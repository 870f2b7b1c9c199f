//! What something is made of, for programs that look for known weaknesses: SPDX 2.3, as JSON.

use contrast_image::Digest;
use serde::Serialize;

use crate::{
    crates::Crate,
    image::{ImageError, Release},
    recipe::{Pin, Wheel},
};

/// A list in the making.
pub struct Sbom {
    name: String,
    namespace: String,
    /// What the list is about, and then what that contains.
    packages: Vec<Package>,
}

/// What a list is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Purpose {
    /// An image.
    Container,
    /// A program.
    Application,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: Creation,
    packages: Vec<Package>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct Creation {
    created: String,
    creators: [String; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    version_info: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_package_purpose: Option<Purpose>,
    license_declared: String,
    license_concluded: &'static str,
    copyright_text: &'static str,
    download_location: &'static str,
    files_analyzed: bool,
    checksums: Vec<Checksum>,
    external_refs: Vec<Reference>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: &'static str,
    checksum_value: String,
}

#[derive(Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Reference {
    reference_category: &'static str,
    reference_type: &'static str,
    /// A package URL.
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: &'static str,
    relationship_type: &'static str,
    related_spdx_element: String,
}

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const SUBJECT: &str = "SPDXRef-Subject";
const UNKNOWN: &str = "NOASSERTION";

impl Sbom {
    /// A list for an image or a program with this digest.
    #[must_use]
    pub fn new(name: &str, version: &str, digest: Digest, purpose: Purpose) -> Self {
        let mut subject =
            package(SUBJECT, name, version, Some(env!("CARGO_PKG_LICENSE")), Some(digest.hex()));
        subject.primary_package_purpose = Some(purpose);
        // The same content has the same list, and no two lists have one name.
        let namespace = format!("https://spdx.org/spdxdocs/{name}-{version}-{}", digest.hex());
        Self { name: format!("{name} {version}"), namespace, packages: vec![subject] }
    }

    /// Adds files of a Debian package. Its licences stand in its file `copyright`, which the image has.
    pub fn debian(&mut self, name: &str, pin: &Pin) {
        let url = format!("pkg:deb/debian/{}@{}?arch=amd64", escaped(name), escaped(&pin.version));
        self.add(name, &pin.version, None, Some(pin.sha256.hex()), url);
    }

    /// Adds files of a Python package.
    pub fn pypi(&mut self, wheel: &Wheel) {
        let url = format!("pkg:pypi/{}@{}", wheel.package, escaped(&wheel.version));
        self.add(&wheel.package, &wheel.version, Some(&wheel.license), Some(wheel.sha256.hex()), url);
    }

    /// Adds a crate.
    pub fn krate(&mut self, krate: &Crate) {
        let url = format!("pkg:cargo/{}@{}", krate.name, escaped(&krate.version));
        self.add(&krate.name, &krate.version, krate.license.as_deref(), krate.checksum.clone(), url);
    }

    /// Adds the standard library of a compiler's version.
    pub fn standard_library(&mut self, version: &str) {
        let url = format!("pkg:generic/rust@{}", escaped(version));
        self.add("std", version, Some("MIT OR Apache-2.0"), None, url);
    }

    /// The finished document.
    ///
    /// # Errors
    /// If the release's time cannot be written.
    pub fn finish(self, release: &Release) -> Result<String, ImageError> {
        let relation = |from, kind, to: &str| Relationship {
            spdx_element_id: from,
            relationship_type: kind,
            related_spdx_element: to.to_owned(),
        };
        let contained =
            self.packages.iter().skip(1).map(|package| relation(SUBJECT, "CONTAINS", &package.id));
        let relationships =
            std::iter::once(relation(DOCUMENT, "DESCRIBES", SUBJECT)).chain(contained).collect();
        let document = Document {
            spdx_version: "SPDX-2.3",
            data_license: "CC0-1.0",
            id: DOCUMENT,
            name: self.name,
            document_namespace: self.namespace,
            creation_info: Creation {
                created: release.created()?,
                creators: [concat!("Tool: contrast-release-", env!("CARGO_PKG_VERSION")).to_owned()],
            },
            packages: self.packages,
            relationships,
        };
        Ok(serde_json::to_string_pretty(&document).map_err(ImageError::Json)? + "\n")
    }

    fn add(&mut self, name: &str, version: &str, license: Option<&str>, sha256: Option<String>, url: String) {
        let reference = Reference {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: url,
        };
        // Programs of one image share crates.
        if self.packages.iter().any(|other| other.external_refs.contains(&reference)) {
            return;
        }
        let mut package =
            package(&format!("SPDXRef-{}", self.packages.len()), name, version, license, sha256);
        package.external_refs.push(reference);
        self.packages.push(package);
    }
}

fn package(id: &str, name: &str, version: &str, license: Option<&str>, sha256: Option<String>) -> Package {
    let checksum = |value| Checksum { algorithm: "SHA256", checksum_value: value };
    Package {
        id: id.to_owned(),
        name: name.to_owned(),
        version_info: version.to_owned(),
        primary_package_purpose: None,
        license_declared: license.unwrap_or(UNKNOWN).to_owned(),
        license_concluded: UNKNOWN,
        copyright_text: UNKNOWN,
        download_location: UNKNOWN,
        files_analyzed: false,
        checksums: sha256.into_iter().map(checksum).collect(),
        external_refs: Vec::new(),
    }
}

/// A name or version as package URLs want it: all but letters, digits and `.-_~` as percent and two digits.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}
