//! The program: `init`, `serve`, signals.

use crate::client::letter;
use crate::process::{Running, SEAL_AT_ONCE, configured, day_of_letters, initialised, path, program, run, today};
use chacha20::ChaCha20Rng;
use cssr_proto::index::{Head, letter_genesis};
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::wire_error::ErrorCode;
use cssr_relay::store::{JournalConfig, JournalStore, Lives, Quotas, Store as _};
use rand_core::SeedableRng as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

#[tokio::test]
async fn init_makes_a_private_key_and_never_replaces_one() {
    let (folder, key) = initialised().await;
    let key_file = folder.path().join("relay.key");
    let mode = std::fs::metadata(&key_file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let before = std::fs::read(&key_file).unwrap();
    let (output, out, err) = run(&["init", path(folder.path()), "--address", "relay.example.org"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(out.is_empty() && err.contains("relay.key: it is there already"), "{out}{err}");
    assert_eq!(std::fs::read(&key_file).unwrap(), before);
    assert_eq!(cssr_relay::read_key_file(&key_file).unwrap().public(), key);
}

#[tokio::test]
async fn the_identity_that_init_printed_can_be_printed_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = path(folder.path());
    let addresses = ["--address", "relay.example.org", "--address", "ws://example.onion"];
    let (_, printed, _) = run(&[&["init", folder], &addresses[..]].concat()).await;
    let lines: Vec<&str> = printed.lines().take(2).collect();
    // Nothing of relay.toml is needed, which has no card yet.
    let (output, again, err) = run(&[&["identity", folder], &addresses[..]].concat()).await;
    assert!(output.status.success(), "{err}");
    assert_eq!(again.lines().collect::<Vec<_>>(), lines);
    let (_, key, _) = run(&["identity", &format!("{folder}/relay.key")]).await;
    assert_eq!(key.lines().nth(1), lines[1].split(' ').next());

    let (output, out, err) = run(&["identity", &format!("{folder}/relay.toml")]).await;
    assert_eq!((output.status.code(), out.as_str()), (Some(2), ""));
    assert!(err.contains("relay.toml"), "{err}");
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
async fn check_config_tells_everything_at_once_and_changes_nothing() {
    let (folder, _, _) = configured("").await;
    let folder = folder.path();
    let before = std::fs::read_dir(folder).unwrap().count();
    let check = async |more: &[&str]| run(&[&["check-config", "--config", path(folder)], more].concat()).await;
    let (output, out, err) = check(&[]).await;
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""));
    assert!(out.contains("in order"), "{out}");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), before);

    let file = folder.join("relay.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("connections = 0\n{good}conections = 1\n")).unwrap();
    let last = good.lines().count() + 2;
    let key = std::fs::read(folder.join("relay.key")).unwrap();
    let (output, out, err) = check(&[]).await;
    assert_eq!((output.status.code(), out.as_str()), (Some(2), ""));
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(lines.len(), 2, "{err}");
    assert!(lines[0].contains("relay.toml, line 1: \"connections\" is 0"), "{err}");
    assert!(lines[1].contains(&format!("relay.toml, line {last}: ")), "{err}");
    let (output, out, _) = check(&["--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((output.status.code(), &told["ok"]), (Some(2), &false.into()));
    assert_eq!((&told["errors"][0]["line"], &told["errors"][1]["line"]), (&1.into(), &last.into()));

    // What the file names, whatever is wrong with its keys.
    std::fs::remove_file(folder.join("relay.key")).unwrap();
    std::fs::write(folder.join("data"), "").unwrap();
    let tls = "tls_listen = \"[::]:443\"\ntls_certificate = \"c\"\ntls_key = \"k\"\n";
    for (wrong, lines) in [("", 4), ("connections = 0\n", 5)] {
        std::fs::write(&file, format!("{wrong}{good}{tls}")).unwrap();
        let (output, _, err) = check(&[]).await;
        assert_eq!((output.status.code(), err.lines().count()), (Some(2), lines), "{err}");
        for words in ["relay.key", "the certificate ", "the certificate's key", "data"] {
            assert!(err.contains(words), "{err}");
        }
    }

    // What is no file is not waited for.
    std::fs::remove_file(folder.join("data")).unwrap();
    for name in ["relay.key", "c"] {
        mkfifo(&folder.join(name)).await;
    }
    std::fs::write(folder.join("k"), key).unwrap();
    let (_, _, err) = check(&[]).await;
    assert_eq!(err.matches("it is not a regular file").count(), 2, "{err}");
    std::fs::remove_file(&file).unwrap();
    mkfifo(&file).await;
    for command in ["check-config", "serve"] {
        let (output, _, err) = run(&[command, "--config", path(folder)]).await;
        assert_eq!(output.status.code(), Some(2));
        assert!(err.contains("relay.toml cannot be read: it is not a regular file"), "{err}");
    }
}

async fn mkfifo(path: &Path) {
    assert!(tokio::process::Command::new("mkfifo").arg(path).status().await.unwrap().success());
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

/// As systemd's reload does, which does not know that it is still opening its store.
#[tokio::test]
async fn a_reload_does_not_end_a_relay_that_is_opening_its_store() {
    let (folder, _, _) = configured("").await;
    Running::start(folder.path(), &[]).await.kill().await;
    // A million places in which nothing stands, and which are looked at one by one.
    let journal = day_of_letters(&folder.path().join("data")).join("journal");
    std::fs::File::options().write(true).open(journal).unwrap().set_len(16 << 30).unwrap();

    let mut command = program();
    command.args(["serve", "--config", path(folder.path())]).stdout(Stdio::piped());
    let mut relay = command.spawn().unwrap();
    let process = format!("/proc/{}", relay.id().unwrap());
    while !catches_hangup(&process) {
        assert!(relay.try_wait().unwrap().is_none(), "it has ended");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut said = BufReader::new(relay.stdout.take().unwrap()).lines();
    assert!(timeout(Duration::from_millis(200), said.next_line()).await.is_err(), "it is opening its store");
    let pid = relay.id().unwrap().to_string();
    let kill = async |signal: &str| Command::new("kill").args([signal, pid.as_str()]).status().await.unwrap();
    assert!(kill("-HUP").await.success());
    let line = timeout(Duration::from_secs(120), said.next_line()).await.expect("it takes too long").unwrap();
    assert!(line.is_some_and(|line| line.contains("ws://127.0.0.1:")), "it goes on, and listens");
    assert!(kill("-TERM").await.success());
    assert!(relay.wait().await.unwrap().success());
}

fn catches_hangup(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & 1 == 1
}

#[tokio::test]
async fn a_second_relay_on_the_same_folder_is_refused() {
    let (folder, _, _) = configured("").await;
    let relay = Running::start(folder.path(), &[]).await;
    let (output, out, err) = run(&["serve", "--config", path(folder.path())]).await;
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("data") && err.contains("another relay has this store open"), "{err}");
    let mut client = relay.client().await;
    assert_eq!(client.refused(Request::Note).await, ErrorCode::NotReady, "the first one goes on");
    relay.stop("-TERM").await;
}

#[tokio::test]
async fn connections_leave_the_store_the_files_that_it_needs() {
    let (folder, mut office, key) = configured(&format!("{SEAL_AT_ONCE}connections = 900\n")).await;
    let relay = Running::start_through(&["prlimit", "--nofile=280:280"], folder.path(), &[]).await;
    office.open(async || relay.client().await, Head::genesis(letter_genesis(&key))).await;
    let mut client = relay.client().await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(relay.address).await.unwrap());
    }
    // The first of its kind and day, for which files are made.
    assert_eq!(client.ask(letter(1)).await, Response::Posted);
    drop(idle);
    let said = relay.stop("-TERM").await;
    assert!(said.contains("fewer connections than configured") && !said.contains("failed"), "{said}");

    let mut command = tokio::process::Command::new("prlimit");
    command.args(["--nofile=260:260", env!("CARGO_BIN_EXE_cssr-relay"), "serve", "--config", path(folder.path())]);
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("LimitNOFILE"));
}

