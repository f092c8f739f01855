use super::*;

fn problems(text: &str) -> Vec<String> {
    let problems = Configuration::parse(text).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_host_goes_before_the_defaults() {
    let text = "[defaults]\ncontext = 'tmux'\nstall = 20\n[host.gw1]\ncontext = 'screen'\n";
    let configuration = Configuration::parse(text).unwrap();
    let gw1 = configuration.for_host("gw1");
    assert_eq!(
        (gw1.context, gw1.stall),
        (Some(ContextChoice::Screen), Some(20))
    );
    assert_eq!(
        configuration.for_host("other").context,
        Some(ContextChoice::Tmux)
    );
}

#[test]
fn a_host_has_its_own_hooks_and_may_have_none() {
    let text = "[defaults]\non-wait = 'beep'\non-attached = 'hello'\nnotify = false\n\
        [host.gw1]\non-wait = ''\non-taken-over = 'bye'\nnotify = true\n";
    let gw1 = Configuration::parse(text).unwrap().for_host("gw1");
    let hooks = Hooks {
        wait: None,
        attached: Some("hello".into()),
        taken_over: Some("bye".into()),
    };
    assert_eq!((gw1.hooks(), gw1.notify), (hooks, Some(true)));
}

#[test]
fn a_named_session_has_a_host_options_of_ssh_and_all_that_watch_has() {
    let text = "[session.web]\nhost = 'me@gw1'\nssh = ['-N', '-L', '8080:web:80']\nvia = 'tunnel'\nstall = 30\non-wait = 'beep'\n\
        [session.log]\nhost = 'gw2'\ncommand = 'tail -f log'\nrerun = true\n";
    let configuration = Configuration::parse(text).unwrap();
    let web = &configuration.session["web"];
    assert_eq!((web.host.as_str(), web.ssh.len()), ("me@gw1", 3));
    assert_eq!(web.preferences.via, Some(Via::Tunnel));
    assert_eq!(web.preferences.stall, Some(30));
    assert_eq!(web.preferences.on_wait.as_deref(), Some("beep"));
    let log = &configuration.session["log"];
    assert_eq!(
        (log.command.as_deref(), log.rerun),
        (Some("tail -f log"), true)
    );
    assert_eq!(log.preferences, Preferences::default());
}

#[test]
fn every_key_that_is_known_is_read() {
    let values = "session = 'a'\ncontext = 'none'\nscrollback = 'mux'\nvia = 'any'\ndial = 'ssh'\nevents = 'portable'\nstall = 3\n\
        on-wait = 'b'\non-attached = 'c'\non-taken-over = 'd'\nnotify = false\n";
    let Preferences {
        session,
        context,
        scrollback,
        via,
        dial,
        events,
        stall,
        on_wait,
        on_attached,
        on_taken_over,
        notify,
    } = Configuration::parse(&format!("[defaults]\n{values}"))
        .unwrap()
        .defaults;
    assert!(session.is_some() && context.is_some() && scrollback.is_some() && via.is_some());
    assert!(dial.is_some() && events.is_some() && stall.is_some() && notify.is_some());
    assert!(on_wait.is_some() && on_attached.is_some() && on_taken_over.is_some());
    Configuration::parse(&format!("[session.x]\nhost = 'h'\n{values}")).unwrap();
    Configuration::parse(&format!("[host.'10.0.0.1']\n{values}")).unwrap();
}

#[test]
fn an_error_says_where_it_is_and_what_was_meant() {
    for (text, says) in [
        (
            "[defaults]\nstall = 20\ncontxt = 'tmux'\n",
            "line 3, column 1: unknown key `contxt`, did you mean `context`?",
        ),
        (
            "[sesion.web]\nhost = 'h'\n",
            "line 1, column 2: unknown key `sesion`, did you mean `session`?",
        ),
        (
            "[session.web]\nhost = 'h'\nshh = []\n",
            "line 3, column 1: unknown key `shh`, did you mean `ssh`?",
        ),
        (
            "[host.gw1]\nzzz = 1\n",
            "line 2, column 1: unknown key `zzz`",
        ),
        (
            "[session.'a b']\nhost = 'h'\n",
            "line 1, column 10: a session name cannot have ' ' in it: only letters, digits, '-' and '_'",
        ),
        (
            "[defaults]\nstall = 2\n",
            "line 2, column 9: must be at least 3 seconds",
        ),
    ] {
        assert_eq!(problems(text), [says]);
    }
    for (text, starts) in [
        ("[defaults]\ncontext = 'vim'\n", "line 2, column 11: "),
        (
            "[session.web]\nvia = 'tunnel'\n",
            "line 1, column 1: missing field `host`",
        ),
        (
            "[session.web]\nhost = 'h'\nstall = 'x'\n",
            "line 3, column 9: ",
        ),
        (
            "[session.web]\nhost = 'h'\nssh = '-N'\n",
            "line 3, column 7: ",
        ),
        ("[session.web\n", "line 1, column 13: "),
    ] {
        let all = problems(text);
        assert!(all.len() == 1 && all[0].starts_with(starts), "{all:?}");
    }
}

#[test]
fn all_wrong_keys_are_said_at_once() {
    let all =
        problems("[defaults]\nvai = 'any'\n[host.a]\nstal = 3\n[session.b]\nhost = 1\nhots = 2\n");
    let lines: Vec<_> = all
        .iter()
        .map(|problem| problem.split(',').next().unwrap())
        .collect();
    assert_eq!(lines, ["line 2", "line 4", "line 6", "line 7"]);
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let error = Configuration::read(Some(Path::new("/nonexistent/netroam.toml"))).unwrap_err();
    assert!(
        format!("{error:#}").contains("/nonexistent/netroam.toml: No such file"),
        "{error:#}"
    );
}

#[test]
fn wrong_sessions_are_said_in_the_order_of_the_file() {
    let text = "[session.b]\nhost = ''\n[session.a]\nhost = ''\n";
    let configuration = Configuration::parse(text).unwrap();
    let version = Version { major: 9, minor: 2 };
    let wrong = super::check::sessions(text, &configuration, version);
    let lines: Vec<_> = wrong.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [2, 4]);
}
