use super::Connection;
use crate::{Command, Local, Request, State};
use bytes::BytesMut;

impl Connection {
    /// Appends a command to `out`.
    ///
    /// # Errors
    /// [`Local`] if it may not be sent now: wrong state, or something in flight that it cannot share with. Nothing is
    /// written then, and nothing has changed.
    pub fn send(&mut self, command: &Command, out: &mut BytesMut) -> Result<(), Local> {
        let request = command.request();
        let state = self.permit(request)?;
        match command {
            Command::Auth(mechanism, credentials) => {
                self.begin_dialogue(*mechanism, credentials, out)?
            }
            #[cfg(feature = "apop")]
            Command::Apop(name, password) => {
                let greeting = self.greeting.as_ref().ok_or(Local::NoTimestamp)?;
                let digest = super::apop::write(name, password, greeting, out)?;
                self.secrets.add(&digest);
                self.secrets.add(password.secret());
            }
            Command::Pass(password) => {
                self.secrets.add(password.secret());
                command.write(out);
            }
            other => other.write(out),
        }
        if let Request::Dele(_) = request {
            self.maildrop.message_deleted();
        }
        self.state = state;
        self.awaited.push_back(request);
        Ok(())
    }

    /// The state after sending, if sending is permitted.
    fn permit(&self, request: Request) -> Result<State, Local> {
        let wrong_state = Local::WrongState {
            request,
            state: self.state,
        };
        let state = self.state.after_sending(request).ok_or(wrong_state)?;
        if let Some(awaited) = self.awaited.back().copied() {
            let alone = request.is_barrier() || awaited.is_barrier();
            if alone || !self.capabilities.pipelining() {
                return Err(Local::InFlight { request, awaited });
            }
        }
        match request {
            Request::Pass if !self.user_accepted => Err(Local::PassWithoutUser),
            Request::Stls if self.tls || self.utf8 => Err(Local::TooLateForStls),
            _ => Ok(state),
        }
    }
}
