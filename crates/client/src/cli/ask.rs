//! A question to whoever sits at the terminal.

use std::{
    io::{BufRead, IsTerminal as _, stdin},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// A question that nobody answers must hold up no vote for long.
const PATIENCE: Duration = Duration::from_mins(2);

/// The lines that the user types.
#[derive(Debug)]
pub(super) struct Answers(Receiver<String>);

impl Answers {
    /// Of the terminal, if there is one.
    pub(super) fn of_terminal() -> Option<Self> {
        stdin().is_terminal().then(|| Self::of(|| stdin().lock()))
    }

    /// Reads lines on a thread of their own: a read cannot be given up.
    fn of<R: BufRead>(open: impl FnOnce() -> R + Send + 'static) -> Self {
        let (lines, answers) = channel();
        thread::spawn(move || {
            let mut typed = open().lines().map_while(Result::ok);
            typed.try_for_each(|line| lines.send(line))
        });
        Self(answers)
    }

    /// Whether the next answer is yes. No answer in time, or no more answers, is no.
    pub(super) fn is_yes(&self) -> bool {
        self.is_yes_within(PATIENCE)
    }

    fn is_yes_within(&self, patience: Duration) -> bool {
        match self.0.recv_timeout(patience) {
            Ok(line) => matches!(line.trim().to_lowercase().as_str(), "y" | "yes"),
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        let typed = "y\n Yes \nn\n\nyesterday\n";
        let answers = Answers::of(|| typed.as_bytes());

        let yes: Vec<bool> = (0..6).map(|_| answers.is_yes()).collect();

        assert_eq!(yes, [true, true, false, false, false, false]);
    }

    #[test]
    fn a_question_that_nobody_answers_is_given_up() {
        let (_silent, end) = std::io::pipe().map(|(read, write)| (write, read)).unwrap();
        let answers = Answers::of(|| std::io::BufReader::new(end));

        assert!(!answers.is_yes_within(Duration::from_millis(20)));
    }
}
