//! `postrider try`: the whole story on one machine, with nothing installed and nothing left behind.
//!
//! A mail server (SMTP and POP3, with TLS and log-in) runs in this process. Every step is really done by the parts
//! that `postrider run` consists of, over real connections, and what each step came to is checked.

mod inbound;
mod outbound;
mod person;
mod scene;
mod tell;

use super::run::told_to_stop;
use crate::exit::{Code, Failure, Result};
use crate::output::{self, Style, paint};
use postrider_notify::daemon::{Daemon, LogEvent, Observer};
use scene::Scene;
use std::sync::Arc;
use std::time::Instant;
use tell::{Broken, Teller};

/// Play the whole story.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave the mail server and the daemon running until Ctrl-C, for experiments of your own
    #[arg(long)]
    keep: bool,
}

pub(crate) async fn run(args: Args) -> Result {
    let started = Instant::now();
    let mut teller = Teller::default();
    let scene = match play(&mut teller).await {
        Ok(scene) => scene,
        Err(Broken(why)) => return Err(Failure::new(Code::Software, format!("try: {why}"))),
    };
    teller.summary();
    let seconds = started.elapsed().as_secs_f32();
    let done = paint(
        Style::Good,
        &format!("Everything holds, in {seconds:.1} s."),
    );
    output::line(format!("\n{done}"));
    if args.keep {
        keep(&scene).await?;
    } else {
        output::line(
            "Next: `postrider try --keep` to play yourself, `postrider init DIR` for your own mail server.",
        );
    }
    drop(scene.setup);
    scene.sandbox.shutdown().await;
    Ok(())
}

async fn play(teller: &mut Teller) -> std::result::Result<Scene, Broken> {
    teller.part("A mail server in this process, and the example of `postrider init`");
    let scene = Scene::set().await?;
    teller.say(format!(
        "SMTP on {}, POP3 on {}, both with STARTTLS and log-in; their certificate is signed by an authority made just now.\nDatabase and templates in {}.",
        scene.sandbox.smtp(),
        scene.sandbox.pop3(),
        scene.folder.0.display(),
    ));
    teller.part("Example one: a record changes, and somebody is told");
    outbound::play(&scene, teller).await?;
    teller.part("Example two: answers come back, and act");
    inbound::play(&scene, teller).await?;
    Ok(scene)
}

/// Runs the daemon on the scene until somebody ends it.
async fn keep(scene: &Scene) -> Result {
    let folder = scene.folder.0.display();
    output::line(format!(
        "\n{}",
        paint(
            Style::Head,
            "Still running; Ctrl-C ends everything and removes the folder."
        )
    ));
    output::line(format!("configuration   {folder}/postrider.toml"));
    output::line(format!("authority       {folder}/ca.pem"));
    output::line(format!(
        "SMTP            {} (starttls), {} (tls)",
        scene.sandbox.smtp(),
        scene.sandbox.smtps()
    ));
    output::line(format!(
        "POP3            {} (starttls), {} (tls)",
        scene.sandbox.pop3(),
        scene.sandbox.pop3s()
    ));
    for person in [&scene.support, &scene.ada, &scene.grace, &scene.carol] {
        output::line(format!(
            "mailbox         {} (user {}, password {})",
            person.address, person.user, person.password
        ));
    }
    output::line(format!(
        "for example     postrider -C {folder} record create incident short_description=Tea assigned_to=ada\n"
    ));
    let _lock = scene.setup.lock_daemon()?;
    let observer: Observer = Arc::new(|event: LogEvent| output::line(event));
    let (config, store) = (
        Arc::clone(&scene.setup.config),
        Arc::clone(&scene.setup.store),
    );
    Daemon::new(config, store, observer)?
        .run(told_to_stop())
        .await?;
    Ok(())
}
