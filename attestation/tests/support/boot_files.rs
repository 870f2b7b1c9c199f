//! Small images and kernels with everything that measuring looks at, for tests and as seeds for fuzzing.

/// A section of SEV metadata: address, length, type.
pub(crate) type SevRow = [u32; 3];
/// A section of TDX metadata: data offset, data length, address, length, type, attributes.
pub(crate) type TdvfRow = (u32, u32, u64, u64, u32, u32);

/// An OVMF image.
#[derive(Clone, Debug)]
pub(crate) struct Firmware {
    /// In bytes; the last 4096 hold the tables.
    pub(crate) length: usize,
    pub(crate) ap_eip: Option<u32>,
    pub(crate) hash_table: Option<u32>,
    pub(crate) sev: Option<Vec<SevRow>>,
    pub(crate) tdvf: Option<Vec<TdvfRow>>,
}

/// Distances from the end of the image.
const SEV_METADATA: usize = 0x400;
const TDVF_METADATA: usize = 0x800;
const RESET_VECTOR: usize = 32;

impl Firmware {
    /// An image of three pages with every kind of section, laid out as by edk2 but smaller.
    pub(crate) fn example() -> Self {
        Self {
            length: 0x3000,
            ap_eip: Some(0x0080_B004),
            hash_table: Some(0x0080_FC00),
            sev: Some(vec![
                [0x0080_0000, 0x9000, 1],
                [0x0080_D000, 0x1000, 2],
                [0x0080_E000, 0x1000, 3],
                [0x0080_C000, 0x1000, 4],
                [0x0080_F000, 0x1000, 0x10],
                [0x0081_0000, 0x2000, 1],
            ]),
            tdvf: Some(vec![
                (0x1000, 0x2000, 0xFFFF_E000, 0x2000, 0, 1),
                (0, 0x1000, 0xFFFF_D000, 0x1000, 1, 0),
                (0, 0, 0x0081_0000, 0x2000, 3, 0),
                (0, 0, 0x0080_9000, 0x1000, 2, 0),
            ]),
        }
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        // No two pages are the same.
        let mut image: Vec<u8> = (0..self.length).map(|at| (at % 251) as u8 ^ (at / 4096) as u8).collect();
        let mut table = Vec::new();
        if let Some(rows) = &self.tdvf {
            let mut body = Vec::new();
            for (data_offset, data_length, address, length, kind, attributes) in rows {
                body.extend([data_offset, data_length].into_iter().flat_map(|word| word.to_le_bytes()));
                body.extend([address, length].into_iter().flat_map(|word| word.to_le_bytes()));
                body.extend([kind, attributes].into_iter().flat_map(|word| word.to_le_bytes()));
            }
            put_metadata(&mut image, TDVF_METADATA, *b"TDVF", rows.len(), &body);
            let distance = (TDVF_METADATA as u32).to_le_bytes();
            put_entry(&mut table, 0xe47a6535_984a_4798_865e_4685a7bf8ec2, &distance);
        }
        if let Some(rows) = &self.sev {
            let body: Vec<u8> = rows.iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
            put_metadata(&mut image, SEV_METADATA, *b"ASEV", rows.len(), &body);
            let distance = (SEV_METADATA as u32).to_le_bytes();
            put_entry(&mut table, 0xdc886566_984a_4798_a75e_5585a7bf67cc, &distance);
        }
        if let Some(address) = self.hash_table {
            let range = [address.to_le_bytes(), 0x400_u32.to_le_bytes()].concat();
            put_entry(&mut table, 0x7255371f_3a3b_4b04_927b_1da6efa8d454, &range);
        }
        if let Some(eip) = self.ap_eip {
            put_entry(&mut table, 0x00f771de_1a7e_4fcb_890e_68c77e2fb44e, &eip.to_le_bytes());
        }
        let length = table.len() + 18;
        put_end(&mut table, length, 0x96b582de_1fb2_45f7_baea_a366c55a082d);
        let end = image.len() - RESET_VECTOR;
        put(&mut image, end - table.len(), &table);
        image
    }
}

fn put_metadata(image: &mut [u8], distance: usize, signature: [u8; 4], count: usize, body: &[u8]) {
    let mut metadata = signature.to_vec();
    for word in [16 + body.len(), 1, count] {
        metadata.extend((word as u32).to_le_bytes());
    }
    metadata.extend(body);
    let start = image.len() - distance;
    put(image, start, &metadata);
}

fn put(file: &mut [u8], offset: usize, bytes: &[u8]) {
    assert!(offset + bytes.len() <= file.len(), "the file has no room at {offset:#x}");
    file.iter_mut().skip(offset).zip(bytes).for_each(|(to, from)| *to = *from);
}

fn put_entry(table: &mut Vec<u8>, guid: u128, data: &[u8]) {
    table.extend(data);
    put_end(table, data.len() + 18, guid);
}

fn put_end(table: &mut Vec<u8>, length: usize, guid: u128) {
    table.extend((length as u16).to_le_bytes());
    let [a, b, c, d, e, f, g, h, rest @ ..] = guid.to_be_bytes();
    table.extend([d, c, b, a, f, e, h, g]);
    table.extend(rest);
}

/// A kernel: a bzImage that is a PE image with two sections, in the other order in the file, and bytes after them.
pub(crate) fn kernel() -> Vec<u8> {
    let mut file: Vec<u8> = (0..0xC20_usize).map(|at| (at % 241) as u8).collect();
    file.iter_mut().take(0x400).for_each(|byte| *byte = 0);
    let mut put = |offset: usize, bytes: &[u8]| put(&mut file, offset, bytes);
    put(0, b"MZ");
    put(0x3C, &0x40_u32.to_le_bytes());
    put(0x40, b"PE\0\0");
    put(0x44, &0x8664_u16.to_le_bytes()); // machine
    put(0x46, &2_u16.to_le_bytes()); // number of sections
    put(0x54, &240_u16.to_le_bytes()); // length of the optional header
    put(0x56, &0x0206_u16.to_le_bytes()); // characteristics
    let optional = 0x58;
    put(optional, &0x020B_u16.to_le_bytes()); // PE32+
    put(optional + 16, &0x1000_u32.to_le_bytes()); // entry point
    put(optional + 32, &0x1000_u32.to_le_bytes()); // section alignment
    put(optional + 36, &0x200_u32.to_le_bytes()); // file alignment
    put(optional + 56, &0x3000_u32.to_le_bytes()); // length of the image
    put(optional + 60, &0x400_u32.to_le_bytes()); // length of the headers
    put(optional + 64, &0xDEAD_BEEF_u32.to_le_bytes()); // checksum
    put(optional + 68, &10_u16.to_le_bytes()); // subsystem: EFI application
    put(optional + 108, &16_u32.to_le_bytes()); // number of directories
    let sections = optional + 240;
    for (index, (name, address, start, length)) in
        [(b".text\0\0\0", 0x1000_u32, 0x800_u32, 0x400_u32), (b".data\0\0\0", 0x2000, 0x400, 0x400)]
            .into_iter()
            .enumerate()
    {
        let at = sections + 40 * index;
        put(at, name);
        for (offset, word) in [(8, length), (12, address), (16, length), (20, start)] {
            put(at + offset, &word.to_le_bytes());
        }
        put(at + 36, &0x6000_0020_u32.to_le_bytes());
    }
    put(0x1F1, &[1]); // sectors of set-up code
    put(0x1FE, &[0x55, 0xAA]);
    put(0x202, b"HdrS");
    put(0x206, &0x020F_u16.to_le_bytes()); // version of the boot protocol
    put(0x211, &[1]); // loaded high
    file
}
