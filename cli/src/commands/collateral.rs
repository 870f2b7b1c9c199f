//! `contrast collateral`: what AMD and Intel publish, in a file.

use std::{borrow::Cow, collections::HashSet};

use contrast_attestation::collateral::{
    Address, Bundle, BundleError, FetchError, Fetcher, Item, Origin, Sources,
};

use crate::{
    arguments::{CollateralCommand, CollateralFetchOptions, CollateralOptions},
    failure::{Advice, Failure},
    inputs, output,
    output::with_progress,
    workspace::{self, Workspace},
};

/// There is no bundle.
#[derive(thiserror::Error, Debug)]
pub(crate) enum FetchCollateralError {
    /// Some of it could not be had.
    #[error("the bundle was not written, because {} could not be fetched{}", amount(failed.len()), lines(failed))]
    Incomplete {
        /// What, and why not.
        failed: Vec<(Address, FetchError)>,
    },
    /// It cannot be put together.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

impl Advice for FetchCollateralError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Incomplete { .. } => Some(
                "try again where AMD's and Intel's servers can be reached, or name a server with --collateral-proxy"
                    .into(),
            ),
            Self::Bundle(_) => None,
        }
    }
}

/// Runs a subcommand.
pub(crate) async fn collateral(workspace: &Workspace, options: CollateralOptions) -> Result<(), Failure> {
    let CollateralCommand::Fetch(options) = options.command;
    fetch(workspace, options).await
}

async fn fetch(workspace: &Workspace, options: CollateralFetchOptions) -> Result<(), Failure> {
    let document = inputs::manifest(workspace, options.manifest.as_deref())?;
    let manifest = document.manifest();
    let mut addresses = manifest.needed_collateral();
    addresses.extend(options.fmspc.iter().copied().map(Address::IntelTcbInfo));
    addresses.extend(options.url);
    let has_tcb_info = addresses.iter().any(|address| matches!(address, Address::IntelTcbInfo(_)));
    if !manifest.reference_values.tdx.is_empty() && !has_tcb_info {
        output::warning(
            "the manifest accepts TDX, and no --fmspc is given: the bundle has no TCB info, so TDX evidence will be \
             refused. The refusal names the FMSPC of the platform.",
        );
    }
    let fetcher = Fetcher::new(Sources::user_cache(), options.collateral_proxy);
    let bundle = bundle(&fetcher, addresses).await?;
    let encoded = bundle.encode().map_err(FetchCollateralError::Bundle)?;
    workspace::write(&options.out, &encoded)?;
    output::success(&format!("Written to {} (items: {})", options.out.display(), bundle.items().len()));
    Ok(())
}

async fn bundle(fetcher: &Fetcher, addresses: Vec<Address>) -> Result<Bundle, FetchCollateralError> {
    let (mut bundle, mut failed, mut seen) = (Bundle::default(), Vec::new(), HashSet::new());
    for address in addresses {
        if !seen.insert(address.clone()) {
            continue;
        }
        let message = format!("Fetching the {address}");
        match with_progress(&message, async |_| fetcher.fetch(&address).await).await {
            Ok(fetched) => {
                if let Origin::CacheInstead(error) = &fetched.origin {
                    output::warning(&format!("the {address} is the one that was fetched earlier: {error}"));
                }
                bundle.add(Item::clone(&fetched.item))?;
            }
            Err(error) => failed.push((address, error)),
        }
    }
    if failed.is_empty() { Ok(bundle) } else { Err(FetchCollateralError::Incomplete { failed }) }
}

fn amount(count: usize) -> String {
    if count == 1 { "one item".to_owned() } else { format!("{count} items") }
}

fn lines(failed: &[(Address, FetchError)]) -> String {
    failed.iter().map(|(address, error)| format!("\n  the {address}: {error}")).collect()
}
