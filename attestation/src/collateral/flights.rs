//! One request at a time for each address, however many ask.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use super::{Address, FetchError, Fetched};

type Outcome = Result<Fetched, FetchError>;

/// The fetches that are under way.
#[derive(Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<Address, watch::Receiver<Option<Outcome>>>>>);

impl Flights {
    /// The outcome of the fetch of `address` that is under way, or of `fetch`, which is then under way. It goes
    /// on when the caller loses interest: others may wait for it.
    pub(super) async fn join<F>(&self, address: &Address, fetch: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut outcome = {
            let mut flights = self.lock();
            match flights.get(address) {
                Some(outcome) => outcome.clone(),
                None => {
                    let (sender, receiver) = watch::channel(None);
                    let landing = Landing { flights: self.clone(), address: address.clone() };
                    let fetch = fetch();
                    tokio::spawn(async move {
                        let outcome = fetch.await;
                        // First off the list: whoever asks from here on starts anew.
                        drop(landing);
                        sender.send_replace(Some(outcome));
                    });
                    flights.insert(address.clone(), receiver.clone());
                    receiver
                }
            }
        };
        match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(FetchError::Stopped)),
            Err(_) => Err(FetchError::Stopped),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Address, watch::Receiver<Option<Outcome>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a flight off the list, also when its task is stopped.
struct Landing {
    flights: Flights,
    address: Address,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.address);
    }
}
