use super::said;
use crate::Job;
use bench_rule::{Taken, Watch};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, process};

/// Clients that are programs of their own.
#[derive(Debug)]
pub struct Programs {
    scripts: PathBuf,
    /// A folder of ours, removed when dropped.
    folder: PathBuf,
}

impl Programs {
    /// Finds the scripts that drive them.
    pub fn find() -> Result<Self, String> {
        let folder = env::temp_dir().join(format!("postrider-bench-{}", process::id()));
        fs::create_dir_all(&folder).map_err(said)?;
        let scripts = env::var_os("BENCH_SCRIPTS").ok_or("BENCH_SCRIPTS is not set: start it with tests/bench/run")?;
        Ok(Self { scripts: scripts.into(), folder })
    }

    /// Python's smtplib.
    pub fn smtplib(&self, job: &Job) -> Result<Taken, String> {
        if job.connections > 1 {
            return Err("one connection at a time".into());
        }
        self.script("python3", "smtplib_peer.py", job)
    }

    /// nodemailer, pooled.
    pub fn nodemailer(&self, job: &Job) -> Result<Taken, String> {
        if env::var_os("NODE_PATH").is_none() {
            return Err("nodemailer is not installed (npm)".into());
        }
        self.script("node", "nodemailer_peer.cjs", job)
    }

    /// A script connects, sends and prints two numbers of seconds: the wall's and the processor's.
    fn script(&self, program: &str, script: &str, job: &Job) -> Result<Taken, String> {
        if job.tls.is_some() {
            return Err("not driven over TLS here".into());
        }
        let message = self.folder.join("message");
        fs::write(&message, &job.message).map_err(said)?;
        let numbers = [usize::from(job.port), job.mails, job.recipients, job.connections].map(|n| n.to_string());
        let output = Command::new(program)
            .arg(self.scripts.join(script))
            .args(numbers)
            .arg(message)
            .stderr(Stdio::piped())
            .output()
            .map_err(|e| format!("{program}: {e}"))?;
        let out = String::from_utf8_lossy(&output.stdout);
        let mut seconds = out.split_whitespace().map(|w| w.parse().map(Duration::from_secs_f64));
        match (seconds.next(), seconds.next()) {
            (Some(Ok(wall)), Some(Ok(cpu))) => Ok(Taken { wall, cpu: Some(cpu) }),
            _ => Err(format!("{script}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    }

    /// Postfix's smtp-source. Its connection is part of its time.
    pub fn smtp_source(&self, job: &Job) -> Result<Taken, String> {
        if job.tls.is_some() {
            return Err("speaks no TLS".into());
        }
        let watch = Watch::start();
        let status = Command::new("smtp-source")
            .args(["-s", &job.connections.to_string(), "-d", "-f", Job::SENDER, "-t", "recipient@example.org"])
            .args(["-m", &job.mails.to_string(), "-l", &job.message.len().to_string()])
            .args(["-r", &job.recipients.to_string(), &format!("127.0.0.1:{}", job.port)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|e| format!("smtp-source: {e}"))?;
        if status.success() { Ok(watch.stop_wall()) } else { Err(format!("smtp-source: {status}")) }
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
