//! What a real terminal keeps of a session: tmux as the terminal that netroam runs in, and its history line by line.

use std::process::Stdio;

use netroam_lab::{Lab, Net};

use super::support::{eventually, netroam, prompt, status};

const ROWS: usize = 24;
const LOST: &str = "netroam: work: home0 lost ";
const WAITING: &str = "waiting for the network";

/// tmux on the laptop, with nobody's configuration and a server of its own: a terminal of 24 rows and 80 columns in which netroam runs.
struct Outer<'a> {
    lab: &'a Lab,
    socket: String,
    context: &'static str,
}

impl<'a> Outer<'a> {
    /// At home; its user has printed 40 lines, and then attached `context`. At the prompt `READY`.
    fn attached(lab: &'a Lab, context: &'static str, scrollback: &str) -> Self {
        lab.arrive(Net::Home).unwrap();
        let outer = Self {
            lab,
            socket: lab.dir().join("outer").display().to_string(),
            context,
        };
        // The host's key is known, so that ssh has nothing to say of it.
        let command = format!(
            "ssh -F {config} work true; clear; seq -f local-%g 40; \
             exec {} watch --session people --context {context} --scrollback {scrollback} -F {config} work",
            netroam().display(),
            config = lab.ssh_config().display()
        );
        let set = ["set", "-g"];
        let words = [
            &["-f", "/dev/null", "start-server", ";"][..],
            &[&set[..], &["history-limit", "50000", ";"]].concat(),
            &[&set[..], &["status", "off", ";"]].concat(),
            &[&set[..], &["default-terminal", "xterm-256color", ";"]].concat(),
            &["new-session", "-d", "-x", "80", "-y", "24", &command],
        ];
        outer.tmux(&words.concat());
        eventually("the prompt", || outer.last().ends_with('$'));
        outer.enter("PS1=; bind 'set enable-bracketed-paste off'; PS1=READY; clear");
        outer.ready();
        outer
    }

    fn tmux(&self, words: &[&str]) -> String {
        let mut command = self.lab.command("tmux");
        command.args(["-S", &self.socket]).args(words);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = self.lab.spawn(&mut command).unwrap();
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn enter(&self, command: &str) {
        self.tmux(&["send-keys", "-l", command, ";", "send-keys", "Enter"]);
    }

    /// The history and the screen below it, without the bar of the tmux in the session and without empty lines at the end.
    fn lines(&self) -> Vec<String> {
        let mut lines = self.captured(&["-S", "-"]);
        let trim = |lines: &mut Vec<String>| {
            while lines.last().is_some_and(String::is_empty) {
                lines.pop();
            }
        };
        trim(&mut lines);
        if lines
            .last()
            .is_some_and(|line| line.starts_with("[people]"))
        {
            lines.pop();
        }
        trim(&mut lines);
        lines
    }

    /// The history alone.
    fn history(&self) -> Vec<String> {
        self.captured(&["-S", "-", "-E", "-1"])
    }

    fn captured(&self, words: &[&str]) -> Vec<String> {
        let captured = self.tmux(&[&["capture-pane", "-p"], words].concat());
        captured.lines().map(str::to_owned).collect()
    }

    fn last(&self) -> String {
        self.lines().pop().unwrap_or_default()
    }

    fn ready(&self) {
        eventually("the prompt", || self.last() == "READY");
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn shows(&self, text: &str) {
        eventually(text, || self.screen().contains(text));
    }

    fn alternate_screen(&self) -> bool {
        self.tmux(&["display-message", "-p", "#{alternate_on}"]) == "1\n"
    }

    /// Prints numbered lines, one after the other: of a burst, tmux in the session draws only what is left.
    fn print(&self, word: &str, count: usize) {
        let command = format!("for i in $(seq {count}); do echo {word}-$i; sleep .01; done");
        self.enter(&command);
        self.shows(&format!("{word}-{count}\nREADY"));
    }

    fn lose(&self, net: Net) {
        silent(|| self.screen());
        self.lab.leave(net).unwrap();
        self.shows(WAITING);
    }

    /// How many lines of the terminal the session has: tmux's bar takes one.
    fn rows(&self) -> usize {
        match self.context {
            "tmux" => ROWS - 1,
            _ => ROWS,
        }
    }

    /// Waits until the history and the screen are exactly this.
    fn expect(&self, expected: &[String]) {
        let mut lines = Vec::new();
        let same = (0..).find_map(|try_| {
            lines = self.lines();
            (lines == expected || try_ == 100).then_some(lines == expected)
        });
        let at = lines
            .iter()
            .zip(expected)
            .take_while(|(a, b)| a == b)
            .count();
        let around = |lines: &[String]| lines[at.saturating_sub(2)..].to_vec();
        assert!(
            same == Some(true),
            "{}: from line {at} on there is\n{:#?}\ninstead of\n{:#?}",
            self.context,
            around(&lines),
            around(expected)
        );
    }
}

fn numbered(word: &str, numbers: std::ops::RangeInclusive<usize>) -> Vec<String> {
    numbers.map(|number| format!("{word}-{number}")).collect()
}

/// Waits until everything is drawn: in the middle of a picture the cursor is anywhere.
fn silent(screen: impl Fn() -> String) {
    let (mut last, mut same) = (String::new(), 0);
    eventually("silence", || {
        let now = screen();
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same == 20
    });
}

/// The numbered lines with this word.
fn only<'a>(word: &str, lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let has = |line: &&str| {
        line.strip_prefix(word)
            .is_some_and(|rest| rest.starts_with('-'))
    };
    lines.filter(has).map(str::to_owned).collect()
}

