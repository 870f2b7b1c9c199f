//! Something that moves where something takes longer.

use std::{future::Future, io::IsTerminal, sync::Mutex, sync::PoisonError, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use super::set_in;

/// What takes less time than this is not worth a spinner.
const PATIENCE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);

/// A spinner on stderr that appears after half a second, and only on a terminal.
pub(crate) struct Progress {
    state: Mutex<State>,
}

struct State {
    message: String,
    spinner: Option<ProgressBar>,
}

impl Progress {
    fn new(message: &str) -> Self {
        Self { state: Mutex::new(State { message: set_in(message), spinner: None }) }
    }

    /// Whether the user can see it.
    pub(crate) fn is_visible(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Changes what is said to take so long.
    pub(crate) fn say(&self, message: String) {
        let message = set_in(&message);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(spinner) = &state.spinner {
            spinner.set_message(message.clone());
        }
        state.message = message;
    }

    fn appear(&self) {
        if !self.is_visible() {
            return;
        }
        let spinner = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        spinner.set_message(state.message.clone());
        spinner.enable_steady_tick(TICK);
        state.spinner = Some(spinner);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(spinner) = state.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}

/// Does `work`, with a spinner if it takes longer.
pub(crate) async fn with_progress<T>(message: &str, work: impl AsyncFnOnce(&Progress) -> T) -> T {
    let progress = Progress::new(message);
    let late = async {
        tokio::time::sleep(PATIENCE).await;
        progress.appear();
        std::future::pending::<()>().await;
    };
    select(late, work(&progress)).await
}

async fn select<T>(late: impl Future<Output = ()>, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        output = &mut work => output,
        // Never: it waits for ever after the spinner has appeared.
        () = late => work.await,
    }
}
