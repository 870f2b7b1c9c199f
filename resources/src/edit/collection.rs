//! Changes of lists and maps: which parts stay, which go, which come.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    ops::Range,
};

use serde_json::{Map, Value};

use super::{Change, Slot};
use crate::{
    render,
    tree::{Entry, NodeId},
    value,
};

/// Longer lists are written anew instead of compared item by item.
const MAX_COMPARISONS: usize = 1 << 20;

type Maps<'a, 'v> = (&'a Map<String, Value>, &'v Map<String, Value>);

impl<'v> Change<'_, 'v> {
    pub(super) fn mapping(
        &mut self,
        id: NodeId,
        entries: &[Entry],
        flow: bool,
        (old, new): Maps<'_, 'v>,
        slot: Slot,
    ) {
        let keys: Vec<Option<String>> = entries.iter().map(|entry| self.key(entry)).collect();
        let last_of: HashMap<&String, usize> =
            keys.iter().enumerate().filter_map(|(index, key)| Some((key.as_ref()?, index))).collect();
        let mut kept = Vec::new();
        let mut gone = Vec::new();
        for (index, (entry, key)) in entries.iter().zip(&keys).enumerate() {
            match key {
                // Of a key that comes twice the last counts.
                Some(key) if new.contains_key(key) => {
                    let decides = last_of.get(key) == Some(&index);
                    if let (true, Some(old), Some(new)) = (decides, old.get(key), new.get(key)) {
                        self.node(entry.value, old, new, self.entry_slot(entry, flow));
                    }
                    kept.push(index);
                }
                Some(_) => gone.push(index),
                None => kept.push(index),
            }
        }
        let mut says = self.says(entries, &keys, new, true);
        if says.keys().any(|key| !new.contains_key(key)) {
            // A merge brings in what should not be there: it is written out.
            let is_merge = |index: &usize| keys.get(*index).is_some_and(Option::is_none);
            gone.extend(kept.iter().copied().filter(is_merge));
            gone.sort_unstable();
            kept.retain(|index| !is_merge(index));
            says = self.says(entries, &keys, new, false);
        }
        let added: Map<String, Value> = new
            .iter()
            .filter(|(key, value)| says.get(*key).is_none_or(|said| **said != **value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if kept.is_empty() {
            return self.replace(id, &Value::Object(new.clone()), slot);
        }
        let spans: Vec<_> = entries
            .iter()
            .map(|entry| self.tree.node(entry.key).span.start..self.tree.node(entry.value).span.end)
            .collect();
        self.remove(&spans, &kept, &gone, flow);
        let last = kept.last().and_then(|index| spans.get(*index)).cloned().unwrap_or_default();
        let first = spans.first().map_or(0, |span| span.start);
        for (key, value) in render::ordered(&added) {
            if flow {
                let (lead, indent) = self.flow_lead(last.start);
                let text = format!("{}: {}", render::quoted(key), render::json(value, indent));
                self.splice(last.end..last.end, format!(",{lead}{text}"));
            } else {
                let (line_end, column) = (self.lines.line_end(), self.lines.column(first));
                let text = render::entry(key, value, column, line_end);
                let end = self.lines.end(last.end);
                self.splice(end..end, format!("{line_end}{:column$}{text}", ""));
            }
        }
    }

    pub(super) fn sequence(
        &mut self,
        id: NodeId,
        items: &[NodeId],
        flow: bool,
        (old, new): (&[Value], &'v [Value]),
        slot: Slot,
    ) {
        let pairs = if items.len().saturating_mul(new.len()) > MAX_COMPARISONS {
            Vec::new()
        } else {
            align(old, new)
        };
        if pairs.is_empty() {
            return self.replace(id, &Value::Array(new.to_vec()), slot);
        }
        let spans: Vec<_> = items.iter().map(|item| self.tree.node(*item).span.clone()).collect();
        // Whoever looks for a dash where there is none looks at all lines before.
        let dash = |span: &Range<usize>| if flow { None } else { self.lines.dash(span.start) };
        let dashes: Vec<_> = spans.iter().map(dash).collect();
        let column = self.lines.column(dashes.first().copied().flatten().unwrap_or_default());
        for (was, will_be) in &pairs {
            if let (Some(item), Some(old), Some(new)) = (items.get(*was), old.get(*was), new.get(*will_be)) {
                let dash = dashes.get(*was).copied().flatten();
                let slot = dash.map_or(Slot::Flow, |dash| Slot::Item { column, dash });
                self.node(*item, old, new, slot);
            }
        }
        let kept: Vec<usize> = pairs.iter().map(|(was, _)| *was).collect();
        let stays: HashSet<usize> = kept.iter().copied().collect();
        let gone: Vec<usize> = (0..items.len()).filter(|index| !stays.contains(index)).collect();
        let wholes: Vec<_> =
            spans.iter().zip(&dashes).map(|(span, dash)| dash.unwrap_or(span.start)..span.end).collect();
        self.remove(&wholes, &kept, &gone, flow);
        let before = pairs.first().and_then(|(was, _)| wholes.get(*was));
        let (mut after, mut there) = (None, pairs.iter().peekable());
        for (index, value) in new.iter().enumerate() {
            if let Some((was, _)) = there.next_if(|(_, will_be)| *will_be == index) {
                after = wholes.get(*was);
                continue;
            }
            match (after, before) {
                (Some(after), _) if flow => {
                    let (lead, indent) = self.flow_lead(after.start);
                    self.splice(after.end..after.end, format!(",{lead}{}", render::json(value, indent)));
                }
                (None, Some(before)) if flow => {
                    let (lead, indent) = self.flow_lead(before.start);
                    self.splice(
                        before.start..before.start,
                        format!("{},{lead}", render::json(value, indent)),
                    );
                }
                (Some(after), _) => {
                    let (line_end, end) = (self.lines.line_end(), self.lines.end(after.end));
                    let text = render::item(value, column, line_end);
                    self.splice(end..end, format!("{line_end}{:column$}{text}", ""));
                }
                (None, Some(before)) => {
                    let line_end = self.lines.line_end();
                    let text = render::item(value, column, line_end);
                    self.splice(before.start..before.start, format!("{text}{line_end}{:column$}", ""));
                }
                (None, None) => {}
            }
        }
    }

    /// What the entries that stay in the text will say: explicit ones what is wanted, merges what they take in.
    fn says<'n>(
        &self,
        entries: &[Entry],
        keys: &[Option<String>],
        new: &'n Map<String, Value>,
        with_merges: bool,
    ) -> HashMap<String, Cow<'n, Value>> {
        let mut says = HashMap::new();
        for (entry, key) in entries.iter().zip(keys) {
            match key {
                Some(key) => says.extend(new.get(key).map(|value| (key.clone(), Cow::Borrowed(value)))),
                None if with_merges => {
                    for source in value::merged(self.tree, entry.value).unwrap_or_default() {
                        let wanted = self.wanted.get(&source).map(|wanted| (*wanted).clone());
                        let value = wanted.or_else(|| value::part(self.tree, source));
                        if let Some(Value::Object(map)) = value {
                            says.extend(map.into_iter().map(|(key, value)| (key, Cow::Owned(value))));
                        }
                    }
                }
                None => {}
            }
        }
        says
    }

    /// The text of an entry's key; `None` for `<<`.
    fn key(&self, entry: &Entry) -> Option<String> {
        if value::is_merge(self.tree, entry.key) { None } else { value::key(self.tree, entry.key) }
    }

    fn entry_slot(&self, entry: &Entry, flow: bool) -> Slot {
        let key = &self.tree.node(entry.key).span;
        if flow { Slot::Flow } else { Slot::Entry { column: self.lines.column(key.start), key_end: key.end } }
    }

    /// Takes the parts out of the text that are gone, with what separates them from the others.
    fn remove(&mut self, spans: &[Range<usize>], kept: &[usize], gone: &[usize], flow: bool) {
        // Neighbours go together: what separates them must go once.
        for run in gone.chunk_by(|one, next| one + 1 == *next) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let (Some(from), Some(to)) = (spans.get(*first), spans.get(*last)) else { continue };
            let span = from.start..to.end;
            let range = match spans.get(last + 1) {
                Some(next) if flow || !self.lines.is_first(span.start) => span.start..next.start,
                None if flow => {
                    let previous = kept.last().and_then(|last| spans.get(*last));
                    previous.map_or(span.start, |previous| previous.end)..span.end
                }
                _ => self.lines.whole(&span),
            };
            self.splice(range, String::new());
        }
    }

    /// What stands between a comma and the next part, and how its inside is written: as that of its neighbour.
    fn flow_lead(&self, neighbour: usize) -> (String, Option<(usize, &'static str)>) {
        if self.lines.is_first(neighbour) {
            let (line_end, column) = (self.lines.line_end(), self.lines.column(neighbour));
            (format!("{line_end}{:column$}", ""), Some((column, line_end)))
        } else {
            (" ".to_owned(), None)
        }
    }
}

/// Which items of the old list are which of the new, both ascending: the longest common sequence of those that are
/// equal or have the same name.
fn align(old: &[Value], new: &[Value]) -> Vec<(usize, usize)> {
    let name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    let same = |a: &Value, b: &Value| a == b || (name(a).is_some() && name(a) == name(b));
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    let at = |longest: &[u32], i: usize, j: usize| longest.get(i * width + j).copied().unwrap_or_default();
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let best = if same(a, b) {
                at(&longest, i + 1, j + 1) + 1
            } else {
                at(&longest, i + 1, j).max(at(&longest, i, j + 1))
            };
            if let Some(cell) = longest.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut pairs, mut i, mut j) = (Vec::new(), 0, 0);
    while let (Some(a), Some(b)) = (old.get(i), new.get(j)) {
        if same(a, b) {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if at(&longest, i + 1, j) >= at(&longest, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}
