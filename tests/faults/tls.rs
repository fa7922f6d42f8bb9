//! TLS and accounts: what works with the least permissions, and what is said where it does not.

use crate::{
    certificates::{Authority, Files},
    engine::{Engine, write_private},
    feed::{Walk, symbols, write_to},
    outcome::{caught_up, entries},
    outside::{Ended, engine, run},
    server::{Server, free_port},
    writers::wait_for,
};
use redis::Commands;
use std::{path::Path, time::Duration};

const LONG: Duration = Duration::from_secs(60);
const INPUT: &str = "market_data_1s";
/// What may stand in a password unencoded, what must not, and how it is written then.
const PASSWORD: (&str, &str) = ("hunter2@/#?:% é", "hunter2%40%2F%23%3F%3A%25%20%C3%A9");

/// A server that speaks TLS on a second port.
struct Secure {
    server: Server,
    port: u16,
    files: Files,
    client: Files,
    authority: Authority,
    dir: tempfile::TempDir,
}

impl Secure {
    fn start(names: &[&str], expired: bool, clients: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new(dir.path(), "ca");
        let files = authority.issue("server", names, expired);
        let client = authority.issue("client", &["wagehood-engine"], false);
        let port = free_port();
        let path = |path: &Path| path.display().to_string();
        let options = [
            ("--tls-port", port.to_string()),
            ("--tls-cert-file", path(&files.cert)),
            ("--tls-key-file", path(&files.key)),
            ("--tls-ca-cert-file", path(&authority.file())),
            ("--tls-auth-clients", clients.to_owned()),
        ];
        let options = options.iter().flat_map(|(name, value)| [(*name).to_owned(), value.clone()]).collect();
        Self { server: Server::start_with(options), port, files, client, authority, dir }
    }

    fn config(&self, account: &str, more: &str) -> String {
        let ca = self.authority.file().display().to_string();
        config(&format!("rediss://{account}localhost:{}", self.port), &format!("tls_ca = {ca:?}\n{more}"))
    }

    fn client(&self) -> String {
        format!("tls_cert = {:?}\ntls_key = {:?}\n", self.client.cert, self.client.key)
    }
}

fn config(url: &str, redis: &str) -> String {
    let mut text = format!(
        "[engine]\nname = \"tls\"\nthreading = \"shared\"\nclock_events = false\n[input]\nfeed = \"redis\"\n\
         [redis]\nurl = \"{url}\"\ntimeout_ms = 1000\nconnect_timeout_ms = 1000\nreconnect_max_ms = 200\n{redis}\
         [output.streams]\nsignals_maxlen = 1000000\n"
    );
    symbols(8, 0).iter().for_each(|symbol| text.push_str(&format!("[[watchlist]]\nsymbol = \"{symbol}\"\n")));
    text
}

/// The rule of the README, with this password.
fn rule(password: &str) -> redis::Cmd {
    let readme = include_str!("../../README.md").replace("\\\n", " ");
    let line = readme.lines().find(|line| line.contains("ACL SETUSER wagehood")).expect("the rule is in the README");
    let words = line.split_whitespace().skip_while(|word| *word != "ACL");
    let mut command = redis::Cmd::new();
    words.map(|word| word.trim_matches('\'')).for_each(|word| {
        let word = if word.starts_with('>') { format!(">{password}") } else { word.to_owned() };
        command.arg(word);
    });
    command
}

