//! What goes wrong is said when it begins, when it changes, and when it is over: a Coordinator may be away for days.

use tracing::{info, warn};

use super::News;
use crate::{fetch::printable, files::FilesError, pod::NotCertified};

/// What is wrong at the moment, as it was last said.
#[derive(Default, Debug)]
pub(super) struct Troubles {
    looking: Option<String>,
    renewing: Option<String>,
}

impl Troubles {
    /// Says why the mesh CA is not known.
    pub(super) fn heard(&mut self, news: &News) {
        let trouble = match news {
            News::MeshCa(_) => None,
            News::None(why) => {
                Some(format!("the Coordinator has no mesh CA at the moment: {}", printable(why)))
            }
            News::Untold(status) => Some(format!(
                "it does not tell ({status}); the certificate is replaced when half of its time is over"
            )),
            News::Silent => Some("there was no answer in time".to_owned()),
            News::NoAnswer(error) => Some(error.to_string()),
        };
        match &trouble {
            Some(text) if trouble != self.looking => {
                warn!("cannot tell whether the Coordinator has another mesh CA: {text}");
            }
            None if self.looking.is_some() => info!("the Coordinator tells its mesh CA again"),
            _ => {}
        }
        self.looking = trouble;
    }

    /// Says why there is no new certificate.
    pub(super) fn not_certified(&mut self, error: &NotCertified) {
        let text = error.to_string();
        if self.renewing.as_ref() == Some(&text) {
            return;
        }
        match error {
            NotCertified::Unserved(unserved) => unserved.log(),
            NotCertified::Key(_) => warn!("{text}"),
        }
        warn!("the certificate cannot be replaced at the moment; the present one stays in use");
        self.renewing = Some(text);
    }

    /// Says why a new certificate cannot be used.
    pub(super) fn not_written(&mut self, error: &FilesError) {
        let text = error.to_string();
        if self.renewing.as_ref() != Some(&text) {
            warn!("the present certificate stays in use: {text}");
        }
        self.renewing = Some(text);
    }

    /// There is a new certificate.
    pub(super) fn are_over(&mut self) {
        self.renewing = None;
    }
}
