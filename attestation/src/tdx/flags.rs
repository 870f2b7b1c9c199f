//! The two bit fields of a quote that say what a TD may do, bit by bit.

/// The bits of `TDATTRIBUTES` by their names (Intel TDX Module ABI specification, table "ATTRIBUTES"). Those that
/// are not named are reserved.
pub const TD_ATTRIBUTES: [(&str, u64); 12] = [
    ("DEBUG", 1),
    ("HGS_PLUS_PROF", 1 << 4),
    ("PERF_PROF", 1 << 5),
    ("PMT_PROF", 1 << 6),
    ("ICSSD", 1 << 16),
    ("LASS", 1 << 27),
    ("SEPT_VE_DISABLE", 1 << 28),
    ("MIGRATABLE", 1 << 29),
    ("PKS", 1 << 30),
    ("KL", 1 << 31),
    ("TPA", 1 << 62),
    ("PERFMON", 1 << 63),
];

/// The bits of `XFAM` by the names of the state components that they enable (Intel 64 and IA-32 Architectures
/// Software Developer's Manual, volume 1, section 13.1). Those that are not named are reserved.
pub const XFAM: [(&str, u64); 20] = [
    ("X87", 1),
    ("SSE", 1 << 1),
    ("AVX", 1 << 2),
    ("BNDREGS", 1 << 3),
    ("BNDCSR", 1 << 4),
    ("OPMASK", 1 << 5),
    ("ZMM_HI256", 1 << 6),
    ("HI16_ZMM", 1 << 7),
    ("PT", 1 << 8),
    ("PKRU", 1 << 9),
    ("PASID", 1 << 10),
    ("CET_U", 1 << 11),
    ("CET_S", 1 << 12),
    ("HDC", 1 << 13),
    ("UINTR", 1 << 14),
    ("LBR", 1 << 15),
    ("HWP", 1 << 16),
    ("TILECFG", 1 << 17),
    ("TILEDATA", 1 << 18),
    ("APX", 1 << 19),
];