#[test]
fn the_least_account_is_enough_over_tls_and_survives_the_server() {
    let mut secure = Secure::start(&["localhost"], false, "yes");
    let mut link = secure.server.connection();
    rule(PASSWORD.0).query::<()>(&mut link).unwrap();
    let mut walk = Walk::new(5, "S", 8, 1_000);
    write_to(&mut link, INPUT, &mut walk, 6_000);
    // Replies of many TLS records, and a batch larger than what a socket takes at once.
    for kilobytes in [300, 900] {
        let mut record = walk.record();
        record.push(("note", "x".repeat(kilobytes * 1_000)));
        let _: String = link.xadd(INPUT, "*", &record).unwrap();
        record.iter_mut().filter(|(name, _)| *name == "symbol").for_each(|(_, value)| *value = "unknown".to_owned());
        let _: String = link.xadd(INPUT, "*", &record).unwrap();
    }
    let account = format!("wagehood:{}@", PASSWORD.1);
    let text = secure.config(&account, &secure.client());
    let mut engine = Engine::new(secure.dir.path(), "tls", &text, &[]);
    engine.start();
    assert!(caught_up(&mut link, "tls", &[INPUT], LONG), "{}", engine.said());
    // The server dies and comes back with its account.
    secure.server.kill();
    engine.says("publisher disconnected");
    secure.server.restart();
    let mut link = secure.server.connection();
    // Not saved with the data: until somebody brings it back the password is wrong, which nothing but that can change.
    wait_for(LONG, || !engine.is_running());
    assert!(engine.said().contains("check user and password"), "{}", engine.said());
    rule(PASSWORD.0).query::<()>(&mut link).unwrap();
    engine.start();
    write_to(&mut link, INPUT, &mut walk, 2_000);
    assert!(caught_up(&mut link, "tls", &[INPUT], LONG), "{}", engine.said());
    for _ in 0..3 {
        let before = engine.said().matches("reader reconnected after").count();
        redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").query::<i64>(&mut link).unwrap();
        wait_for(LONG, || engine.said().matches("reader reconnected after").count() > before);
        write_to(&mut link, INPUT, &mut walk, 500);
        assert!(caught_up(&mut link, "tls", &[INPUT], LONG), "{}", engine.said());
    }
    assert!(engine.is_running());
    engine.stop();
    let shown = engine.said() + &engine.report();
    assert!(shown.contains("rediss://wagehood:***@localhost:"), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains(PASSWORD.1), "{shown}");
    // The same over a plain socket, by an account that may do everything.
    let plain = text
        .replace("name = \"tls\"", "name = \"plain\"")
        .replace("[output.streams]", "[output.streams]\nsignals = \"signals:plain\"");
    let plain: String =
        plain.lines().filter(|line| !line.starts_with("tls_")).map(|line| format!("{line}\n")).collect();
    let plain = plain.replace(
        &format!("rediss://{account}localhost:{}", secure.port),
        &format!("redis://localhost:{}", secure.server.port),
    );
    let mut calm = Engine::new(secure.dir.path(), "plain", &plain, &[]);
    calm.start();
    assert!(caught_up(&mut link, "plain", &[INPUT], LONG), "{}", calm.said());
    calm.stop();
    let (expected, found) = (entries(&mut link, "signals:plain"), entries(&mut link, "signals"));
    assert!(!expected.is_empty() && expected == found, "{} {}", expected.len(), found.len());
}

/// Runs the engine until it gives up; one line must say why, and not the password.
fn refused(dir: &Path, text: &str, words: &[&str]) -> Ended {
    let path = dir.join("refused.toml");
    write_private(&path, text);
    let ended = run(engine(["run", "--set", "redis.start_wait_s=0", "--config"]).arg(&path));
    let code = ended.code().unwrap_or_default();
    assert!([4, 9].contains(&code), "{}", ended.told());
    let ended = ended.refused(code, words);
    let lines: Vec<&str> = ended.stderr.lines().filter(|line| line.contains(" error engine[failure] ")).collect();
    assert!(lines.len() == 1 && ended.stderr.trim_end().ends_with(lines[0]), "{}", ended.told());
    assert!(!ended.told().contains("hunter2"), "{}", ended.told());
    ended
}

#[test]
fn what_tls_refuses_is_one_line_that_says_what_to_do() {
    let good = Secure::start(&["localhost"], false, "no");
    let dir = good.dir.path();
    let url = |host: &str, port: u16| format!("rediss://:hunter2@{host}:{port}");
    let ca = |file: &Path| format!("tls_ca = {file:?}\n");
    let other = Authority::new(dir, "other");
    let no_password = ["NOAUTH", "AUTH"];
    // It does get through, up to the password.
    refused(
        dir,
        &config(&url("localhost", good.port), &ca(&good.authority.file())),
        &["rediss://:***@localhost:", no_password[1]],
    );
    let wrong_ca = ["no authority that is trusted here", "redis.tls_ca"];
    refused(dir, &config(&url("localhost", good.port), &ca(&other.file())), &wrong_ca);
    refused(dir, &config(&url("localhost", good.port), ""), &wrong_ca);
    let wrong_name = ["the server's certificate is not for 127.0.0.1, but for", "localhost", "redis.url"];
    refused(dir, &config(&url("127.0.0.1", good.port), &ca(&good.authority.file())), &wrong_name);
    refused(
        dir,
        &config(&url("localhost", good.port), &ca(&dir.join("absent.pem"))),
        &["cannot read", "absent.pem", "redis.tls_ca"],
    );
    refused(dir, &config(&url("localhost", good.port), &ca(&good.files.key)), &["server.key holds no certificate"]);
    refused(dir, &config(&url("localhost", good.server.port), &ca(&good.authority.file())), &["TLS there", "tls-port"]);
    refused(dir, &config(&format!("redis://:hunter2@localhost:{}", good.port), ""), &["rediss://"]);
    let plain = config(&format!("redis://:hunter2@localhost:{}", good.server.port), &ca(&good.authority.file()));
    refused(dir, &plain, &["redis.tls_ca", "nothing would be encrypted"]);
    let half = config(&url("localhost", good.port), &format!("tls_cert = {:?}\n", good.client.cert));
    refused(dir, &half, &["redis.tls_cert", "both or neither"]);
    let expired = Secure::start(&["localhost"], true, "no");
    refused(dir, &expired.config("", ""), &["has expired", "days ago", "renew it"]);
    let strict = Secure::start(&["localhost"], false, "yes");
    refused(dir, &strict.config("", ""), &["wants a client certificate", "redis.tls_cert"]);
    let stranger = other.issue("stranger", &["x"], false);
    let shown = format!("tls_cert = {:?}\ntls_key = {:?}\n", stranger.cert, stranger.key);
    refused(dir, &strict.config("", &shown), &["does not take the client certificate", "redis.tls_cert"]);
    // The doctor as well.
    let file = dir.join("doctor.toml");
    let doctor = |text: &str| {
        write_private(&file, text);
        run(engine(["doctor", "--json", "--seconds", "1", "--config"]).arg(&file))
    };
    let ended = doctor(&good.config("", ""));
    let measured = |line: &str| line.contains("p99 ") && line.contains(&format!("rediss://localhost:{}/0", good.port));
    assert!(ended.stdout.lines().any(measured), "{}", ended.told());
    let ended = doctor(&strict.config(":hunter2@", ""));
    let told = ended.told();
    assert!(ended.stdout.contains("wants a client certificate") && !told.contains("hunter2"), "{told}");
}

