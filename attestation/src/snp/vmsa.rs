//! The state that a vCPU starts from, as QEMU and KVM set it up for an SEV-SNP guest.
//!
//! AMD64 Architecture Programmer's Manual volume 2, table B-4 (layout of the state save area) and table 14-1
//! (state after reset).

use super::Product;

/// Length of the page in bytes.
const PAGE: usize = 4096;

/// The page of a vCPU that starts at `eip` on a processor of line `product`.
pub(crate) fn page(eip: u32, product: Product) -> Vec<u8> {
    let eip = u64::from(eip);
    let signature = product.guest_cpu_signature();
    let mut page = Page(vec![0; PAGE]);
    for (offset, segment) in [
        (0x00, Segment { attributes: 0x93, ..DATA }), // ES
        (0x10, Segment { selector: 0xF000, attributes: 0x9B, base: eip & 0xFFFF_0000 }), // CS
        (0x20, Segment { attributes: 0x93, ..DATA }), // SS
        (0x30, Segment { attributes: 0x93, ..DATA }), // DS
        (0x40, Segment { attributes: 0x93, ..DATA }), // FS
        (0x50, Segment { attributes: 0x93, ..DATA }), // GS
        (0x60, DATA),                                 // GDTR
        (0x70, Segment { attributes: 0x82, ..DATA }), // LDTR
        (0x80, DATA),                                 // IDTR
        (0x90, Segment { attributes: 0x8B, ..DATA }), // TR
    ] {
        page.segment(offset, segment);
    }
    for (offset, value) in [
        (0x0D0, 0x1000),                // EFER: SVME
        (0x148, 0x40),                  // CR4: MCE
        (0x158, 0x10),                  // CR0: ET
        (0x160, 0x400),                 // DR7
        (0x168, 0xFFFF_0FF0),           // DR6
        (0x170, 0x2),                   // RFLAGS
        (0x178, eip & 0xFFFF),          // RIP
        (0x268, 0x0007_0406_0007_0406), // G_PAT
        (0x310, u64::from(signature)),  // RDX: signature of the processor
        (0x3B0, 0x1),                   // SEV_FEATURES: SNPActive
        (0x3E8, 0x1),                   // XCR0
    ] {
        page.put(offset, &u64::to_le_bytes(value));
    }
    page.put(0x408, &0x1F80_u32.to_le_bytes()); // MXCSR
    page.put(0x410, &0x037F_u16.to_le_bytes()); // X87_FCW
    page.0
}

struct Segment {
    selector: u16,
    attributes: u16,
    base: u64,
}

const DATA: Segment = Segment { selector: 0, attributes: 0, base: 0 };

struct Page(Vec<u8>);

impl Page {
    fn segment(&mut self, offset: usize, segment: Segment) {
        const LIMIT: u32 = 0xFFFF;
        self.put(offset, &segment.selector.to_le_bytes());
        self.put(offset + 2, &segment.attributes.to_le_bytes());
        self.put(offset + 4, &LIMIT.to_le_bytes());
        self.put(offset + 8, &segment.base.to_le_bytes());
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        self.0.iter_mut().skip(offset).zip(bytes).for_each(|(to, from)| *to = *from);
    }
}