/// The line of netroam's that stays.
fn lost(lines: &[String], line: &str) -> String {
    let lost: Vec<_> = lines.iter().filter(|l| l.starts_with(line)).collect();
    assert_eq!(lost.len(), 1, "{lines:#?}");
    assert!(
        !lost[0].trim_start_matches(line).contains(' '),
        "{}",
        lost[0]
    );
    lost[0].clone()
}

#[test]
fn after_an_outage_the_history_goes_on_where_it_was() {
    for context in ["screen", "tmux"] {
        let lab = Lab::new().unwrap();
        let outer = Outer::attached(&lab, context, "native");
        outer.print("before", 300);
        let mut expected = outer.lines();
        // What was on the terminal before it was attached, and every line since, once.
        for (word, count) in [("local", 40), ("before", 300)] {
            let kept = only(word, expected.iter().map(String::as_str));
            assert_eq!(kept, numbered(word, 1..=count), "{context}");
        }
        for (from, to, word) in [
            (Net::Home, Net::Cafe, "then"),
            (Net::Cafe, Net::Home, "later"),
        ] {
            outer.lose(from);
            lab.arrive(to).unwrap();
            outer.ready();
            // One line of netroam's, and the session's screen is drawn again: nothing else.
            let line = format!("netroam: work: {} lost ", from.interface());
            let drawn = expected[expected.len() - outer.rows()..].to_vec();
            expected.push(lost(&outer.lines(), &line));
            expected.extend(drawn);
            outer.expect(&expected);
            outer.print(word, 60);
            let prompt = expected.pop().unwrap();
            expected.push(format!(
                "{prompt}for i in $(seq 60); do echo {word}-$i; sleep .01; done"
            ));
            expected.extend(numbered(word, 1..=60));
            expected.push(prompt);
            outer.expect(&expected);
        }
    }
}

#[test]
fn what_is_printed_meanwhile_is_kept_by_screen_and_tmux_and_the_terminal_gets_the_last_screenful() {
    for (context, copy) in [
        (
            "screen",
            "screen -S people -X hardcopy -h copy; until [ -s copy ]; do sleep .01; done; cat copy",
        ),
        ("tmux", "tmux capture-pane -p -S - -t people"),
    ] {
        let lab = Lab::new().unwrap();
        let outer = Outer::attached(&lab, context, "native");
        outer.enter("until [ -e go ]; do sleep .01; done; seq -f during-%g 200; touch went");
        outer.shows("touch went\n");
        let mut expected = outer.lines();
        outer.lose(Net::Home);
        let dev = lab.server().home_of("dev");
        std::fs::write(dev.join("go"), "").unwrap();
        eventually("the lines", || dev.join("went").exists());
        lab.arrive(Net::Cafe).unwrap();
        outer.ready();
        // The cursor stood on an empty line.
        expected.push(String::new());
        expected.push(lost(&outer.lines(), LOST));
        expected.extend(numbered("during", 202 - outer.rows()..=200));
        expected.push("READY".into());
        outer.expect(&expected);
        let there = lab.server().sh_as("dev", copy).unwrap();
        let there = only("during", there.lines());
        // All of them, but for screen's `defscrollback`, which is 100 where nobody has set it.
        let kept = if context == "tmux" { 200 } else { 100 };
        assert!(there.len() >= kept, "{context}: {there:?}");
        assert!(numbered("during", 1..=200).ends_with(&there), "{there:?}");
    }
}

