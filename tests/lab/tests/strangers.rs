//! Who else is on the way: name servers, portals, and servers that refuse.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant, SystemTime};

use netroam_lab::{Answer, Lab, Names, Net};

const SOON: Duration = Duration::from_secs(20);

/// Connects to port 22 there and reads until the end, or for a while; says something first if told so.
fn hear(lab: &Lab, address: &str, say: &str) -> (Vec<u8>, bool) {
    lab.laptop()
        .within(|| {
            let address = (address, 22).to_socket_addrs()?.next().unwrap();
            let mut stream = TcpStream::connect_timeout(&address, SOON)?;
            stream.write_all(say.as_bytes())?;
            stream.set_read_timeout(Some(Duration::from_millis(300)))?;
            let mut heard = Vec::new();
            let ended = stream.read_to_end(&mut heard).is_ok();
            Ok((heard, ended))
        })
        .unwrap()
}

#[test]
fn a_portal_answers_for_everybody_in_the_cafe() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Cafe).unwrap();
    let everybody = [Lab::SERVER_V4, Lab::SERVER_V6, Lab::INSIDE_V4];
    for (answer, beginning, ends) in [
        (Answer::Http, &b"HTTP/1.1 302 "[..], true),
        (Answer::HttpWhenAsked, b"", false),
        (Answer::TlsAlert, &[0x15, 3, 1, 0, 2, 2, 0x46], true),
        (Answer::Silence, b"", false),
        (Answer::Close, b"", true),
        (Answer::Says(b"220 mail\r\n"), b"220 mail\r\n", true),
    ] {
        let since = SystemTime::now();
        let portal = lab.portal(answer).unwrap();
        for address in everybody {
            let (heard, ended) = hear(&lab, address, "");
            assert_eq!(ended, ends, "{answer:?} of {address}");
            assert!(heard.starts_with(beginning) && heard.is_empty() == beginning.is_empty());
        }
        let accepted = portal.accepted();
        assert_eq!(accepted.len(), everybody.len());
        assert!(accepted.is_sorted() && accepted[0] >= since);
    }
    let portal = lab.portal(Answer::HttpWhenAsked).unwrap();
    assert!(
        hear(&lab, Lab::SERVER_V4, "SSH-2.0-us\r\n")
            .0
            .starts_with(b"HTTP/")
    );
    // Home has none, and the café has none any more.
    lab.move_to(Net::Home).unwrap();
    assert!(hear(&lab, Lab::SERVER_V4, "").0.starts_with(b"SSH-2.0-"));
    assert_eq!(portal.accepted().len(), 1);
    drop(portal);
    lab.move_to(Net::Cafe).unwrap();
    for address in [Lab::SERVER_V4, Lab::SERVER_V6] {
        assert!(hear(&lab, address, "").0.starts_with(b"SSH-2.0-"));
    }
}

#[test]
fn a_portal_that_ends_ends_what_it_keeps() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Cafe).unwrap();
    let portal = lab.portal(Answer::Silence).unwrap();
    let mut stream = lab
        .laptop()
        .within(|| Ok(TcpStream::connect((Lab::SERVER_V4, 22))?))
        .unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let deadline = Instant::now() + SOON;
    while portal.accepted().is_empty() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(portal);
    assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0);
}

#[test]
fn a_stand_in_refuses_in_sshds_words() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    for (answer, words) in [
        (Answer::NOT_ALLOWED, &b"Not allowed at this time\r\n"[..]),
        (Answer::MAX_STARTUPS, b"Exceeded MaxStartups\r\n"),
    ] {
        let stand_in = lab.stand_in(answer).unwrap();
        for address in [Lab::SERVER_V4, Lab::SERVER_V6] {
            assert_eq!(hear(&lab, address, ""), (words.to_vec(), true));
        }
        assert_eq!(stand_in.accepted().len(), 2);
        let said = lab
            .laptop()
            .sh(&format!(
                "! ssh -F {} work true 2>&1",
                lab.ssh_config().display()
            ))
            .unwrap();
        assert!(said.contains("kex_exchange_identification"), "{said}");
    }
    lab.server().start_sshd().unwrap();
    assert!(hear(&lab, Lab::SERVER_V4, "").0.starts_with(b"SSH-2.0-"));
}

#[test]
fn one_name_is_known_inside_only() {
    let lab = Lab::new().unwrap();
    let names = lab.names().unwrap();
    lab.arrive(Net::Cafe).unwrap();
    let sniffer = lab.sniff().unwrap();
    let start = SystemTime::now();
    let ask = |name: &str| {
        lab.laptop()
            .sh(&format!("getent ahostsv4 {name} | cut -d' ' -f1 | uniq"))
            .unwrap()
    };
    let ssh = || {
        lab.laptop()
            .sh(&format!("ssh -F {} corp true", lab.ssh_config().display()))
    };
    // The name servers are asked only when the laptop is told to.
    assert_eq!(ask(Names::CORP), "");
    assert!(names.asked_outside().is_empty());

    lab.set_resolver(Names::OUTSIDE).unwrap();
    assert_eq!(ask(Names::CORP), "");
    let said = format!("{:#}", ssh().unwrap_err());
    assert!(said.contains("Name or service not known"), "{said}");
    let asked = names.asked_outside();
    assert!(
        !asked.is_empty() && asked.iter().all(|question| question.name == Names::CORP),
        "{asked:?}"
    );
    assert!(sniffer.to_name_servers(start).len() > asked.len());

    // Inside cannot be asked from here.
    lab.set_resolver(Names::INSIDE).unwrap();
    assert_eq!(ask(Names::CORP), "");
    assert!(names.asked_inside().is_empty());
    lab.tunnel_up(2).unwrap();
    assert_eq!(ask(Names::CORP).trim(), Lab::INSIDE_V4);
    ssh().unwrap();
    let asked = names.asked_inside();
    assert!(
        asked.iter().any(|question| {
            (question.kind.as_str(), question.name.as_str()) == ("A", Names::CORP)
        }),
        "{asked:?}"
    );
    // Hosts come first, as ever.
    assert_eq!(ask("server4.example").trim(), Lab::SERVER_V4);
}

#[test]
fn noise_keeps_its_pace_and_leaves_the_paths_alone() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    let way = || {
        lab.laptop()
            .ip(&format!("-o route get {}", Lab::SERVER_V4))
            .unwrap()
    };
    let (events, before) = (lab.kernel_events().unwrap(), way());
    let start = SystemTime::now();
    let noise = lab.noise(100).unwrap();
    while start.elapsed().unwrap() < Duration::from_secs(3) {
        assert_eq!(way(), before);
        std::thread::sleep(Duration::from_millis(100));
    }
    let made = noise.end().unwrap();
    assert!((270..400).contains(&made), "{made}");
    let seen = events.since(start);
    assert!(seen.len() >= made && seen.iter().all(|event| !event.default_route));
    for kind in ["NEWLINK", "DELLINK", "NEWADDR", "NEWROUTE", "DELROUTE"] {
        assert!(seen.iter().any(|event| event.kind == kind), "{kind}");
    }
    // Spread over the time, not all at once.
    for tenth in 0..30 {
        let moment = start + Duration::from_millis(100 * tenth);
        let within = |at: SystemTime| {
            at.duration_since(moment)
                .is_ok_and(|after| after < Duration::from_millis(200))
        };
        let count = seen.iter().filter(|event| within(event.at)).count();
        assert!((1..80).contains(&count), "{count} after {tenth} tenths");
    }
    assert!(!lab.laptop().ip("link").unwrap().contains("docker0"));
}
