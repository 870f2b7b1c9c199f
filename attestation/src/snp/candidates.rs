//! Which product line may a report be of?

use super::{Document, Product, SigningKey, TcbParts, certificate::Certificate, endorsement::EndorsementKey};

/// The product line that the report names (from version 3), that the attester names, or that the certificate of the
/// endorsement key names. If none of them does: every line whose layout the TCB versions of the report fit.
pub(super) fn candidates(document: &Document) -> Vec<Product> {
    let report = &document.report;
    if let Some(cpuid) = report.cpuid {
        return Product::from_cpuid(cpuid).into_iter().collect();
    }
    if let Some(product) = document.product.or_else(|| endorsed(document)) {
        return vec![product];
    }
    let versions = [report.current_tcb, report.reported_tcb, report.committed_tcb, report.launch_tcb];
    let fits = |product: &Product| versions.iter().all(|tcb| TcbParts::decode(*product, *tcb).is_ok());
    Product::ALL.into_iter().filter(fits).collect()
}

fn endorsed(document: &Document) -> Option<Product> {
    let sent = &document.endorsements;
    [(SigningKey::Vcek, &sent.vcek), (SigningKey::Vlek, &sent.vlek)].into_iter().find_map(|(kind, der)| {
        let certificate = Certificate::parse(der).ok()?;
        Product::ALL.into_iter().find(|product| {
            EndorsementKey::read(&certificate, kind, *product)
                .is_ok_and(|key| key.product() == Some(*product))
        })
    })
}
