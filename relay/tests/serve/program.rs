//! The program: `init`, `serve`, signals.

use crate::process::{Running, configured, initialised, path, run, today};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

#[tokio::test]
async fn init_makes_a_private_key_and_never_replaces_one() {
    let (folder, key) = initialised().await;
    let key_file = folder.path().join("relay.key");
    let mode = std::fs::metadata(&key_file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let before = std::fs::read(&key_file).unwrap();
    let (output, out, err) = run(&["init", path(folder.path()), "--address", "relay.example.org"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(out.is_empty() && err.contains("relay.key"), "{out}{err}");
    assert_eq!(std::fs::read(&key_file).unwrap(), before);
    assert_eq!(cssr_relay::read_key_file(&key_file).unwrap().public(), key);
}

#[tokio::test]
async fn a_wrong_configuration_is_told_with_its_key_and_exit_code_2() {
    let (folder, _) = initialised().await;
    let expect = async |words: &[&str]| {
        let (output, out, err) = run(&["serve", "--config", path(folder.path())]).await;
        assert_eq!((output.status.code(), out.as_str()), (Some(2), ""), "{err}");
        for word in words {
            assert!(err.contains(word), "{word:?} is missing in {err:?}");
        }
    };
    expect(&["\"card\"", "cssr:"]).await;
    let file = folder.path().join("relay.toml");
    std::fs::write(&file, "card = \"cssr:no\"\n").unwrap();
    expect(&["\"card\" is \"cssr:no\"", "@relay.example.org"]).await;
    std::fs::write(&file, "crad = \"\"\n").unwrap();
    expect(&["\"crad\"", "does not exist"]).await;
    std::fs::write(&file, "card = \n").unwrap();
    expect(&["not valid TOML"]).await;
    std::fs::remove_file(&file).unwrap();
    expect(&["relay.toml", "cannot be read"]).await;

    let (folder, _, _) = configured("").await;
    let key_file = folder.path().join("relay.key");
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (output, _, err) = run(&["serve", "--config", path(folder.path())]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(err.contains("relay.key") && err.contains("chmod 600"), "{err}");
}

#[tokio::test]
async fn the_address_is_told_on_standard_output_and_signals_end_the_relay_well() {
    let (folder, _, key) = configured("").await;
    for (arguments, signal) in [(&[][..], "-TERM"), (&["--json"][..], "-INT")] {
        let relay = Running::start(folder.path(), arguments).await;
        assert_eq!(relay.client().await.relay, key);
        assert_eq!(relay.client().await.announcement.day, today());
        relay.stop(signal).await;
    }
}

#[tokio::test]
async fn a_second_relay_on_the_same_folder_is_refused() {
    let (folder, _, _) = configured("").await;
    let relay = Running::start(folder.path(), &[]).await;
    let (output, out, err) = run(&["serve", "--config", path(folder.path())]).await;
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("data"), "{err}");
    relay.stop("-TERM").await;
}

#[tokio::test]
async fn help_says_what_there_is() {
    let (output, out, _) = run(&["--help"]).await;
    assert!(output.status.success());
    for word in ["init", "serve"] {
        assert!(out.contains(word), "{out}");
    }
    let nowhere: PathBuf = tempfile::tempdir().unwrap().path().join("x");
    let (output, _, err) = run(&["init", path(&nowhere), "--address", "http://relay.example.org"]).await;
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(!nowhere.exists());
}
