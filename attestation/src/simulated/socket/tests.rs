//! Both sides together, and each against others.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use proptest::prelude::*;

use super::*;
use crate::{
    AttestError, Attester as _,
    simulated::{Hierarchy, Processor},
    snp::Product,
};

fn serve(folder: &Path) -> PathBuf {
    let path = folder.join("attestation.sock");
    let socket = EvidenceSocket::bind(&path).unwrap();
    let processor = Processor::new(&Hierarchy::generate(Product::Milan).unwrap()).unwrap();
    let attester: Arc<dyn crate::Attester> = Arc::new(processor.attester([7; 32]));
    thread::spawn(move || socket.serve(&attester));
    path
}

#[test]
fn evidence_from_the_socket_is_for_the_report_data_and_has_the_pod_s_host_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = serve(folder.path());
    let evidence = SocketAttester::new(&path).attest(&ReportData([9; 64])).unwrap();
    let document = crate::snp::document::parse(&evidence.document).unwrap();
    assert_eq!((document.report.report_data, document.report.host_data), ([9; 64], [7; 32]));
    assert!(SocketAttester::new(&path).waits());
}

#[test]
fn a_socket_that_is_away_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("attestation.sock");
    let error = SocketAttester::new(&path).attest(&ReportData([0; 64])).err().unwrap();
    assert!(matches!(error, AttestError::SimulatorAway { .. }));
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()) && text.contains("delete the pod"), "{text}");
}

#[test]
fn what_speaks_otherwise_gets_no_answer_and_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = serve(folder.path());
    for question in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 72], b"CSIMEVI\x02"] {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(question).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // The rest of what was sent is not read, which the kernel may tell as a reset.
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, [0; 0]);
    }
    SocketAttester::new(&path).attest(&ReportData([0; 64])).unwrap();
}

#[test]
fn connections_that_say_nothing_keep_nobody_out_once_they_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = serve(folder.path());
    let idle: Vec<_> = (0..MAX_CONNECTIONS).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let mut further = UnixStream::connect(&path).unwrap();
    assert_eq!(further.read(&mut [0]).unwrap(), 0, "closed");
    drop(idle);
    let asked = || SocketAttester::new(&path).attest(&ReportData([0; 64]));
    while asked().is_err() {}
}

#[test]
fn an_answer_that_is_too_long_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("false.sock");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&[&MAGIC[..], &[0, 0xFF, 0xFF, 0xFF, 0xFF]].concat()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let error = SocketAttester::new(&path).attest(&ReportData([0; 64])).err().unwrap();
    assert!(error.to_string().contains("too long"), "{error}");
}

proptest! {
    #[test]
    fn whatever_is_answered_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_answer(&mut bytes.as_slice());
        let _ = read_question(&mut bytes.as_slice());
        let answered = [&MAGIC[..], &bytes].concat();
        let _ = read_answer(&mut answered.as_slice());
    }

    #[test]
    fn what_was_written_is_read_again(body in proptest::collection::vec(any::<u8>(), 0..2000), reason in ".{0,100}") {
        for answer in [Answer::Document(body), Answer::Refusal(reason)] {
            let mut written = Vec::new();
            write_answer(&mut written, &answer).unwrap();
            prop_assert_eq!(read_answer(&mut written.as_slice()).unwrap(), answer);
        }
    }
}
