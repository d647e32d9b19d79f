use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use std::{fs, io};

/// Postfix's smtp-sink, stopped when dropped.
#[derive(Debug)]
pub struct SmtpSink {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    child: Child,
}

impl SmtpSink {
    /// Starts it.
    ///
    /// # Errors
    /// If it is not installed, or does not listen.
    pub fn start() -> io::Result<Self> {
        let program = ["/usr/sbin/smtp-sink", "/usr/bin/smtp-sink", "/usr/libexec/postfix/smtp-sink"]
            .into_iter()
            .find(|p| fs::exists(p).unwrap_or(false))
            .ok_or_else(|| io::Error::other("smtp-sink is not installed (package postfix)"))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut child = Command::new(program)
            .args(["-u", "nobody", &format!("127.0.0.1:{port}"), "100"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(Self { port, child });
            }
            if child.try_wait()?.is_some() {
                break;
            }
            // It says nothing when it is ready, so one has to ask.
            sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        Err(io::Error::other("smtp-sink does not listen"))
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
