//! `contrast sign`: an owner's approval that travels without the owner.

use std::borrow::Cow;

use contrast_manifest::{KeyFileError, transition_hash};

use super::set::{given_or_remembered, warn_of_lockout};
use crate::{
    arguments::SignOptions,
    failure::{Advice, Failure},
    inputs, output,
    workspace::{self, WORKLOAD_OWNER_KEY, Workspace},
};

/// A manifest cannot be signed.
#[derive(thiserror::Error, Debug)]
pub(crate) enum SignError {
    /// There is no key.
    #[error("there is no workload owner key: {WORKLOAD_OWNER_KEY} does not exist")]
    NoKey,
    /// The key does not sign.
    #[error("the workload owner key cannot sign: {0}")]
    Key(#[from] KeyFileError),
}

impl Advice for SignError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NoKey => Some(
                "give --workload-owner-key, or --prepare to sign with a key that is kept elsewhere".into(),
            ),
            Self::Key(_) => None,
        }
    }
}

/// Signs the transition to the manifest, or writes down what has to be signed.
pub(crate) fn sign(workspace: &Workspace, options: &SignOptions) -> Result<(), Failure> {
    let document = inputs::new_manifest(workspace, options.manifest.as_deref())?;
    output::warn_of_simulated_manifest(document.manifest());
    let remembered = workspace.latest_transition()?;
    let previous = given_or_remembered(options.latest_transition, remembered);
    let transition = transition_hash(document.digest(), previous);
    if options.prepare {
        workspace::write(&options.out, hex::encode(transition).as_bytes())?;
        output::success(&format!("What has to be signed is in {}.", options.out.display()));
        return Ok(());
    }
    let key = inputs::workload_owner_key(workspace, options.workload_owner_key.as_deref())?;
    warn_of_lockout(&document, key.as_ref());
    let signature = key.ok_or(SignError::NoKey)?.sign_transition(&transition).map_err(SignError::Key)?;
    workspace::write(&options.out, &signature)?;
    output::success(&format!("The signature is in {}.", options.out.display()));
    Ok(())
}
