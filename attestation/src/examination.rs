//! One piece of evidence before several judges.
//!
//! What it says, and whether its signatures and certificates hold, does not depend on what an entry of the reference
//! values asks for. It is found out once, whatever the outcome and however many entries there are: otherwise a stranger
//! whose evidence is long and wrong would multiply his work by them.

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::Arc,
    time::SystemTime,
};

use crate::{Evidence, ReportData, snp, tdx};

/// Evidence, what it has to be bound to, and what was found out about it so far.
pub struct Examination<'a> {
    evidence: &'a Evidence,
    pub(crate) report_data: &'a ReportData,
    pub(crate) now: SystemTime,
    snp: OnceCell<Result<snp::Examined, snp::DocumentError>>,
    tdx: OnceCell<Result<tdx::Examined, tdx::DocumentError>>,
}

impl<'a> Examination<'a> {
    /// Of `evidence`, which must be bound to `report_data` and valid at `now`. Reads nothing yet.
    #[must_use]
    pub fn new(evidence: &'a Evidence, report_data: &'a ReportData, now: SystemTime) -> Self {
        Self { evidence, report_data, now, snp: OnceCell::new(), tdx: OnceCell::new() }
    }

    /// What is examined.
    #[must_use]
    pub fn evidence(&self) -> &'a Evidence {
        self.evidence
    }

    /// The evidence read as that of SNP.
    pub(crate) fn snp(&self) -> Result<&snp::Examined, &snp::DocumentError> {
        self.snp.get_or_init(|| snp::Examined::read(&self.evidence.document)).as_ref()
    }

    /// The evidence read as that of TDX.
    pub(crate) fn tdx(&self) -> Result<&tdx::Examined, &tdx::DocumentError> {
        self.tdx.get_or_init(|| tdx::Examined::read(&self.evidence.document)).as_ref()
    }
}

/// Answers to questions about one piece of evidence. That something does not hold is an answer, too.
pub(crate) struct Answers<Question, Answer>(RefCell<HashMap<Question, Answer>>);

impl<Question: Eq + Hash, Answer: Clone> Answers<Question, Answer> {
    pub(crate) fn new() -> Self {
        Self(RefCell::default())
    }

    /// The answer that was given before, else that of `find`.
    pub(crate) fn get(&self, question: Question, find: impl FnOnce() -> Answer) -> Answer {
        if let Some(known) = self.0.borrow().get(&question) {
            return known.clone();
        }
        let answer = find();
        self.0.borrow_mut().insert(question, answer.clone());
        answer
    }
}

/// Part of a question: the very same object, whose content need not be compared. It is kept, so that no other one can
/// take its place.
pub(crate) struct Same<T: ?Sized>(pub(crate) Arc<T>);

impl<T: ?Sized> Clone for Same<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: ?Sized> PartialEq for Same<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: ?Sized> Eq for Same<T> {}

impl<T: ?Sized> Hash for Same<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).cast::<()>().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_remembered_like_any_other_answer() {
        let answers = Answers::<u8, Result<(), &str>>::new();
        assert_eq!(answers.get(1, || Err("no")), Err("no"));
        assert_eq!(answers.get(1, || Ok(())), Err("no"));
        assert_eq!(answers.get(2, || Ok(())), Ok(()));
    }

    #[test]
    fn equal_objects_are_not_the_same() {
        let (one, other): (Arc<[u8]>, Arc<[u8]>) = ([1].into(), [1].into());
        assert!(Same(Arc::clone(&one)) == Same(Arc::clone(&one)));
        assert!(Same(one) != Same(other));
    }
}