#[test]
fn of_a_full_screen_program_one_picture_stays_behind() {
    for context in ["screen", "tmux"] {
        for (program, quit) in [("less", "q"), ("vi", ":q!")] {
            let lab = Lab::new().unwrap();
            let outer = Outer::attached(&lab, context, "native");
            outer.print("before", 100);
            outer.enter(&format!("seq -f page-%g 500 > pages; {program} pages"));
            outer.shows("page-20\n");
            silent(|| outer.screen());
            let before = outer.history();
            outer.lose(Net::Home);
            assert_eq!(outer.history()[..before.len()], before);
            lab.arrive(Net::Cafe).unwrap();
            eventually("the page", || {
                !outer.screen().contains(LOST) && outer.screen().contains("page-20\n")
            });
            outer.enter(quit);
            outer.ready();
            // The picture, of which netroam's line took one of its own, and what was scrolled off to quit.
            let history = outer.history();
            let (same, added) = history.split_at(before.len());
            assert_eq!(same, before, "{context} {program}");
            assert!(added.len() <= ROWS + 2, "{context} {program}: {added:#?}");
            lost(added, LOST);
            let pages = only("page", added.iter().map(String::as_str));
            assert!(
                pages.len() <= outer.rows(),
                "{context} {program}: {added:#?}"
            );
            if context == "screen" {
                let lines = outer.lines();
                let kept = only("before", lines.iter().map(String::as_str));
                assert_eq!(kept, numbered("before", 1..=100), "{program}");
            }
        }
    }
}

#[test]
fn with_the_alternate_screen_only_netroams_lines_reach_the_history() {
    for context in ["screen", "tmux"] {
        let lab = Lab::new().unwrap();
        let outer = Outer::attached(&lab, context, "mux");
        outer.print("before", 100);
        assert!(outer.alternate_screen());
        outer.enter("seq -f page-%g 500 > pages; less pages");
        outer.shows("page-20\n");
        let mut expected = numbered("local", 1..=40);
        for (from, to) in [(Net::Home, Net::Cafe), (Net::Cafe, Net::Home)] {
            outer.lose(from);
            assert!(!outer.alternate_screen());
            let mut lines = outer.lines();
            assert!(lines.pop().unwrap().contains(WAITING));
            // The cursor stood on an empty line.
            expected.push(String::new());
            let line = format!("netroam: work: {} lost ", from.interface());
            expected.push(lost(&lines, &line));
            assert_eq!(lines, expected, "{context}");
            lab.arrive(to).unwrap();
            outer.shows("page-20\n");
            assert!(outer.alternate_screen());
        }
    }
}

/// As xterm does, vt100 forgets what `ED 2` clears, and tmux does not.
#[test]
fn a_terminal_that_clears_in_place_keeps_its_lines_as_well() {
    for context in ["screen", "tmux"] {
        let lab = Lab::new().unwrap();
        lab.arrive(Net::Home).unwrap();
        let command = format!(
            "seq -f local-%g 40; exec {} watch --session people --context {context} -F {} work",
            netroam().display(),
            lab.ssh_config().display()
        );
        let terminal = lab.terminal(&["bash", "-c", &command]).unwrap();
        prompt(&terminal);
        let loop_ = "for i in $(seq 60); do echo before-$i; sleep .01; done; until [ -e go ]; do sleep .01; done; seq -f during-%g 50; touch went";
        terminal.type_keys(&format!("{loop_}\r")).unwrap();
        status(&terminal, "before-60");
        silent(|| terminal.screen());
        lab.leave(Net::Home).unwrap();
        status(&terminal, WAITING);
        let dev = lab.server().home_of("dev");
        std::fs::write(dev.join("go"), "").unwrap();
        eventually("the lines", || dev.join("went").exists());
        lab.arrive(Net::Cafe).unwrap();
        status(&terminal, "during-50");
        let history = terminal.history();
        let history: Vec<_> = history.lines().map(str::trim_end).collect();
        for (word, count) in [("local", 40), ("before", 60)] {
            let kept = only(word, history.iter().copied());
            assert_eq!(kept, numbered(word, 1..=count), "{context}");
        }
        let lines: Vec<_> = history.iter().map(|line| (*line).to_owned()).collect();
        lost(&lines, LOST);
        let raw = String::from_utf8_lossy(&terminal.bytes()).into_owned();
        for sequence in ["\x1b[?1049h", "\x1b[?47h", "\x1b[3J"] {
            assert!(!raw.contains(sequence), "{context}: {sequence:?}");
        }
    }
}
/// tmux draws for its client what is left of such a burst.
#[test]
fn screen_passes_on_every_line_of_a_burst() {
    let lab = Lab::new().unwrap();
    let outer = Outer::attached(&lab, "screen", "native");
    outer.enter("seq -f burst-%g 10000");
    outer.shows("burst-10000\nREADY");
    let lines = outer.lines();
    let burst = only("burst", lines.iter().map(String::as_str));
    assert!(burst == numbered("burst", 1..=10_000), "{}", burst.len());
}
