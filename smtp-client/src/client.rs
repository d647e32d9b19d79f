//! The driver: a socket, a clock and TLS around the machines. It knows nothing of SMTP.

mod open;
mod pump;
mod steps;
mod streaming;

use crate::outcome::name_server;
use crate::planner::Planner;
use crate::{
    Argument, Capabilities, Command, Config, Connection, Endpoint, Envelope, Error, Mail,
    RecipientOutcome, Reply, State,
};
use postrider_wire::Stream;
use pump::Wire;
use tokio::time::timeout;

/// One connection to a server, ready to send mail.
///
/// # Cancel safety
/// Every future may be dropped at any point. Dropping that of [`connect`](Self::connect) closes the connection. Dropping
/// any other, once it was polled, leaves the connection in the middle of a dialogue: [`is_usable`](Self::is_usable) is
/// false then, later calls fail without writing anything, and nothing is sent again behind anybody's back. Mails that
/// [`send_each`](Self::send_each) has told of are settled; those that it has not are as good as
/// [`Unknown`](crate::Outcome::Unknown): the server may have taken them.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    connection: Connection,
    config: Config,
    /// A future is at work, or was dropped at work.
    busy: bool,
}

impl Client {
    /// Connects and opens a session: greeting, EHLO (or HELO), STARTTLS and EHLO again, AUTH, as the configuration asks.
    ///
    /// # Errors
    /// If the server cannot be reached, or does not open a session on these terms.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        open::connect(config)
            .await
            .map_err(|error| error.at(config.endpoint()))
    }

    /// The same over a stream of the caller's own: a tunnel, or a pipe in a test. [`Security::Tls`](crate::Security::Tls)
    /// makes the handshake first.
    ///
    /// # Errors
    /// If the server does not open a session on these terms.
    pub async fn connect_over(config: &Config, stream: Stream) -> Result<Self, Error> {
        open::open(config, stream)
            .await
            .map_err(|error| error.at(config.endpoint()))
    }

    /// Sends a message, and says for each recipient what became of it, in the envelope's order.
    ///
    /// There is always one verdict for each recipient. A connection lost before the final dot gives
    /// [`Deferred`](crate::Outcome::Deferred), after it [`Unknown`](crate::Outcome::Unknown).
    pub async fn send(&mut self, envelope: &Envelope, message: &[u8]) -> Vec<RecipientOutcome> {
        let mut outcomes = Vec::new();
        let mails = [Mail { envelope, message }];
        self.send_each(&mails, |_, settled| outcomes = settled)
            .await;
        outcomes
    }

    /// Sends many mails, each as soon as the server permits it: the verdicts, one list for each mail.
    pub async fn send_all(&mut self, mails: &[Mail<'_>]) -> Vec<Vec<RecipientOutcome>> {
        let mut outcomes = vec![Vec::new(); mails.len()];
        self.send_each(mails, |index, settled| {
            if let Some(slot) = outcomes.get_mut(index) {
                *slot = settled;
            }
        })
        .await;
        outcomes
    }

    /// The same; `settled` is told of each mail by its index as soon as all its recipients are settled.
    pub async fn send_each(
        &mut self,
        mails: &[Mail<'_>],
        settled: impl FnMut(usize, Vec<RecipientOutcome>),
    ) {
        self.send_heard(mails, settled).await;
    }

    /// The same; false if the connection turned out to be dead before the server had answered anything.
    pub(super) async fn send_heard(
        &mut self,
        mails: &[Mail<'_>],
        mut settled: impl FnMut(usize, Vec<RecipientOutcome>),
    ) -> bool {
        self.begin_to_send();
        let endpoint = self.config.endpoint();
        let policy = self.config.policy();
        let mut planner = Planner::new(&mut self.connection, policy, mails);
        let times = self.config.times();
        self.wire
            .run(&mut planner, None, times, |index, mut outcomes| {
                name_server(&mut outcomes, endpoint);
                settled(index, outcomes);
            })
            .await;
        let heard = planner.has_heard();
        self.end_sending();
        heard
    }

    /// Whether another mail can be sent: false once the connection is closed or out of step.
    pub fn is_usable(&self) -> bool {
        let is_ready = self.connection.state() == State::Ready;
        !self.busy && is_ready && self.connection.mails_left() != Some(0)
    }

    /// How many mails the server still takes on this connection, if it names a limit (RFC 9422).
    pub fn mails_left(&self) -> Option<u64> {
        self.connection.mails_left()
    }

    /// Whether TLS is in place.
    pub fn is_tls(&self) -> bool {
        self.wire.is_tls()
    }

    /// Protocol version and cipher suite, such as `TLSv1_3, TLS13_AES_256_GCM_SHA384`; `None` in clear text.
    pub fn tls_description(&self) -> Option<String> {
        self.wire.tls_description()
    }

    /// What the server offers.
    pub fn capabilities(&self) -> &Capabilities {
        self.connection.capabilities()
    }

    /// The server.
    pub fn endpoint(&self) -> &Endpoint {
        self.config.endpoint()
    }

    /// Says NOOP (RFC 5321 §4.1.1.9).
    ///
    /// # Errors
    /// If the connection is lost. A reply that says no is not an error.
    pub async fn noop(&mut self) -> Result<Reply, Error> {
        self.command(&Command::Noop).await
    }

    /// Asks whether an address exists (RFC 5321 §4.1.1.6). Few servers say.
    ///
    /// # Errors
    /// As [`noop`](Self::noop).
    pub async fn verify(&mut self, address: &Argument) -> Result<Reply, Error> {
        self.command(&Command::Vrfy(address)).await
    }

    /// Asks who is on a list (RFC 5321 §4.1.1.7). Few servers say.
    ///
    /// # Errors
    /// As [`noop`](Self::noop).
    pub async fn expand(&mut self, list: &Argument) -> Result<Reply, Error> {
        self.command(&Command::Expn(list)).await
    }

    /// Asks for help, perhaps about a command (RFC 5321 §4.1.1.8).
    ///
    /// # Errors
    /// As [`noop`](Self::noop).
    pub async fn help(&mut self, topic: Option<&Argument>) -> Result<Reply, Error> {
        self.command(&Command::Help(topic)).await
    }

    /// Asks the server to start the queue for a node (RFC 1985).
    ///
    /// # Errors
    /// As [`noop`](Self::noop); also if the server does not offer ETRN.
    pub async fn start_queue(&mut self, node: &Argument) -> Result<Reply, Error> {
        self.command(&Command::Etrn(node)).await
    }

    /// Says QUIT, waits briefly for the answer, and closes. Nothing that happens now matters to any mail.
    pub async fn quit(mut self) {
        if !self.busy {
            let patience = self.config.times().quit;
            let goodbye = async {
                let _ = self.say(&Command::Quit).await;
                self.wire.shut_down().await;
            };
            let _ = timeout(patience, goodbye).await;
        }
    }
}
