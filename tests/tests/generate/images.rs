//! Images at registries.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Instant,
};

use contrast_tests::{Answer, ContainerImage, Registry, project_images, write_layout};
use serde_json::json;

use crate::{Room, application, pod};

/// A room whose pods run images of a registry: nothing is in a layout but the Coordinator and the Initializer.
fn room(names: &[(&str, &str)]) -> Room {
    let files: Vec<_> = names
        .iter()
        .map(|(name, image)| {
            (format!("resources/{name}.yaml"), pod(name).replace(&application().pinned(), image))
        })
        .collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let room = Room::with(&files);
    fs::remove_dir_all(room.path("images")).unwrap();
    write_layout(&room.path("images"), &project_images()[1..3]);
    room
}

fn image(registry: &str, name: &str) -> ContainerImage {
    ContainerImage::new(
        &format!("{registry}/shop/{name}:1"),
        json!({ "Cmd": ["/bin/run"], "Env": ["PATH=/bin"] }),
    )
}

#[test]
fn images_are_looked_up_at_a_registry_and_known_from_then_on() {
    let registry = Registry::start();
    let images = ["one", "two"].map(|name| image(&registry.address, name));
    images.iter().for_each(|image| registry.push(image));
    let room = room(&[("one", &images[0].pinned()), ("two", &images[1].pinned())]);
    let insecure = format!("--insecure-registry={}", registry.address);
    room.run(&[&insecure, "resources"]).success();
    let before = room.files();
    drop(registry);
    let again = room.run(&[&insecure, "resources"]).success();
    assert!(again.stdout.contains("up to date"));
    assert_eq!(room.files(), before);
    // Without what was kept, nothing says what is in them.
    fs::remove_dir_all(room.path("cache")).unwrap();
    let said = room.run(&[&insecure, "resources"]).failure();
    assert!(said.contains("2 findings"), "{said}");
}

#[test]
fn a_registry_without_an_image_or_with_another_one_is_an_error_that_names_it() {
    let registry = Registry::start();
    let there = image(&registry.address, "one");
    registry.push(&there);
    let insecure = format!("--insecure-registry={}", registry.address);
    let missing = image(&registry.address, "two").pinned();
    // A digest that nothing has.
    let other = format!("{}@sha256:{}", there.name, "00".repeat(32));
    for name in [missing, other] {
        let room = room(&[("web", &name)]);
        let before = room.files();
        let said = room.run(&[&insecure, "resources"]).failure();
        assert!(said.contains(&name), "{said}");
        assert_eq!(room.files(), before);
    }
}

/// A server that answers every request with `answer`.
fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_registry_that_refuses_or_lies_is_told_of_in_a_sentence() {
    for (answer, expected) in [
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "sign in"),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
            "169.254.169.254",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: 2\r\n\r\n{}",
            "sha256:",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "broken answer"),
    ] {
        let address = server(answer);
        let name = format!("{address}/shop/web:1@sha256:{}", "ab".repeat(32));
        let room = room(&[("web", &name)]);
        let before = room.files();
        let said = room.run(&[&format!("--insecure-registry={address}"), "resources"]).failure();
        assert!(said.contains(&name) && said.contains(expected), "{expected}: {said}");
        assert_eq!(room.files(), before);
    }
}

#[test]
fn a_registry_is_asked_with_tls_unless_somebody_says_otherwise() {
    let address = server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let room = room(&[("web", &format!("{address}/shop/web:1@sha256:{}", "ab".repeat(32)))]);
    // Connecting is tried again, which nobody has to wait for here.
    let started = Instant::now();
    let said = room.run(&["resources"]).failure();
    assert!(said.contains(&address), "{said}");
    assert!(started.elapsed().as_secs() < 120, "{said}");
}

#[test]
fn a_mirror_is_asked_instead() {
    let registry = Registry::start();
    let pushed = image(&registry.address, "one");
    registry.push(&pushed);
    let public = pushed.pinned().replace(&registry.address, "public.example");
    let room = room(&[("web", &public)]);
    room.write(
        "registries.conf",
        &format!(
            "[[registry]]\nprefix = \"public.example\"\nlocation = \"{}\"\ninsecure = true\n",
            registry.address
        ),
    );
    room.run(&["--registries-conf", "registries.conf", "resources"]).success();
    assert!(room.read("resources/web.yaml").contains(&public), "the name of the image must stay");
}

#[test]
fn an_archive_of_an_image_is_as_good_as_a_folder() {
    let room = Room::with(&[("resources/web.yaml", &pod("web"))]);
    let tar = std::process::Command::new("tar")
        .arg("-cf")
        .arg(room.path("images.tar"))
        .arg("-C")
        .arg(room.path("images"))
        .arg(".")
        .status();
    assert!(tar.unwrap().success());
    fs::remove_dir_all(room.path("images")).unwrap();
    let arguments: Vec<&str> = crate::USUAL
        .iter()
        .map(|option| if *option == "images" { "images.tar" } else { option })
        .chain(["resources"])
        .collect();
    Answer::of(room.bare_command(&arguments)).success();
}
