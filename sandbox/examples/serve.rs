//! Keeps a sandbox running until it is interrupted, and prints its ports and, at the end of each mail, what came.
//!
//! `cargo run -p postrider-sandbox --example serve [SMTP-PORT SMTPS-PORT POP3-PORT POP3S-PORT]`

use postrider_sandbox::Sandbox;
use std::time::Duration;

const A_DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let ports: Vec<u16> = std::env::args()
        .skip(1)
        .filter_map(|port| port.parse().ok())
        .collect();
    let port = |index: usize| ports.get(index).copied().unwrap_or(0);
    let sandbox = Sandbox::builder()
        .mailbox("ada@example.org", "ada", "password")
        .catch_all("ada@example.org")
        .clear_text_auth(true)
        .smtp_port(port(0))
        .smtps_port(port(1))
        .pop3_port(port(2))
        .pop3s_port(port(3))
        .start()
        .await?;

    say(&format!("SMTP  {}  (STARTTLS)", sandbox.smtp()));
    say(&format!("SMTPS {}", sandbox.smtps()));
    say(&format!("POP3  {}  (STLS)", sandbox.pop3()));
    say(&format!("POP3S {}", sandbox.pop3s()));
    say("user ada, password password; every recipient is ada@example.org");
    say(sandbox.ca_pem());
    let mut last = 0;
    loop {
        if let Ok(mail) = sandbox.wait_for(|mail| mail.id > last, A_DAY).await {
            last = mail.id;
            let size = mail.content.len();
            say(&format!("mail {last} from <{}>, {size} octets", mail.from));
        }
    }
}

#[allow(clippy::print_stdout)]
fn say(text: &str) {
    println!("{text}");
}
