//! Prometheus metrics, with the names that present dashboards know.

use std::{future::Future, time::Instant};

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use tonic::{Code, Response, Status};

use crate::refusal::Refusal;

const BUCKETS: [f64; 11] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0];

/// All metrics of a Coordinator.
pub struct Metrics {
    registry: Registry,
    manifest_generation: IntGauge,
    /// Pods whose evidence was refused.
    pub attestation_failures: IntCounter,
    started: IntCounterVec,
    handled: IntCounterVec,
    received: IntCounterVec,
    sent: IntCounterVec,
    seconds: HistogramVec,
}

/// One RPC method, as it is labelled.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Full name of the service.
    pub service: &'static str,
    /// Name of the method.
    pub name: &'static str,
    /// `unary` or `server_stream`.
    pub kind: &'static str,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// Never with these names; the library cannot know that.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters =
                IntCounterVec::new(Opts::new(format!("contrast_grpc_server_{name}"), help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        const METHOD: [&str; 3] = ["grpc_type", "grpc_service", "grpc_method"];
        let [kind, service, method] = METHOD;
        let started = counters("started_total", "RPCs started.", &METHOD)?;
        let handled = counters("handled_total", "RPCs completed.", &[kind, service, method, "grpc_code"])?;
        let received = counters("msg_received_total", "Messages received.", &METHOD)?;
        let sent = counters("msg_sent_total", "Messages sent.", &METHOD)?;
        let seconds = HistogramVec::new(
            HistogramOpts::new("contrast_grpc_server_handling_seconds", "Time taken by RPCs.")
                .buckets(BUCKETS.to_vec()),
            &METHOD,
        )?;
        registry.register(Box::new(seconds.clone()))?;
        let manifest_generation =
            IntGauge::new("contrast_coordinator_manifest_generation", "Number of manifests set so far.")?;
        registry.register(Box::new(manifest_generation.clone()))?;
        let attestation_failures = IntCounter::new(
            "contrast_meshapi_attestation_failures_total",
            "Pods whose evidence was refused.",
        )?;
        registry.register(Box::new(attestation_failures.clone()))?;
        Ok(Self {
            registry,
            manifest_generation,
            attestation_failures,
            started,
            handled,
            received,
            sent,
            seconds,
        })
    }

    /// The text that Prometheus scrapes (exposition format 0.0.4), with the number of manifests in the history: 0
    /// before the first and while locked.
    ///
    /// # Errors
    /// Never with these metrics; the library cannot know that.
    pub fn render(&self, manifests: u64) -> Result<String, prometheus::Error> {
        self.manifest_generation.set(i64::try_from(manifests).unwrap_or(i64::MAX));
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// Runs the handler of a method, counts it, and logs why it was refused.
    pub async fn observe<T>(
        &self,
        method: Method,
        handler: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<Response<T>, Status> {
        let labels = [method.kind, method.service, method.name];
        self.started.with_label_values(&labels).inc();
        self.received.with_label_values(&labels).inc();
        let begin = Instant::now();
        let result = handler.await;
        self.seconds.with_label_values(&labels).observe(begin.elapsed().as_secs_f64());
        let code = result.as_ref().err().map_or(Code::Ok, Refusal::code);
        self.handled.with_label_values(&[method.kind, method.service, method.name, code_name(code)]).inc();
        match result {
            Ok(message) => {
                self.sent.with_label_values(&labels).inc();
                Ok(Response::new(message))
            }
            Err(refusal) => {
                tracing::info!(method = method.name, reason = refusal.to_string(), "refused");
                Err(refusal.into())
            }
        }
    }
}

/// Names of gRPC codes as dashboards know them.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::InvalidArgument => "InvalidArgument",
        Code::PermissionDenied => "PermissionDenied",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::DataLoss => "DataLoss",
        Code::Internal => "Internal",
        _ => "Unknown",
    }
}
