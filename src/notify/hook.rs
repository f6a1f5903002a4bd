//! A program that is told something: without a shell, with JSON on its input, and not for long.

use std::{path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// It has so long.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// Runs it in this folder; an error says why it does not count as told. Its own words go where carnet's log goes.
pub(super) async fn run(argv: &[String], folder: Option<&Path>, input: Vec<u8>, limit: Duration) -> Result<(), String> {
    let (program, arguments) = argv.split_first().ok_or("it names no program")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit());
    // A group of its own: what it starts ends with it. It needs no password of carnet's.
    command.process_group(0).kill_on_drop(true).env_remove("CARNET_CRM_PASSWORD");
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
}
