//! What packages are made of: completions, pages, schema, the metadata of the Debian package, the steps of the Containerfile.

use crate::outside::{engine, run};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn has(program: &str) -> bool {
    Command::new("sh").args(["-c", &format!("command -v {program}")]).output().is_ok_and(|out| out.status.success())
}

#[test]
fn shells_complete_every_command_and_every_command_has_a_page() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&mut engine(["completions", shell])).good().stdout;
        for word in ["replay", "throughput", "log-format"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    // The shell itself takes it.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wagehood-engine");
    fs::write(&file, run(&mut engine(["completions", "bash"])).good().stdout).unwrap();
    let script = format!(
        ". {}; COMP_WORDS=(wagehood-engine config ch); COMP_CWORD=2; _wagehood__engine wagehood-engine ch config; \
         echo \"${{COMPREPLY[*]}}\"",
        file.display()
    );
    if has("bash") {
        let out = Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert_eq!(said.trim(), "check", "{}", String::from_utf8_lossy(&out.stderr));
    }
    let pages = dir.path().join("man");
    run(&mut engine(["man".as_ref(), pages.as_os_str()])).good();
    let names: BTreeSet<String> =
        fs::read_dir(&pages).unwrap().map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    for name in ["", "-run", "-replay", "-config-schema", "-bench-latency", "-state-verify"] {
        assert!(names.contains(&format!("wagehood-engine{name}.1")), "{name}: {names:?}");
    }
    let main = fs::read_to_string(pages.join("wagehood-engine.1")).unwrap();
    assert!(main.starts_with(".ie") || main.contains(".TH"), "{main:.200}");
    assert!(main.contains("Exit codes"), "the codes stand in it");
}

#[test]
fn the_schema_is_one_and_the_manual_is_as_it_says() {
    let schema: serde_json::Value =
        serde_json::from_str(&run(&mut engine(["config", "schema"])).good().stdout).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let workers = &schema["properties"]["engine"]["properties"]["workers"];
    assert!(workers["type"] == "integer" && workers["maximum"].as_i64() > Some(1), "{workers}");
    assert!(workers["description"].as_str().unwrap().contains("Allowed: a whole number"), "{workers}");
}

/// The metadata of the package, without the tool that reads them.
#[test]
fn the_debian_package_has_what_it_names() {
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(root().join("Cargo.toml")).unwrap()).unwrap();
    let deb = &manifest["package"]["metadata"]["deb"];
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let (mut targets, mut units) = (Vec::new(), Vec::new());
    for asset in deb["assets"].as_array().unwrap() {
        let [source, target, mode] = [0, 1, 2].map(|k| asset[k].as_str().unwrap());
        match source.strip_prefix("target/package/") {
            // `make package-files` makes these.
            Some(made) => {
                assert!(makefile.contains(&format!("target/package/{}", made.trim_end_matches("/*"))), "{source}")
            }
            None if source.starts_with("target/") => assert_eq!(source, "target/release/wagehood-engine"),
            None => {
                let path = root().join(source.trim_end_matches("/*"));
                assert!(path.exists(), "{source}");
                let first = fs::read_to_string(&path).unwrap_or_default();
                assert_eq!(first.starts_with("#!"), mode == "755", "{source}");
            }
        }
        assert!(!target.starts_with('/'), "{target}");
        targets.push(target.to_owned());
        units.extend(source.ends_with(".service").then(|| root().join(source)));
    }
    for conf in deb["conf-files"].as_array().unwrap() {
        let path = conf.as_str().unwrap().trim_start_matches('/');
        assert!(targets.iter().any(|target| target == path), "{path}");
        // It is what the unit reads, and a run starts with it.
        let unit = fs::read_to_string(&units[0]).unwrap();
        assert!(unit.contains(&format!("run --config /{path}")), "{unit}");
    }
    assert_eq!(units.len(), 3);
    for unit in units {
        let text = fs::read_to_string(&unit).unwrap();
        assert!(text.contains("\nExecStart=wagehood-engine "), "{}: found where the package puts it", unit.display());
    }
    for script in ["postinst", "postrm"] {
        let path = root().join("perf/host/debian").join(script);
        assert!(Command::new("sh").arg("-n").arg(&path).status().unwrap().success(), "{script}");
    }
}

/// A line of the Containerfile: the instruction and the rest.
fn steps() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("config/Containerfile")).unwrap().replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').map(|(a, b)| (a.to_owned(), b.trim().to_owned())).unwrap()).collect()
}

fn words(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap()
}

