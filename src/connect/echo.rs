//! Asking a pair of forwards for an echo: what is sent into a port here has to come back, through ssh and the server.

use std::{io, net::Ipv4Addr, time::Duration};

use thiserror::Error;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Questions before the answer is no. A connection that ssh accepts while its own is moving may be lost with it.
const QUESTIONS: u32 = 2;

/// A loop of forwards.
#[derive(Debug)]
pub struct Loop {
    /// The local port whose forward leads to the server.
    pub port: u16,
    /// Where what was sent comes back; `None`: over the same connection, from a service of the server's (RFC 862).
    pub back: Option<TcpListener>,
    /// How long each step may take.
    pub patience: Duration,
    /// Words of the user's own at the end of what is sent.
    pub message: String,
}

/// Why there was no echo.
#[derive(Debug, Error)]
pub enum NoEcho {
    /// ssh does not listen.
    #[error("nobody listens on port {0}")]
    Refused(u16),
    /// Something came back, but not what was sent.
    #[error("what came back is not what was sent")]
    Other,
    /// Nothing came back.
    #[error("nothing came back in time")]
    Silence,
    /// A socket failed.
    #[error("{0}")]
    Failed(#[from] io::Error),
}

impl Loop {
    /// Asks.
    ///
    /// What is sent begins with a number that nobody can guess, so that another user of this machine who connects to the port is not taken for the
    /// echo.
    ///
    /// # Errors
    /// [`NoEcho`], of the last question; one to a port where nobody listens is the last.
    pub async fn ask(&self) -> Result<(), NoEcho> {
        let mut outcome = Err(NoEcho::Silence);
        for _ in 0..QUESTIONS {
            let question = format!("{:032x} {}\r\n", fastrand::u128(..), self.message);
            outcome = match timeout(self.patience, self.once(question.as_bytes())).await {
                Ok(outcome) => outcome,
                Err(_) => Err(NoEcho::Silence),
            };
            if matches!(outcome, Ok(()) | Err(NoEcho::Refused(_))) {
                break;
            }
        }
        outcome
    }

    async fn once(&self, question: &[u8]) -> Result<(), NoEcho> {
        let mut out = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
            .await
            .map_err(|error| {
                if error.kind() == io::ErrorKind::ConnectionRefused {
                    NoEcho::Refused(self.port)
                } else {
                    error.into()
                }
            })?;
        out.write_all(question).await?;
        let Some(back) = &self.back else {
            return read(&mut out, question).await;
        };
        loop {
            let (mut came, _) = back.accept().await?;
            // A stranger, or the echo of an earlier question: the next one may be ours.
            if read(&mut came, question).await.is_ok() {
                return Ok(());
            }
        }
    }
}

async fn read(from: &mut TcpStream, question: &[u8]) -> Result<(), NoEcho> {
    let mut answer = vec![0; question.len()];
    from.read_exact(&mut answer).await?;
    if answer == question {
        Ok(())
    } else {
        Err(NoEcho::Other)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpSocket;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    async fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    fn echo(port: u16, back: Option<TcpListener>) -> Loop {
        Loop {
            port,
            back,
            patience: PATIENCE,
            message: "words".into(),
        }
    }

    #[tokio::test]
    async fn what_comes_back_over_another_connection_is_an_echo_whoever_connects_before() {
        let (there, port) = listener().await;
        let (back, back_port) = listener().await;
        let stranger = TcpStream::connect((Ipv4Addr::LOCALHOST, back_port))
            .await
            .unwrap();
        drop(stranger);
        tokio::spawn(async move {
            let (mut from, _) = there.accept().await.unwrap();
            let mut to = TcpStream::connect((Ipv4Addr::LOCALHOST, back_port))
                .await
                .unwrap();
            tokio::io::copy(&mut from, &mut to).await.unwrap();
        });
        echo(port, Some(back)).ask().await.unwrap();
    }

    #[tokio::test]
    async fn a_service_that_answers_on_the_same_connection_is_one_too() {
        let (service, port) = listener().await;
        tokio::spawn(async move {
            let (mut stream, _) = service.accept().await.unwrap();
            let (mut from, mut to) = stream.split();
            tokio::io::copy(&mut from, &mut to).await.unwrap();
        });
        echo(port, None).ask().await.unwrap();
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_said_at_once() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let port = socket.local_addr().unwrap().port();
        let outcome = echo(port, None).ask().await;
        assert!(matches!(outcome, Err(NoEcho::Refused(_))), "{outcome:?}");
    }

    #[tokio::test]
    async fn silence_and_other_words_are_no_echo() {
        let (silent, port) = listener().await;
        let mut asked = echo(port, None);
        asked.patience = Duration::from_millis(50);
        assert!(matches!(asked.ask().await, Err(NoEcho::Silence)));
        drop(silent);
        let (service, port) = listener().await;
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = service.accept().await.unwrap();
                stream.write_all(&[b'x'; 200]).await.unwrap();
            }
        });
        assert!(matches!(echo(port, None).ask().await, Err(NoEcho::Other)));
    }
}
