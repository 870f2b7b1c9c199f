use contrast_resources::objects;

use super::*;

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    metadata:
      annotations:
        example.com/a: b
    spec:
      securityContext:
        sysctls:
        - name: net.a
          value: '1'
      initContainers:
      - name: init
        image: example.com/init
      containers:
      - name: app
        image: example.com/app
        command: [/app]
        args:
        - --one
        - --two
        env:
        - name: HOME
          value: /root
        volumeMounts:
        - mountPath: /data
          name: data
";

fn line(container: Option<&str>, subject: Subject) -> (usize, String) {
    let file = File::read("web.yml", DEPLOYMENT.as_bytes().to_vec()).unwrap();
    let values: Vec<Value> = file.documents().iter().map(|document| document.value().clone()).collect();
    let object = objects(&values).remove(0);
    let kind = WorkloadKind::of(&object).unwrap();
    let origin = Origin { file: Rc::new(file), address: object.address, kind };
    let line = origin.line(container, &subject).unwrap();
    (line.place.line, line.path)
}

fn in_app(subject: Subject) -> (usize, String) {
    let (line, path) = line(Some("app"), subject);
    (line, path.replace("spec.template.spec.containers[0]", "app"))
}

#[test]
fn an_expectation_is_found_where_it_is_written() {
    assert_eq!(in_app(Subject::Argument(0)), (21, "app.command[0]".to_owned()));
    assert_eq!(in_app(Subject::Argument(2)), (24, "app.args[1]".to_owned()));
    // A word too many belongs to the last one.
    assert_eq!(in_app(Subject::Argument(9)), (24, "app.args[1]".to_owned()));
    assert_eq!(in_app(Subject::Variable("HOME".to_owned())), (26, "app.env[0]".to_owned()));
    assert_eq!(in_app(Subject::Mount("/data".to_owned())), (29, "app.volumeMounts[0]".to_owned()));
}

#[test]
fn what_the_resource_does_not_say_comes_from_the_image() {
    assert_eq!(in_app(Subject::Variable("PATH".to_owned())), (20, "app.image".to_owned()));
    assert_eq!(in_app(Subject::WorkingDirectory), (20, "app.image".to_owned()));
    assert_eq!(
        line(Some("init"), Subject::Argument(0)),
        (17, "spec.template.spec.initContainers[0].image".to_owned())
    );
}

#[test]
fn what_the_pod_says_is_found_in_the_pod() {
    assert_eq!(
        in_app(Subject::Sysctl("net.a".to_owned())),
        (13, "spec.template.spec.securityContext.sysctls[0]".to_owned())
    );
    assert_eq!(
        line(None, Subject::Annotation("example.com/a".to_owned())),
        (9, "spec.template.metadata.annotations[\"example.com/a\"]".to_owned())
    );
    assert_eq!(in_app(Subject::User).1, "spec.template.spec.securityContext");
}

#[test]
fn what_nothing_speaks_about_belongs_to_the_container_or_the_pod() {
    assert_eq!(in_app(Subject::Terminal).1, "app");
    assert_eq!(line(None, Subject::Network).1, "spec.template.spec");
    assert_eq!(line(Some("unknown"), Subject::Image).1, "spec.template.spec");
}
