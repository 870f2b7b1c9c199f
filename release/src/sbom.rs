//! What something is made of, for programs that look for known weaknesses: SPDX 2.3, as JSON.

use contrast_image::Digest;
use serde_json::{Value, json};

use crate::{
    crates::Crate,
    image::{ImageError, Release},
    recipe::{Pin, Wheel},
};

/// A list in the making.
pub struct Sbom {
    subject: Value,
    namespace: String,
    name: String,
    packages: Vec<Value>,
}

impl Sbom {
    /// A list for an image or a program with this digest.
    #[must_use]
    pub fn new(name: &str, version: &str, digest: Digest, purpose: Purpose) -> Self {
        let mut subject =
            package(SUBJECT, name, version, Some(env!("CARGO_PKG_LICENSE")), Some(&digest.hex()), None);
        subject["primaryPackagePurpose"] = purpose.word().into();
        // The same content has the same list, and no two lists have one name.
        let namespace = format!("https://spdx.org/spdxdocs/{name}-{version}-{}", digest.hex());
        Self { subject, namespace, name: format!("{name} {version}"), packages: Vec::new() }
    }

    /// Adds files of a Debian package. Its licences stand in its file `copyright`, which the image has.
    pub fn debian(&mut self, name: &str, pin: &Pin) {
        let purl = format!("pkg:deb/debian/{name}@{}?arch=amd64", escaped(&pin.version));
        self.add(name, &pin.version, None, Some(&pin.sha256.hex()), &purl);
    }

    /// Adds files of a Python package.
    pub fn pypi(&mut self, wheel: &Wheel) {
        let purl = format!("pkg:pypi/{}@{}", wheel.package, escaped(&wheel.version));
        self.add(&wheel.package, &wheel.version, Some(&wheel.license), Some(&wheel.sha256.hex()), &purl);
    }

    /// Adds a crate.
    pub fn krate(&mut self, krate: &Crate) {
        let purl = format!("pkg:cargo/{}@{}", krate.name, escaped(&krate.version));
        self.add(&krate.name, &krate.version, krate.license.as_deref(), krate.checksum.as_deref(), &purl);
    }

    /// Adds the standard library of a compiler's version.
    pub fn standard_library(&mut self, version: &str) {
        self.add(
            "std",
            version,
            Some("MIT OR Apache-2.0"),
            None,
            &format!("pkg:generic/rust@{}", escaped(version)),
        );
    }

    /// The finished document.
    ///
    /// # Errors
    /// If the release's time cannot be written.
    pub fn finish(self, release: &Release) -> Result<Value, ImageError> {
        let contains = |package: &Value| relation(SUBJECT, "CONTAINS", package["SPDXID"].clone());
        let mut relations = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", SUBJECT.into())];
        relations.extend(self.packages.iter().map(contains));
        let mut packages = vec![self.subject];
        packages.extend(self.packages);
        Ok(json!({
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": self.name,
            "documentNamespace": self.namespace,
            "creationInfo": {
                "created": release.created()?,
                "creators": [format!("Tool: contrast-release-{}", env!("CARGO_PKG_VERSION"))],
            },
            "packages": packages,
            "relationships": relations,
        }))
    }

    fn add(&mut self, name: &str, version: &str, license: Option<&str>, sha256: Option<&str>, purl: &str) {
        let id = format!("SPDXRef-{}", self.packages.len() + 1);
        let package = package(&id, name, version, license, sha256, Some(purl));
        // Two programs of one image share crates.
        let same = |other: &Value| other["externalRefs"] == package["externalRefs"];
        if !self.packages.iter().any(same) {
            self.packages.push(package);
        }
    }
}

/// What a list is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// An image.
    Container,
    /// A program.
    Application,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Container => "CONTAINER",
            Self::Application => "APPLICATION",
        }
    }
}

const SUBJECT: &str = "SPDXRef-Subject";
const UNKNOWN: &str = "NOASSERTION";

fn package(
    id: &str,
    name: &str,
    version: &str,
    license: Option<&str>,
    sha256: Option<&str>,
    purl: Option<&str>,
) -> Value {
    let mut package = json!({
        "SPDXID": id,
        "name": name,
        "versionInfo": version,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": license.unwrap_or(UNKNOWN),
        "copyrightText": UNKNOWN,
    });
    if let Some(digest) = sha256 {
        package["checksums"] = json!([{ "algorithm": "SHA256", "checksumValue": digest }]);
    }
    if let Some(purl) = purl {
        let reference = json!({ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl });
        package["externalRefs"] = json!([reference]);
    }
    package
}

fn relation(from: &str, kind: &str, to: Value) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

/// A version as package URLs want it: all but letters, digits and `.-_~` as percent and two digits.
fn escaped(version: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    version.bytes().map(byte).collect()
}
