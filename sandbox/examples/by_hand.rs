//! A dialogue with both machines, without a network: a mail goes in by SMTP and comes out by POP3.

use bytes::BytesMut;
use postrider_sandbox::{Machine, Next, Pop3Server, Sandbox, SmtpServer};

fn main() -> std::io::Result<()> {
    let service = Sandbox::builder()
        .mailbox("ada@example.org", "ada", "password")
        .require_auth(false)
        .clear_text_auth(true)
        .service()?;
    let mail = b"EHLO client.example\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n\
        Subject: hello\r\n\r\n..a dot\r\n.\r\nQUIT\r\n";
    talk(SmtpServer::new(&service), mail);
    let fetch = b"USER ada\r\nPASS password\r\nUIDL\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n";
    talk(Pop3Server::new(&service), fetch);
    Ok(())
}

/// Hands everything to the server at once, and shows what it says.
#[allow(clippy::print_stdout)]
fn talk(mut server: impl Machine, said: &[u8]) {
    let (mut input, mut out) = (BytesMut::from(said), BytesMut::new());
    let mut step = server.greet(&mut out);
    loop {
        if !step.said.is_empty() {
            println!("C: {}", step.said);
        }
        for line in String::from_utf8_lossy(&out.split()).lines() {
            println!("S: {line}");
        }
        if step.next != Next::Continue {
            break;
        }
        match server.receive(&mut input, &mut out) {
            Some(next) => step = next,
            None => break,
        }
    }
}
