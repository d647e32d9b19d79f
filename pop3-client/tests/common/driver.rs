//! Logging in to a scripted server with the tokio driver.

use super::server::Server;
use postrider_pop3::{Client, Config, Credentials, Endpoint, Error, Security};

pub fn config(endpoint: Endpoint) -> Config {
    Config::new(endpoint)
        .security(Security::None)
        .credentials(Credentials::password("tim", "tanstaaf").unwrap())
        .danger_allow_clear_text_credentials()
}

/// Logs in to the scripted server and does something there: its result, and the commands that the server saw.
pub async fn with<T>(
    server: Server,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, Error>,
) -> (Result<T, Error>, Vec<String>) {
    let (endpoint, commands) = server.start();
    let result = match Client::connect(&config(endpoint)).await {
        Ok(mut client) => work(&mut client).await,
        Err(error) => Err(error),
    };
    (result, commands.join().unwrap())
}
