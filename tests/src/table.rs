//! Results as tables.

/// A table in Markdown; the first row is its head.
#[must_use]
pub fn markdown_table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let mut lines = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().enumerate().map(|(column, cell)| format!(" {cell:<0$} ", width(column)));
        lines.push(format!("|{}|", cells.collect::<Vec<_>>().join("|")));
        if index == 0 {
            let rules = (0..COLUMNS).map(|column| "-".repeat(width(column) + 2));
            lines.push(format!("|{}|", rules.collect::<Vec<_>>().join("|")));
        }
    }
    lines.join("\n")
}

/// Bytes in MiB.
#[must_use]
pub fn mib(bytes: u64) -> f64 {
    // Exact below 2⁵³ bytes.
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let bytes = bytes as f64;
    bytes / (1024.0 * 1024.0)
}
