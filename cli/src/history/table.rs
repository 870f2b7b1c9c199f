//! A history for people.

use super::{Author, Event, History, Proof, Record, Setting, lines::readable_time};

const HEADINGS: [&str; 7] = ["POSITION", "TIME", "EVENT", "AUTHOR", "MANIFEST", "TRANSITION", "CA"];

/// The events as a table, one on each line.
pub(crate) fn table(history: &History) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    let mut manifests = 0_usize;
    for record in &history.records {
        rows.push(row(record, manifests));
        manifests += usize::from(matches!(record.event, Event::ManifestSet(_)));
    }
    render(&rows)
}

/// Manifests as a table, one on each line: the same columns, for those who have to read them.
pub(crate) fn setting_table(settings: &[Setting<'_>]) -> String {
    let mut rows = vec![["MANIFEST", "TIME", "AUTHOR", "TRANSITION"].map(str::to_owned)];
    rows.extend(settings.iter().map(|setting| {
        let set = setting.set;
        let manifest = format!("{}: {}", setting.number, short(&set.manifest));
        [manifest, readable_time(setting.time_unix_ms), author(set.author), short(&set.transition)]
    }));
    render(&rows)
}

fn row(record: &Record, manifest_number: usize) -> [String; 7] {
    let none = String::new;
    let [event, by, manifest, transition, ca] = match &record.event {
        Event::ManifestSet(set) => [
            "manifest set".to_owned(),
            author(set.author),
            format!("{manifest_number}: {}", short(&set.manifest)),
            short(&set.transition),
            none(),
        ],
        Event::CaGenerationStarted(started) => {
            ["new mesh CA".to_owned(), none(), none(), none(), started.generation.to_string()]
        }
        Event::Recovered { author: by, transition } => {
            ["recovered".to_owned(), author(*by), none(), short(transition), none()]
        }
        Event::SeedHandedOver(handed) => [
            "SEED HANDED OVER".to_owned(),
            format!("to policy {} ({})", short(&handed.policy), handed.platform.name()),
            none(),
            short(&handed.transition),
            none(),
        ],
        Event::SeedConsentGiven(consent) => {
            let policies = consent.policies.iter().map(short).collect::<Vec<_>>().join(", ");
            let by = format!("seed share owner {} for policy {policies}", short(&consent.owner));
            ["seed consent".to_owned(), by, none(), short(&consent.transition), none()]
        }
    };
    [record.position.to_string(), readable_time(record.time_unix_ms), event, by, manifest, transition, ca]
}

/// Who it was, for people.
pub(crate) fn author(author: Author) -> String {
    let key = author.key.map_or_else(|| "unknown".to_owned(), |key| short(&key));
    match author.proof {
        Proof::None => "anybody".to_owned(),
        Proof::TlsKey => format!("TLS key {key}"),
        Proof::Signature => format!("signature {key}"),
    }
}

/// Enough of a digest to tell it from others.
fn short(digest: &[u8; 32]) -> String {
    hex::encode(digest).chars().take(12).collect()
}

fn render<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect::<Vec<_>>();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::Scribe;

    #[test]
    fn manifests_after_a_transition_are_listed_with_their_numbers_and_authors() {
        let history = Scribe::of(&["first", "second", "third"]);
        let first = history.manifests().next().unwrap().transition;
        let text = setting_table(&history.settings_after(&first));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].starts_with("1: ") && lines[1].contains("anybody"), "{text}");
        assert!(lines[2].starts_with("2: ") && lines[2].contains("2027-01-15T08:"), "{text}");
        assert_eq!(history.settings_after(&[7; 32]).len(), 3, "where the transition is unknown, so are all");
    }

    #[test]
    fn every_event_is_a_row_and_manifests_are_numbered() {
        let history = Scribe::of(&["first", "second"]);
        let text = table(&history);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 7);
        assert!(lines[0].starts_with("POSITION  TIME"));
        assert!(
            lines[1].contains("2027-01-15T08:00:00Z  manifest set") && lines[1].contains("anybody"),
            "{text}"
        );
        let first = short(&history.manifests().next().unwrap().manifest);
        assert!(lines[1].contains(&format!("0: {first}")), "{text}");
        assert!(lines[3].contains("1: "), "{text}");
        assert!(lines[5].contains("recovered") && lines[5].contains("TLS key 090909090909"), "{text}");
        assert!(lines[6].ends_with('3'), "{text}");
    }
}
