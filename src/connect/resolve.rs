//! Names to addresses, by the system's resolver.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::watch;

/// What the resolver said: addresses in the order of its preference (RFC 6724), or its words.
pub type Addresses = Result<Vec<SocketAddr>, String>;

/// Asks the system's resolver, which blocks and cannot be interrupted: at most one question is under way, whatever happens.
///
/// Each question has a thread of its own that ends with it. A resolver that hangs therefore costs one thread, never a pile;
/// and as nobody waits for that thread, it keeps neither the runtime nor the process from ending.
///
/// Nothing is cached: answers depend on the network that the laptop is in. (glibc reads `resolv.conf` anew when it changed.)
pub struct Resolver {
    lookup: Arc<Lookup>,
    under_way: Mutex<Option<Question>>,
}

type Lookup = dyn Fn(&str, u16) -> Addresses + Send + Sync;

#[derive(Clone)]
struct Question {
    host: String,
    port: u16,
    answer: watch::Receiver<Option<Addresses>>,
}

impl Resolver {
    /// The system's resolver, getaddrinfo(3).
    pub fn system() -> Self {
        Self::with(system)
    }

    /// A resolver that asks `lookup`, on a thread of its own.
    pub fn with(lookup: impl Fn(&str, u16) -> Addresses + Send + Sync + 'static) -> Self {
        Self {
            lookup: Arc::new(lookup),
            under_way: Mutex::new(None),
        }
    }

    /// The addresses of `host`, of any family. Numbers need no thread. Cancel-safe: a question goes on without its asker.
    ///
    /// A question that is under way is joined. As it may have been asked in another network, only its success counts: after its
    /// failure, or when it was about another host, this question is asked once that one is out of the way.
    ///
    /// # Errors
    /// The resolver's words.
    pub async fn addresses(&self, host: &str, port: u16) -> Addresses {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        loop {
            let (mut question, joined) = self.ask(host, port)?;
            let answer = match question.answer.wait_for(Option::is_some).await {
                Ok(answer) => answer.clone(),
                Err(_) => None,
            };
            let answer = answer.unwrap_or_else(|| Err("the resolver failed".to_owned()));
            let about_this = question.host == host && question.port == port;
            if !joined || (about_this && answer.is_ok()) {
                return answer;
            }
        }
    }

    /// The question under way, or a new one; and whether it was under way.
    fn ask(&self, host: &str, port: u16) -> Result<(Question, bool), String> {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // A thread that panicked has dropped its sender without an answer.
        if let Some(question) = &*under_way
            && question.answer.borrow().is_none()
            && question.answer.has_changed().is_ok()
        {
            return Ok((question.clone(), true));
        }
        let (sender, answer) = watch::channel(None);
        let question = Question {
            host: host.to_owned(),
            port,
            answer,
        };
        let (lookup, host) = (Arc::clone(&self.lookup), host.to_owned());
        thread::Builder::new()
            .name("resolver".to_owned())
            .spawn(move || {
                sender.send_replace(Some(lookup(&host, port)));
            })
            .map_err(|error| format!("no thread for the resolver: {error}"))?;
        *under_way = Some(question.clone());
        Ok((question, false))
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

fn system(host: &str, port: u16) -> Addresses {
    match (host, port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(words(&error)),
    }
}

/// `gai_strerror(3)`'s words, which the standard library puts behind its own.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let own = "failed to lookup address information: ";
    text.strip_prefix(own).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        time::Duration,
    };

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn numbers_need_no_resolver() {
        let resolver = Resolver::with(|_, _| panic!("asked"));
        assert_eq!(
            resolver.addresses("::1", 22).await.unwrap(),
            ["[::1]:22".parse().unwrap()]
        );
        assert_eq!(
            resolver.addresses("192.0.2.1", 22).await.unwrap(),
            ["192.0.2.1:22".parse().unwrap()]
        );
    }

    #[tokio::test]
    async fn the_system_knows_localhost_and_says_why_a_name_is_unknown() {
        let resolver = Resolver::system();
        assert!(
            resolver
                .addresses("localhost", 2222)
                .await
                .unwrap()
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 2222)
        );
        let words = resolver.addresses("no such name", 22).await.unwrap_err();
        assert!(
            !words.is_empty() && !words.contains("lookup address"),
            "{words}"
        );
    }

    /// A lookup that answers what the test sends, counts its calls, and hangs until then.
    fn scripted() -> (Resolver, mpsc::Sender<Addresses>, Arc<AtomicUsize>) {
        let (sender, receiver) = mpsc::channel();
        let receiver = Mutex::new(receiver);
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let resolver = Resolver::with(move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            receiver.lock().unwrap().recv().unwrap()
        });
        (resolver, sender, calls)
    }

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_hung_question_is_joined_not_repeated() {
        let (resolver, answers, calls) = scripted();
        for _ in 0..20 {
            assert!(timeout(SHORT, resolver.addresses("gw1", 22)).await.is_err());
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        let found: Vec<SocketAddr> = vec!["192.0.2.1:22".parse().unwrap()];
        let (first, second, ()) = tokio::join!(
            resolver.addresses("gw1", 22),
            resolver.addresses("gw1", 22),
            async { answers.send(Ok(found.clone())).unwrap() }
        );
        assert_eq!((first.unwrap(), second.unwrap()), (found.clone(), found));
    }

    #[tokio::test]
    async fn a_failure_of_a_question_from_before_is_no_answer() {
        let (resolver, answers, calls) = scripted();
        assert!(timeout(SHORT, resolver.addresses("gw1", 22)).await.is_err());
        let found: Vec<SocketAddr> = vec!["10.8.0.1:22".parse().unwrap()];
        let joined = resolver.addresses("gw1", 22);
        let answer = async {
            answers.send(Err("Temporary failure".into())).unwrap();
            answers.send(Ok(found.clone())).unwrap();
        };
        assert_eq!(tokio::join!(joined, answer).0.unwrap(), found);
        assert_eq!(calls.load(Ordering::SeqCst), 2);
        // The one who asked it takes the failure.
        answers
            .send(Err("Name or service not known".into()))
            .unwrap();
        assert_eq!(
            resolver.addresses("gw1", 22).await.unwrap_err(),
            "Name or service not known"
        );
    }

    #[tokio::test]
    async fn a_question_about_another_host_waits_for_its_turn() {
        let (resolver, answers, calls) = scripted();
        assert!(timeout(SHORT, resolver.addresses("gw1", 22)).await.is_err());
        assert!(timeout(SHORT, resolver.addresses("gw2", 22)).await.is_err());
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        answers
            .send(Ok(vec!["192.0.2.1:22".parse().unwrap()]))
            .unwrap();
        answers
            .send(Ok(vec!["192.0.2.2:22".parse().unwrap()]))
            .unwrap();
        assert_eq!(
            resolver.addresses("gw2", 22).await.unwrap(),
            ["192.0.2.2:22".parse().unwrap()]
        );
    }

    #[test]
    fn a_hung_question_does_not_keep_the_runtime_from_ending() {
        let (resolver, answers, _calls) = scripted();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            assert!(timeout(SHORT, resolver.addresses("gw1", 22)).await.is_err());
        });
        // Would hang here for ever with the runtime's own pool of blocking threads.
        drop(runtime);
        drop(answers);
    }
}
