use super::NotAvailable;
use super::program::{await_port, find, free_ports, is_root};
use postrider_wire::Endpoint;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Postfix's `smtp-sink`: an SMTP or LMTP server that takes everything and keeps nothing. Killed when dropped.
pub struct SmtpSink {
    process: Child,
    port: u16,
}

impl SmtpSink {
    /// Starts it with options of its own, such as `-L` (LMTP), `-f RCPT` (refuse every recipient) or `-Q .` (421 after
    /// the final dot); see smtp-sink(1).
    ///
    /// # Errors
    /// [`NotAvailable`] if it is not installed (Debian: package postfix).
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(options: &[&str]) -> Result<Self, NotAvailable> {
        let mut command = Command::new(find("smtp-sink")?);
        if is_root() {
            command.args(["-u", "nobody"]);
        }
        let [port] = free_ports();
        let process = command
            .args(options)
            .args([&format!("127.0.0.1:{port}"), "1000"])
            .stdout(Stdio::null())
            .spawn()
            .expect("smtp-sink is installed");
        let sink = Self { process, port };
        assert!(
            await_port(port, Duration::from_secs(10)),
            "smtp-sink {options:?} does not listen"
        );
        Ok(sink)
    }

    /// Where it listens.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new("127.0.0.1", self.port).expect("an address")
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
