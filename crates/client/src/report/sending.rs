//! From messages that are kept to messages that are taken.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use messages::star::InfoResponse;
use rand::Rng as _;

use super::{Outcome, Reporter, Stage, info_request, randomness::check_info, state::Report};
use crate::{
    Error,
    crash::Step,
    patience::{PAUSE_MIN, read},
    plan::LATE,
};

/// When the randomness service does not say that an epoch is over, it is asked again after about this time.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(10);

/// The longest pause before a message is repeated.
const REPEAT_MAX: TimeDelta = TimeDelta::hours(12);

/// With the pauses between them, a month: no epoch's messages are taken for longer.
const ATTEMPTS_MAX: u32 = 64;

impl Reporter {
    /// Sends each message at its time until `end`, or until all are settled where there is no end.
    pub async fn send(&mut self, end: Option<DateTime<Utc>>) -> Result<(), Error> {
        loop {
            let now = self.now();
            self.hold_missed(now);
            let next = self.kept.state.reports.iter();
            let next = next.min_by_key(|report| (report.stage.time(), report.number));
            let next = next.map(|report| (report.stage, report.number, report.instance.clone()));
            let at = next.as_ref().map(|(stage, ..)| stage.time());
            let wake = at.into_iter().chain(end).min();
            match (next, wake) {
                (Some((Stage::Due(time), number, _)), _) if time <= now => {
                    self.attempt(number).await?;
                }
                (Some((Stage::Held(time), _, instance)), _) if time <= now => {
                    self.look(instance.as_deref()).await?;
                }
                (_, Some(wake)) if wake > now => self.busy.sleep_until(wake).await,
                _ => return Ok(()),
            }
        }
    }

    /// Sends a message now, and repeats it until it is settled.
    pub async fn send_now(&mut self, number: u64) -> Result<Outcome, Error> {
        loop {
            if let Some(outcome) = self.attempt(number).await? {
                return Ok(outcome);
            }
            let report = self.kept.state.find_mut(number);
            let due = report.map(|report| report.stage.time());
            self.busy.sleep_until(due.unwrap_or_default()).await;
        }
    }

    /// Messages that were missed get other times: sent all at once, those of a week in which the computer was off would
    /// show that they are of one client. What is lost with a crash is drawn again.
    fn hold_missed(&mut self, now: DateTime<Utc>) {
        for report in &mut self.kept.state.reports {
            if let Stage::Due(time) = report.stage
                && time + LATE < now
            {
                report.stage = Stage::Held(now);
            }
        }
    }

    /// Asks once which epoch it is, and gives every message a time whose epoch is over.
    async fn look(&mut self, instance: Option<&str>) -> Result<(), Error> {
        let randomness = Arc::clone(&self.settings.randomness);
        let answer = randomness.send(&info_request(instance)).await;
        let info = answer.ok().and_then(|answer| read(&answer).ok());
        let info = info.filter(|info: &InfoResponse| check_info(info, 0).is_ok());
        let now = self.now();
        let is_concerned = |report: &Report| {
            matches!(report.stage, Stage::Held(time) if time <= now)
                && report.instance.as_deref() == instance
        };
        let mut reports = std::mem::take(&mut self.kept.state.reports);
        for report in reports.iter_mut().filter(|report| is_concerned(report)) {
            report.stage = self.stage(report, info.as_ref(), now);
        }
        self.kept.state.reports = reports;
        Ok(self.kept.save()?)
    }

    /// What is next for a message, after the randomness service was asked.
    fn stage(&self, report: &Report, info: Option<&InfoResponse>, now: DateTime<Utc>) -> Stage {
        let mut random = self.draw(&format!("{} at {now}", report.number));
        match info {
            // By its word and by our calendar: not by the epoch's number, which comes again.
            Some(info) if info.next_epoch_time > report.epoch_end && now >= report.epoch_end => {
                let left = (info.next_epoch_time - now).num_seconds().max(0);
                Stage::Due(now + TimeDelta::seconds(random.gen_range(0..=left)))
            }
            Some(_) | None => {
                let pause = LOOK_AGAIN.num_seconds();
                let pause = random.gen_range(pause / 2..=pause + pause / 2);
                Stage::Held(now.max(report.epoch_end) + TimeDelta::seconds(pause))
            }
        }
    }

    /// Sends a message once.
    async fn attempt(&mut self, number: u64) -> Result<Option<Outcome>, Error> {
        let Some(report) = self.kept.state.find_mut(number) else {
            return Ok(None);
        };
        report.attempts = report.attempts.saturating_add(1);
        let (attempts, request) = (report.attempts, report.request());
        if attempts == 1 {
            // A crash must not hide that it may have been sent.
            self.kept.save()?;
        }

        let collect = Arc::clone(&self.settings.collect);
        let answer = collect.send(&request).await;
        self.settings.crash_points.after(Step::ReportSent)?;
        let wait = match answer {
            Ok(answer) if answer.status == StatusCode::NO_CONTENT => Err(Outcome::Taken),
            Ok(answer) if !answer.is_temporary() => Err(Outcome::Refused {
                status: answer.status.as_u16(),
                slug: answer.problem(),
            }),
            Ok(_) | Err(_) if attempts >= ATTEMPTS_MAX => Err(Outcome::Unanswered),
            Ok(answer) => Ok(answer.retry_after_seconds.unwrap_or_default()),
            Err(_) => Ok(0),
        };
        let settled = match wait {
            Err(outcome) => {
                self.kept.state.settle(number, &outcome);
                Some(outcome)
            }
            Ok(seconds) => {
                let due = self.now() + self.pause(number, attempts, seconds);
                if let Some(report) = self.kept.state.find_mut(number) {
                    report.stage = Stage::Due(due);
                }
                None
            }
        };
        self.kept.save()?;
        Ok(settled)
    }

    /// The pause after so many attempts: about twice as long each time.
    fn pause(&self, number: u64, attempts: u32, seconds_min: u32) -> TimeDelta {
        let factor = 2_i32.saturating_pow(attempts.min(20));
        let pause = (PAUSE_MIN * factor).min(REPEAT_MAX).num_seconds();
        let mut random = self.draw(&format!("{number} after {attempts} attempts"));
        let drawn = random.gen_range(pause / 2..=pause + pause / 2);
        TimeDelta::seconds(drawn.max(seconds_min.into()))
    }
}