#[tokio::test]
async fn a_relay_that_a_wrong_clock_took_years_ahead_does_not_go_back_and_begins_anew_without_its_store() {
    let (folder, _, relay) = configured("").await;
    let (directory, far) = (folder.path().join("data"), today().plus(3_650));
    let store = JournalConfig { directory: directory.clone(), relay, quotas: Quotas::default() };
    let store = JournalStore::open(&store, ChaCha20Rng::seed_from_u64(1)).unwrap();
    store.expire(far, Lives { letters: 60, chunks: 60 }).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let date = today().to_string();
    let (output, out, err) = run(&["serve", "--config", path(folder.path()), "--accept-date", &date]).await;
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{err}");
    for words in [&date, &far.to_string(), "no relay goes back", "operating.md"] {
        assert!(err.contains(words), "{words:?} is missing in {err:?}");
    }
    std::fs::remove_dir_all(directory).unwrap();
    let begun = Running::start(folder.path(), &[]).await;
    assert_eq!(begun.client().await.announcement.day, today());
    begun.stop("-TERM").await;
}

#[tokio::test]
#[ignore = "needs root"]
async fn root_does_not_work_in_another_users_folder() {
    const OTHER: u32 = 4_000_000;
    for engine in ["journal", "sled"] {
        let (folder, _, _) = configured(&format!("store = \"{engine}\"\n")).await;
        let folder = folder.path();
        Running::start(folder, &[]).await.stop("-TERM").await;
        own(folder, OTHER);
        let backup = folder.with_extension("backup");
        let (config, file) = (["--config", path(folder)], [path(&backup)]);
        let serve = [&["serve"], &config[..]].concat();
        let check = [&["check"], &config[..]].concat();
        let export = [&["export"], &config[..], &file].concat();
        let import = [&["import"], &config[..], &file].concat();
        let check_config = [&["check-config"], &config[..]].concat();
        let init = ["init", path(folder), "--address", "relay.example.org"].to_vec();
        for command in [serve, check, export, import, check_config, init] {
            let (output, out, err) = run(&command).await;
            assert_eq!((output.status.code(), out.as_str()), (Some(2), ""), "{command:?}: {err}");
            assert!(err.contains("sudo -u '#4000000'"), "{command:?}: {err}");
        }
        let mut here = program();
        let told = here.current_dir(folder).args(["check-config", "--config", "relay.toml"]).output().await.unwrap();
        assert_eq!(told.status.code(), Some(2), "named without its folder");
        // A store of journals is only read, and of one on sled what needs no database.
        for (letters, refused) in [(&[][..], false), (&["--letters"], engine == "sled")] {
            let (output, _, err) = run(&[&["backup"], letters, &config[..], &file].concat()).await;
            assert_eq!(output.status.code(), Some(if refused { 2 } else { 0 }), "{letters:?}: {err}");
            let _ = std::fs::remove_file(&backup);
        }
        assert!(owners(folder).iter().all(|owner| *owner == OTHER), "something there is root's");
    }
}

