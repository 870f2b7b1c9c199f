//! Links between the repository's documents must lead somewhere.

use std::path::Path;

use crate::{failure::Failure, workspace};

/// Looks at every relative link of every Markdown file.
///
/// # Errors
/// Names each link whose target does not exist.
pub(super) fn check() -> Result<String, Failure> {
    let (mut broken, mut seen) = (Vec::new(), 0);
    for path in workspace::files("md")? {
        let text = workspace::read(&path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for target in relative_links(&text) {
            seen += 1;
            if !folder.join(target).exists() {
                broken.push(format!("{} links to {target}, which does not exist", workspace::shown(&path)));
            }
        }
    }
    if broken.is_empty() {
        return Ok(format!("{seen} links"));
    }
    Err(Failure::Rules { broken, remedy: "correct the links, or write what they promise." })
}

/// Targets of inline links, without fragments; addresses elsewhere, and what stands in code blocks, are left out.
fn relative_links(text: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                links.push(target);
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_targets_outside_code_are_looked_at() {
        let text = "[a](docs/a.md) and [b](../b.md#part), [c](https://c.example/), [d](#here)\n```\n[e](e.md)\n```\n[f](f.md)";
        assert_eq!(relative_links(text), ["docs/a.md", "../b.md", "f.md"]);
    }
}
