//! Running the missing steps.

use crate::{Changes, FIRST, MigrationError, STEPS, StepError, VERSION_KEY};

/// One change of the layout, from the version before `to`.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The layout that it leads to.
    pub to: u32,
    /// What it does, in a few words; for logs and errors.
    pub name: &'static str,
    /// Does it. Sees what earlier steps of the same run have changed.
    pub run: fn(&mut Changes<'_>) -> Result<(), StepError>,
}

/// What a run has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Layout found.
    pub from: u32,
    /// Layout now.
    pub to: u32,
}

/// Brings a store to [`crate::CURRENT`].
///
/// # Errors
/// [`MigrationError`]; the store is as it was. The caller makes the change durable (flush and sync).
pub fn run(tree: &sled::Tree) -> Result<Outcome, MigrationError> {
    bring_up_to(tree, STEPS)
}

/// As [`run`], with other steps: `steps` is ascending, without gaps, and begins with the step to layout 2.
///
/// # Errors
/// As [`run`].
pub fn bring_up_to(tree: &sled::Tree, steps: &[Step]) -> Result<Outcome, MigrationError> {
    let from = version(tree)?;
    let newest = steps.last().map_or(FIRST, |step| step.to);
    if from > newest {
        return Err(MigrationError::Newer { found: from, newest });
    }
    let mut changes = Changes::new(tree);
    for step in steps.iter().filter(|step| step.to > from) {
        (step.run)(&mut changes).map_err(|reason| MigrationError::Step {
            to: step.to,
            name: step.name,
            reason,
        })?;
    }
    if from < newest {
        changes.put(VERSION_KEY, newest.to_le_bytes());
        tree.apply_batch(changes.into_batch())?;
    }
    Ok(Outcome { from, to: newest })
}

/// The version that the store has now.
fn version(tree: &sled::Tree) -> Result<u32, MigrationError> {
    let value = tree.get(VERSION_KEY)?.ok_or(MigrationError::NoVersion)?;
    let bytes = <[u8; 4]>::try_from(value.as_ref()).map_err(|_| MigrationError::NoVersion)?;
    match u32::from_le_bytes(bytes) {
        0 => Err(MigrationError::NoVersion),
        version => Ok(version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const RENAME: Step = Step { to: 2, name: "records under r", run: rename };
    const COUNT: Step = Step { to: 3, name: "count the records", run: count };
    const FAIL: Step = Step { to: 4, name: "fail", run: |_| Err(StepError::Form) };

    fn rename(changes: &mut Changes<'_>) -> Result<(), StepError> {
        for key in changes.keys(b"e")? {
            let value = changes.get(&key)?.ok_or(StepError::Form)?;
            changes.remove(key.clone());
            changes.put([b"r", &key[1..]].concat(), value);
        }
        Ok(())
    }

    fn count(changes: &mut Changes<'_>) -> Result<(), StepError> {
        let (old, new) = (changes.keys(b"e")?.len(), changes.keys(b"r")?.len());
        changes.put("n", [u8::try_from(old).unwrap(), u8::try_from(new).unwrap()]);
        Ok(())
    }

    fn store(version: u32) -> sled::Db {
        let db = sled::Config::new().temporary(true).open().unwrap();
        db.insert(VERSION_KEY, &version.to_le_bytes()).unwrap();
        db.insert("e1", "one").unwrap();
        db.insert("e2", "two").unwrap();
        db
    }

    fn content(db: &sled::Db) -> BTreeMap<Vec<u8>, Vec<u8>> {
        db.iter().map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect()
    }

    #[test]
    fn the_missing_steps_run_in_order_and_each_sees_the_one_before() {
        let db = store(1);
        assert_eq!(bring_up_to(&db, &[RENAME, COUNT]).unwrap(), Outcome { from: 1, to: 3 });
        let expected: [(&[u8], &[u8]); 4] =
            [(b"n", &[0, 2]), (b"r1", b"one"), (b"r2", b"two"), (VERSION_KEY, &[3, 0, 0, 0])];
        assert_eq!(content(&db), expected.map(|(key, value)| (key.to_vec(), value.to_vec())).into());
    }

    #[test]
    fn steps_that_were_done_are_not_done_again() {
        let db = store(2);
        assert_eq!(bring_up_to(&db, &[RENAME, COUNT]).unwrap(), Outcome { from: 2, to: 3 });
        assert_eq!(db.get("n").unwrap().unwrap(), &[2, 0]);
        assert_eq!(bring_up_to(&db, &[RENAME, COUNT]).unwrap(), Outcome { from: 3, to: 3 });
    }

    #[test]
    fn a_failing_step_leaves_nothing_of_the_steps_before_it() {
        let db = store(1);
        let before = content(&db);
        let error = bring_up_to(&db, &[RENAME, COUNT, FAIL]).unwrap_err();
        assert!(matches!(error, MigrationError::Step { to: 4, name: "fail", .. }), "{error}");
        assert_eq!(content(&db), before);
    }

    #[test]
    fn a_newer_layout_is_refused_and_left_alone() {
        let db = store(7);
        let before = content(&db);
        let error = bring_up_to(&db, &[RENAME]).unwrap_err();
        assert!(matches!(error, MigrationError::Newer { found: 7, newest: 2 }), "{error}");
        assert_eq!(content(&db), before);
    }

    #[test]
    fn a_store_without_a_version_is_refused() {
        for value in [None, Some(vec![]), Some(vec![0; 4]), Some(vec![1; 5])] {
            let db = store(1);
            match &value {
                None => db.remove(VERSION_KEY).unwrap(),
                Some(value) => db.insert(VERSION_KEY, value.clone()).unwrap(),
            };
            assert!(matches!(run(&db), Err(MigrationError::NoVersion)), "{value:?}");
        }
    }

    #[test]
    fn released_steps_are_numbered_without_gaps() {
        let numbers: Vec<u32> = STEPS.iter().map(|step| step.to).collect();
        let expected: Vec<u32> = (FIRST + 1..).take(STEPS.len()).collect();
        assert_eq!(numbers, expected);
    }
}