fn own(folder: &Path, user: u32) {
    std::os::unix::fs::chown(folder, Some(user), Some(user)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true => own(&entry, user),
            false => std::os::unix::fs::chown(entry, Some(user), Some(user)).unwrap(),
        }
    }
}

/// Whose everything in a folder is.
fn owners(folder: &Path) -> Vec<u32> {
    let mut owners = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        owners.push(std::fs::metadata(&entry).unwrap().uid());
        if entry.is_dir() {
            owners.extend(self::owners(&entry));
        }
    }
    owners
}

#[tokio::test]
async fn help_says_what_there_is() {
    let (output, out, _) = run(&["--help"]).await;
    assert!(output.status.success());
    for word in
        ["init", "identity", "serve", "forward", "check-config", "check", "export", "import", "backup", "restore"]
    {
        assert!(out.contains(word), "{out}");
    }
    let nowhere: PathBuf = tempfile::tempdir().unwrap().path().join("x");
    let (output, _, err) = run(&["init", path(&nowhere), "--address", "http://relay.example.org"]).await;
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(!nowhere.exists());
}

#[tokio::test]
async fn a_running_relay_is_locked_in_unless_it_is_told_not_to_be() {
    for (mode, locked) in [("require", true), ("auto", true), ("off", false)] {
        let (folder, _, _) = configured(&format!("sandbox = \"{mode}\"\n")).await;
        let relay = Running::start(folder.path(), &["--log", "info"]).await;
        // Every thread, not only the one that asked for it.
        let tasks = std::fs::read_dir(format!("/proc/{}/task", relay.pid())).unwrap();
        for task in tasks {
            let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            assert!(status.contains(&format!("NoNewPrivs:\t{}\n", u8::from(locked))), "{mode}: {status}");
        }
        let said = relay.stop("-TERM").await;
        assert_eq!(said.contains("in a sandbox"), locked, "{mode}: {said}");
        assert_eq!(said.contains("no sandbox, as the configuration says"), !locked, "{mode}: {said}");
    }
}

#[tokio::test]
async fn the_log_can_be_lines_of_json() {
    let (folder, _, _) = configured("").await;
    let relay = Running::start(folder.path(), &["--log", "info", "--log-format", "json"]).await;
    let said = relay.stop("-TERM").await;
    let lines: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["level"] == "INFO" && line["message"] == "stopping"), "{said}");
    assert!(lines.iter().all(|line| line.get("timestamp").is_none()), "{said}");
}
