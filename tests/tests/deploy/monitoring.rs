//! Metrics, the ServiceMonitor that finds them, and the dashboard that shows them.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use contrast_tests::{Deployment, Ops, Pod, workspace_root};
use serde_json::Value;
use tempfile::TempDir;

use crate::{deploy, plain};

/// The job's name, as the ServiceMonitor has it made.
const JOB: &str = "contrast";

/// Debian's Prometheus, which scrapes a Coordinator; ends when it is dropped.
struct Prometheus {
    process: Child,
    url: String,
    _folder: TempDir,
}

impl Prometheus {
    fn scraping(coordinator: SocketAddr, pod: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let job = |name: &str, target: SocketAddr| {
            format!("{{job_name: {name}, static_configs: [{{targets: ['{target}']}}]}}")
        };
        let jobs = [job(JOB, coordinator), job("pods", pod)].join(", ");
        let text = format!("global: {{scrape_interval: 250ms}}\nscrape_configs: [{jobs}]\n");
        fs::write(&config, text).unwrap();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg("--web.listen-address=127.0.0.1:0").stderr(Stdio::piped()).stdout(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = log.find(|line| line.contains("msg=\"Listening on\"")).unwrap();
        let url = format!("http://{}", line.rsplit_once("address=").unwrap().1);
        // It must never wait for somebody to read its log.
        std::thread::spawn(move || log.for_each(drop));
        Self { process, url, _folder: folder }
    }

    /// What a query finds at this moment; why it is no query.
    fn ask(&self, query: &str) -> Result<Vec<f64>, String> {
        let mut command = Command::new("promtool");
        let output = command.args(["query", "instant", "-o", "json", &self.url, query]).output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = |series: &Value| series["value"][1].as_str()?.parse::<f64>().ok();
        Ok(found.as_array().unwrap().iter().filter_map(number).filter(|number| number.is_finite()).collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Title and queries of each panel, with Grafana's variables filled in.
fn panels() -> Vec<(String, Vec<String>)> {
    let dashboard: Value =
        serde_json::from_slice(&fs::read(deploy("monitoring/dashboard.json")).unwrap()).unwrap();
    let queries = |panel: &Value| {
        let targets = panel["targets"].as_array().unwrap().iter();
        targets.map(|target| filled_in(target["expr"].as_str().unwrap())).collect()
    };
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels.map(|panel| (panel["title"].as_str().unwrap().to_owned(), queries(panel))).collect()
}

fn filled_in(query: &str) -> String {
    let query = query.replace("$job", JOB).replace("$__rate_interval", "1m").replace("$__range", "1m");
    assert!(!query.contains('$'), "{query}");
    query
}

fn manual() -> String {
    fs::read_to_string(workspace_root().join("docs/deploying.md")).unwrap()
}

/// A port that nobody has at the moment.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// What the manual says is worth an alert.
fn documented_alerts() -> Vec<String> {
    let manual = manual();
    let (_, table) = manual.split_once("| Expression | Means |\n").unwrap();
    let rows = table.lines().skip(1).map_while(|row| row.strip_prefix("| `"));
    let found: Vec<_> = rows.map(|row| row.split_once('`').unwrap().0.to_owned()).collect();
    assert!(!found.is_empty());
    found
}

/// Names of the labels by which a query selects or sums.
fn labels(query: &str) -> Vec<&str> {
    let selected = query.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let selected =
        selected.flat_map(|(labels, _)| labels.split(", ")).map(|one| one.split(['=', '!']).next().unwrap());
    let summed = query.split("by (").skip(1).filter_map(|rest| rest.split_once(')'));
    selected.chain(summed.flat_map(|(labels, _)| labels.split(", "))).collect()
}

/// Names of the metrics in a text of the exposition format.
fn metrics(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}

/// Refuses a pod, so that there is something refused.
fn refuse_a_pod(deployment: &Deployment, coordinator: &contrast_tests::Coordinator) {
    deployment.write_policy("stranger", b"package agent_policy\n# nobody\n");
    let _pod = deployment.pod(coordinator, "stranger");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !coordinator.ops.get("/metrics").1.contains("attestation_failures_total 1") {
        assert!(Instant::now() < deadline, "the pod is not refused");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn every_panel_shows_something_of_a_real_coordinator_and_every_metric_is_shown() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let of_pod = free_address();
    let prometheus = Prometheus::scraping(coordinator.ops.0, of_pod);
    deployment.contrast(&coordinator, "set", &[]).success();
    let metrics_address = of_pod.to_string();
    let pod = Pod::renewing(
        &coordinator,
        &deployment.simulator,
        &deployment.policy_file("web"),
        &deployment.workspace.join("certificates"),
        &[("CONTRAST_RENEWAL_METRICS_ADDR", &metrics_address)],
    );
    pod.wait_for_log("wrote certificates");
    refuse_a_pod(&deployment, &coordinator);
    let text = coordinator.ops.get("/metrics").1 + &Ops(of_pod).get("/metrics").1;

    let panels = panels();
    let queries: Vec<_> = panels.iter().flat_map(|(_, queries)| queries.clone()).collect();
    let all = queries.concat();
    let manual = manual();
    for metric in metrics(&text) {
        assert!(all.contains(metric), "no panel shows {metric}");
        let short = metric.replace("contrast_grpc_server", "…");
        assert!(manual.contains(metric) || manual.contains(&short), "the manual does not explain {metric}");
    }
    for label in queries.iter().flat_map(|query| labels(query)).filter(|label| *label != "job") {
        assert!(text.contains(&format!("{label}=\"")), "no metric has the label {label}");
    }
    let deadline = Instant::now() + Duration::from_secs(90);
    for (title, queries) in panels {
        for query in queries {
            // Rates need two scrapes, with something between them.
            while prometheus.ask(&query).unwrap_or_else(|error| panic!("{title}: {error}")).is_empty() {
                assert!(Instant::now() < deadline, "{title} shows nothing: {query}\n{text}");
                deployment.contrast(&coordinator, "verify", &[]).success();
            }
        }
    }
    for expression in documented_alerts() {
        prometheus.ask(&expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    }
    // What the numbers say is true.
    let value = |query: &str| prometheus.ask(query).unwrap();
    assert_eq!(value("max(contrast_coordinator_manifest_generation)"), [1.0]);
    assert_eq!(value("contrast_meshapi_attestation_failures_total >= 1").len(), 1);
    assert_eq!(value("contrast_no_such_metric"), [0.0; 0]);
}

#[test]
fn prometheus_finds_no_fault_with_the_text() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let (status, text) = coordinator.ops.get("/metrics");
    assert_eq!(status, 200);
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_service_monitor_finds_a_service_that_leads_to_the_port_of_the_coordinator() {
    let monitoring = plain("monitoring/service-monitor.yml");
    let of_kind = |kind: &str| monitoring.iter().find(|value| value["kind"] == kind).unwrap();
    let (service, monitor) = (of_kind("Service"), of_kind("ServiceMonitor"));
    for (name, value) in monitor["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(service["metadata"]["labels"][name], *value);
    }
    let label = monitor["spec"]["jobLabel"].as_str().unwrap();
    assert_eq!(service["metadata"]["labels"][label], JOB);
    let (endpoint, port) = (&monitor["spec"]["endpoints"][0], &service["spec"]["ports"][0]);
    assert_eq!(endpoint["port"], port["name"]);
    assert_eq!(endpoint["path"], "/metrics");
    let coordinator = plain("coordinator.yml");
    let set = coordinator.iter().find(|value| value["kind"] == "StatefulSet").unwrap();
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let target = port["targetPort"].as_str().unwrap();
    let ports = container["ports"].as_array().unwrap();
    let port = ports.iter().find(|port| port["name"] == target).unwrap();
    assert_eq!(port["containerPort"], 9102);
    let metrics = container["env"].as_array().unwrap().iter().find(|one| one["name"] == "CONTRAST_METRICS");
    assert!(metrics.is_some(), "they are switched off");
}
