//! Prometheus' Alertmanager: every alert a group of its own, and a mail.

use crate::programs::Programs;
use crate::said;
use bench_rule::{Taken, Watch};
use serde_json::json;
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

const CONFIG: &str = r#"
global:
  smtp_smarthost: '127.0.0.1:@PORT@'
  smtp_from: 'desk@example.org'
  smtp_require_tls: false
route:
  receiver: mail
  group_by: ['...']
  group_wait: 0s
  group_interval: 1h
  repeat_interval: 24h
receivers:
- name: mail
  email_configs:
  - to: 'recipient@example.net'
    headers: { Subject: '{{ .CommonLabels.number }}: {{ .CommonLabels.short_description }}' }
    html: '<h1>{{ .CommonLabels.number }}: {{ .CommonLabels.short_description }}</h1><p>Opened by {{ .CommonLabels.opened_by }}, priority {{ .CommonLabels.priority }}</p><p>{{ .CommonAnnotations.description }}</p><ol>{{ range .CommonAnnotations.SortedPairs }}<li>{{ .Value }}</li>{{ end }}</ol>'
    text: '{{ .CommonLabels.number }}: {{ .CommonLabels.short_description }} {{ .CommonLabels.opened_by }} {{ .CommonLabels.priority }} {{ .CommonAnnotations.description }}'
"#;

/// A running Alertmanager, stopped when dropped.
#[derive(Debug)]
pub struct Alertmanager {
    port: u16,
    child: Child,
    posted: Cell<usize>,
}

impl Alertmanager {
    /// Starts it; it sends to that port.
    ///
    /// # Errors
    /// If it is not installed, or does not answer.
    pub fn start(programs: &Programs, smtp: u16) -> Result<Self, String> {
        let program = ["/usr/bin/prometheus-alertmanager", "/usr/local/bin/alertmanager"]
            .into_iter()
            .find(|p| fs::exists(p).unwrap_or(false))
            .ok_or("Alertmanager is not installed (package prometheus-alertmanager)")?;
        let config = programs.path("alertmanager.yml");
        fs::write(&config, CONFIG.replace("@PORT@", &smtp.to_string())).map_err(said)?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(said)?.port();
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", programs.path("alertmanager").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(said)?;
        let manager = Self { port, child, posted: Cell::new(0) };
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if manager.sent().is_ok() {
                return Ok(manager);
            }
            // It says nothing when it is ready, so one has to ask.
            thread::sleep(Duration::from_millis(20));
        }
        Err("Alertmanager does not answer".into())
    }

    /// Alerts in one POST, until its metrics count all mails.
    ///
    /// # Errors
    /// If it does not send them within a minute.
    pub fn round(&self, mails: usize) -> Result<Taken, String> {
        let before = self.sent()?;
        let alerts: Vec<_> = (0..mails).map(|n| alert(self.posted.get() + n)).collect();
        self.posted.set(self.posted.get() + mails);
        let body = serde_json::to_string(&alerts).map_err(said)?;
        let watch = Watch::start();
        self.http("POST /api/v2/alerts", &body)?;
        let end = Instant::now() + Duration::from_secs(60);
        while self.sent()? < before + mails {
            if Instant::now() > end {
                return Err(format!("sent {} of {mails} within a minute", self.sent()? - before));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(watch.stop_wall())
    }

    /// Mails sent so far, by its own count.
    fn sent(&self) -> Result<usize, String> {
        let metrics = self.http("GET /metrics", "")?;
        let count = |name: &str| {
            let line = metrics.lines().find(|line| line.starts_with(name))?;
            line.rsplit(' ').next()?.parse::<f64>().ok()
        };
        let all = count("alertmanager_notifications_total{integration=\"email\"").ok_or("no such metric")?;
        let failed = count("alertmanager_notifications_failed_total{integration=\"email\"").unwrap_or(0.0);
        Ok((all - failed) as usize)
    }

    fn http(&self, what: &str, body: &str) -> Result<String, String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(said)?;
        let head = format!(
            "{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).map_err(said)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(said)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        if answer.starts_with("HTTP/1.1 200") { Ok(answer) } else { Err(answer) }
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn alert(n: usize) -> serde_json::Value {
    json!({
        "labels": {
            "alertname": "escalated",
            "number": format!("INC{n:07}"),
            "short_description": format!("Printer {n} on fire"),
            "priority": "1",
            "opened_by": "Grace Hopper",
        },
        "annotations": {
            "description": "There is smoke & light where there should be paper. ".repeat(8),
            "step1": "unplug", "step2": "open the window", "step3": "leave the room", "step4": "call somebody",
        },
    })
}
