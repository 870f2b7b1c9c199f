//! Something that moves where something takes longer.

use std::{future::Future, io::IsTerminal, sync::Mutex, sync::PoisonError, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use super::set_in;

/// What takes less time than this is not worth a spinner.
const PATIENCE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);

/// Before what is being read, if it is known how much there is.
const BAR: &str = "{spinner} [{bar:24}] {msg}: {bytes} of {total_bytes}";

/// What is under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    /// In words.
    pub(crate) message: String,
    /// How many bytes of how many, where they are counted.
    pub(crate) bytes: Option<(u64, u64)>,
}

impl From<String> for Step {
    fn from(message: String) -> Self {
        Self { message, bytes: None }
    }
}

/// A spinner on stderr that appears after half a second, and only on a terminal; a bar where bytes are counted.
pub(crate) struct Progress {
    state: Mutex<State>,
}

struct State {
    step: Step,
    spinner: Option<ProgressBar>,
}

impl State {
    fn show(&self) {
        let Some(spinner) = &self.spinner else { return };
        spinner.set_style(match self.step.bytes {
            Some(_) => ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_spinner()),
            None => ProgressStyle::default_spinner(),
        });
        if let Some((read, all)) = self.step.bytes {
            spinner.set_length(all);
            spinner.set_position(read);
        }
        spinner.set_message(self.step.message.clone());
    }
}

impl Progress {
    fn new(message: &str) -> Self {
        Self { state: Mutex::new(State { step: set_in(message).into(), spinner: None }) }
    }

    /// Whether the user can see it.
    pub(crate) fn is_visible(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Changes what is said to take so long.
    pub(crate) fn say(&self, step: impl Into<Step>) {
        let step = step.into();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.step = Step { message: set_in(&step.message), ..step };
        state.show();
    }

    fn appear(&self) {
        if !self.is_visible() {
            return;
        }
        let spinner = ProgressBar::new_spinner();
        spinner.enable_steady_tick(TICK);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.spinner = Some(spinner);
        state.show();
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

#[cfg(test)]
mod tests {
    use indicatif::ProgressDrawTarget;

    use super::*;

    #[test]
    fn what_is_counted_is_a_bar_that_grows() {
        let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let step = Step { message: "Reading layers".to_owned(), bytes: Some((1 << 20, 4 << 20)) };
        let progress = Progress {
            state: Mutex::new(State { step: String::new().into(), spinner: Some(spinner.clone()) }),
        };
        progress.say(step);
        assert_eq!((spinner.position(), spinner.length()), (1 << 20, Some(4 << 20)));
        assert_eq!(spinner.message(), "Reading layers");
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }
}
