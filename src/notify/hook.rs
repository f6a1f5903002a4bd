//! A program that is told something: without a shell, with JSON on its input, and not for long.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::{
    fs::{Access, access},
    process::{Pid, Signal, kill_process_group},
};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::config::secrets::keep_secrets_from;

/// It has so long.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// Runs it in this folder; an error says why it does not count as told. Its own words go where carnet's log goes.
pub(super) async fn run(argv: &[String], folder: Option<&Path>, input: Vec<u8>, limit: Duration) -> Result<(), String> {
    let (program, arguments) = argv.split_first().ok_or("it names no program")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit());
    // A group of its own: what it starts ends with it. It needs no password of carnet's.
    command.process_group(0).kill_on_drop(true);
    keep_secrets_from(&mut command);
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let stdin = child.stdin.take();
    let ended = timeout(limit, async {
        if let Some(mut stdin) = stdin {
            // It need not read.
            let _ = stdin.write_all(&input).await;
        }
        child.wait().await
    });
    match ended.await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(status.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => {
            if let Some(group) = group {
                let _ = kill_process_group(group, Signal::KILL);
            }
            Err(format!("it was not done within {} s", limit.as_secs()))
        }
    }
}

/// The program that this would run, in this folder; an error says why none would be.
pub(super) fn find(argv: &[String], folder: Option<&Path>) -> Result<PathBuf, String> {
    let program = argv.first().ok_or("it names no program")?;
    let may_run = |file: &Path| file.is_file() && access(file, Access::EXEC_OK).is_ok();
    if !program.contains('/') {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut found = std::env::split_paths(&path).map(|folder| folder.join(program));
        return found.find(|file| may_run(file)).ok_or_else(|| format!("there is no program `{program}` in $PATH"));
    }
    let file = folder.map_or_else(|| PathBuf::from(program), |folder| folder.join(program));
    match file.metadata() {
        Err(error) => Err(format!("{}: {error}", file.display())),
        Ok(found) if !found.is_file() => Err(format!("{} is no file", file.display())),
        Ok(_) if !may_run(&file) => Err(format!("{} may not be run (chmod 755)", file.display())),
        Ok(_) => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(script: &str, limit: Duration, expected: Result<(), &str>) {
        let argv = ["sh", "-c", script].map(str::to_owned);
        let ran = run(&argv, None, vec![b'x'; 200_000], limit).await;
        assert_eq!(ran, expected.map_err(str::to_owned), "{script}");
    }

    #[tokio::test]
    async fn a_program_is_told_or_said_to_have_failed() {
        let long = Duration::from_secs(60);
        check("test $(wc -c) = 200000", long, Ok(())).await;
        check("exit 0", long, Ok(())).await;
        check("exit 3", long, Err("exit status: 3")).await;
        check("test -z \"$CARNET_CRM_PASSWORD\"", long, Ok(())).await;
        // What it has started ends with it, else this would take as long.
        check("sleep 1000 & wait", Duration::ZERO, Err("it was not done within 0 s")).await;
        let missing = run(&["/there/is/no/such".to_owned()], None, Vec::new(), long).await;
        assert!(missing.unwrap_err().contains("No such file"));
    }

    #[test]
    fn a_program_is_found_as_it_would_be_run() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tell"), "").unwrap();
        let here = |text: &str| text.replace(&*folder.path().to_string_lossy(), "HERE");
        let check = |program: &str, expected: &str| {
            let found = find(&[program.to_owned()], Some(folder.path()));
            let found = found.map_or_else(|why| why, |file| format!("runs {}", file.display()));
            assert!(here(&found).starts_with(expected), "{program}: {found}");
        };
        check("sh", "runs /");
        check("there-is-no-such-program", "there is no program `there-is-no-such-program` in $PATH");
        check("./tell", "HERE/./tell may not be run");
        check("./missing", "HERE/./missing: No such file");
        check("./", "HERE/./ is no file");
    }
}