#[test]
fn what_an_account_lacks_is_named() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let mut link = server.connection();
    let mut walk = Walk::new(5, "S", 8, 1_000);
    write_to(&mut link, INPUT, &mut walk, 100);
    let url = |user: &str, password: &str| format!("redis://{user}:{password}@127.0.0.1:{}", server.port);
    rule("hunter2").query::<()>(&mut link).unwrap();
    let wrong = config(&url("wagehood", "hunter2x"), "");
    refused(dir.path(), &wrong, &["WRONGPASS", "check user and password", "redis://wagehood:***@127.0.0.1:"]);
    let text = config(&url("wagehood", "hunter2"), "");
    let needed =
        ["client|setname", "ping", "watch", "get", "incr", "multi", "set", "exec", "type", "hgetall", "xrange"];
    for command in needed.into_iter().chain(["xread", "xinfo|stream", "time", "xadd", "hset", "pexpire"]) {
        rule("hunter2").arg(format!("-{command}")).query::<()>(&mut link).unwrap();
        write_to(&mut link, INPUT, &mut walk, 100);
        refused(dir.path(), &text, &["NOPERM", command, "lacks a permission"]);
    }
    for keys in [["resetkeys", "~signals"], ["resetkeys", "~wagehood:*"]] {
        let mut less = rule("hunter2");
        keys.into_iter().for_each(|word| {
            less.arg(word);
        });
        less.query::<()>(&mut link).unwrap();
        refused(dir.path(), &text, &["NOPERM", "lacks a permission"]);
    }
}

#[test]
fn what_may_be_a_password_is_never_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        let path = dir.path().join("x.toml");
        write_private(&path, text);
        path
    };
    let quiet = |ended: &Ended| assert!(!ended.told().contains("ter2"), "{}", ended.told());
    for url in [
        "hunter2",
        "redis://:hun/ter2@h",
        "redis://:hun#ter2@h",
        "redis:hunter2@h",
        "redis://u:hun?ter2@h:x",
        "h:hunter2@x",
    ] {
        for args in [["run", "--redis", url], ["doctor", "--redis", url]] {
            let ended = run(&mut engine(args));
            assert!(!ended.status.success() && ended.stderr.contains("redis://"), "{}", ended.told());
            quiet(&ended);
        }
        let ended = run(&mut engine(["config", "check", "--set", &format!("redis.url={url}")]));
        assert!(!ended.status.success() && ended.stdout.contains("not shown"), "{}", ended.told());
        quiet(&ended);
        for text in [
            format!("redis = {url:?}"),
            format!("[redis]\nurl = {url:?}\n"),
            format!("[redis]\nurl = \"{url}\n"),
            format!("[redis]\nurl = [{url:?}]\n"),
        ] {
            let ended = run(engine(["config", "check", "--config"]).arg(file(&text)));
            assert!(!ended.status.success(), "{}", ended.told());
            quiet(&ended);
        }
        quiet(&run(&mut engine(["run", "--set", url])));
    }
    // At a wrong place of the command line, and a user that is meant as the password.
    quiet(&run(&mut engine(["run", "redis://:hunter2@h"])).refused(2, &["redis://:***@h"]));
    let user =
        ["run", "--set", "redis.start_wait_s=0", "--set", "mock.symbols=1", "--redis", "redis://hunter2@127.0.0.1:1"];
    quiet(&run(engine(user).arg("--config").arg(file("[[watchlist]]\nsymbol = \"A\"\n"))).refused(9, &["refused"]));
    let shown = run(&mut engine(["config", "show", "--set", "redis.url=rediss://u:hunter2@h"])).good();
    assert!(shown.stdout.contains("rediss://u:***@h"));
    quiet(&shown);
}
