//! Remembers results of pure, expensive functions.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Results by the SHA-256 of everything they depend on. Safe to share between all verifiers of a process,
/// because a result depends on nothing else. Bounded: an attacker can send new input without end.
pub(crate) struct Memo<V> {
    entries: Mutex<HashMap<[u8; 32], V>>,
    capacity: usize,
}

impl<V: Clone> Memo<V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: Mutex::new(HashMap::new()), capacity }
    }

    /// The remembered result for `key`, else that of `compute`, which is remembered if it is `Ok`.
    pub(crate) fn get_or_try<E>(
        &self,
        key: [u8; 32],
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        if let Some(known) = self.lock().get(&key) {
            return Ok(known.clone());
        }
        // Computed without the lock: two threads may do it twice, but none waits for another.
        let value = compute()?;
        let mut entries = self.lock();
        if entries.len() >= self.capacity {
            // Starting over is rare and cheap next to the bookkeeping of a finer rule.
            entries.clear();
        }
        entries.insert(key, value.clone());
        Ok(value)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], V>> {
        // A panic elsewhere cannot leave a half-written entry behind: entries are inserted whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_result_is_not_computed_again_and_a_failure_is_not_remembered() {
        let memo = Memo::new(2);
        assert_eq!(memo.get_or_try([1; 32], || Err("no")), Err("no"));
        assert_eq!(memo.get_or_try([1; 32], || Ok::<_, ()>(7)), Ok(7));
        assert_eq!(memo.get_or_try([1; 32], || Err("computed again")), Ok(7));
    }

    #[test]
    fn it_never_grows_beyond_its_capacity() {
        let memo = Memo::new(2);
        for key in 0..100 {
            assert_eq!(memo.get_or_try([key; 32], || Ok::<_, ()>(key)), Ok(key));
            assert!(memo.lock().len() <= 2);
        }
    }
}