/// The steps of the Containerfile, one after the other, in a folder in place of the image.
#[test]
fn the_steps_of_the_containerfile_work() {
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(root().join("Cargo.toml")).unwrap()).unwrap();
    let image = tempfile::tempdir().unwrap();
    let inside = |path: &str| image.path().join(path.trim_start_matches('/'));
    let (mut stage, mut built, mut at, mut user, mut entry, mut command) =
        (0, None, PathBuf::new(), String::new(), Vec::new(), Vec::new());
    for (instruction, rest) in steps() {
        match (instruction.as_str(), stage) {
            ("FROM", _) => {
                stage += 1;
                let wanted = manifest["package"]["rust-version"].as_str().unwrap();
                assert!(
                    stage > 1 || rest.contains(&format!("rust:{wanted}-bookworm")),
                    "{rest}: rust-version is {wanted}"
                );
                assert!(stage == 1 || rest.contains("debian:bookworm"), "{rest}: the system that it was built on");
            }
            ("WORKDIR", 1) => assert_eq!(rest, "/src"),
            ("COPY", 1) => assert_eq!(rest, ". ."),
            ("RUN", 1) => {
                // What it builds was built for this test; its arguments are known to cargo.
                let arguments: Vec<&str> = rest.strip_prefix("cargo ").unwrap().split(' ').collect();
                assert!(arguments.contains(&"--locked"), "{rest}");
                let help = Command::new("cargo").args([arguments[0], "--help"]).output().unwrap();
                let help = String::from_utf8_lossy(&help.stdout).into_owned();
                for argument in &arguments[1..] {
                    assert!(help.contains(argument), "cargo knows no {argument}");
                }
                built = arguments.contains(&"--release").then_some("/src/target/release/wagehood-engine");
            }
            ("RUN", _) => add_user(image.path(), &rest),
            ("COPY", _) => {
                let parts: Vec<&str> = rest.split(' ').collect();
                assert_eq!((parts[0], Some(parts[1])), ("--from=build", built), "{rest}");
                fs::create_dir_all(inside(parts[2]).parent().unwrap()).unwrap();
                fs::copy(env!("CARGO_BIN_EXE_wagehood-engine"), inside(parts[2])).unwrap();
            }
            ("USER", _) => user = rest,
            ("WORKDIR", _) => at = inside(&rest),
            ("ENTRYPOINT", _) => entry = words(&rest),
            ("CMD", _) => command = words(&rest),
            (other, _) => panic!("a step that this test does not know: {other} {rest}"),
        }
    }
    assert_eq!(user, "wagehood", "not root");
    fs::create_dir_all(&at).unwrap();
    let program = inside("/usr/local/bin").join(&entry[0]);
    let needs = Command::new("ldd").arg(&program).output().unwrap();
    for line in String::from_utf8_lossy(&needs.stdout).lines() {
        // A slim image has these and no others.
        let known = ["linux-vdso", "libgcc_s", "libm.", "libc.", "ld-linux", "libdl.", "libpthread.", "librt."];
        assert!(known.iter().any(|name| line.contains(name)), "the image has no {line}");
    }
    let port = command.iter().position(|word| word == "--listen").unwrap() + 1;
    assert!(command[port].ends_with(":9464"), "{command:?}");
    command[port] = "127.0.0.1:0".to_owned();
    let mut started = Command::new(program);
    started
        .args(&command)
        .args(["--duration", "1s", "--set", "mock.symbols=3", "--set", "mock.history=false"])
        .current_dir(at);
    started
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let ended = run(&mut started).good();
    assert!(ended.stderr.contains("listening on http://"), "{}", ended.told());
}

/// Adds the user in a folder, as the step does in the image.
fn add_user(image: &Path, step: &str) {
    assert!(step.starts_with("useradd --system "), "{step}");
    if !has("useradd") {
        return;
    }
    fs::create_dir_all(image.join("etc")).unwrap();
    for file in ["passwd", "group", "shadow", "gshadow"] {
        fs::write(image.join("etc").join(file), "").unwrap();
    }
    let words: Vec<&str> = step.split(' ').skip(1).collect();
    let out = Command::new("useradd").arg("--prefix").arg(image).args(&words).output().unwrap();
    // Only root may, here as there.
    if rustix::process::getuid().is_root() {
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let line = fs::read_to_string(image.join("etc/passwd")).unwrap();
        assert!(line.starts_with("wagehood:") && line.contains(":/var/lib/wagehood:"), "{line}");
    }
}
