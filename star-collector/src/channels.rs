//! How a channel is set: the section `[channel]`, which collect and aggregate both have.
//!
//! They run on different machines and must agree: what one takes under other rules than the other, it takes for nothing.

use anyhow::{Context as _, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::domain::{channel::Channel, epochs::Epochs, wire::LAYERS_MAX};

/// The longest name of a channel.
const NAME_BYTES_MAX: usize = 64;

/// What is measured, and under which rules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    name: String,
    input_topic: String,
    output_topic: String,
    k: u32,
    threshold_min: u32,
    threshold_max: u32,
    layers: usize,
    message_bytes_max: usize,
    epoch_base_time: DateTime<Utc>,
    epoch_hours: u32,
    epochs_alive: u8,
    date_field: String,
}

impl ChannelSettings {
    /// Fails unless they are those of the channel that is called so.
    pub fn must_be(&self, name: &str) -> anyhow::Result<()> {
        ensure!(
            self.name == name,
            "these are the settings of the channel {}, not of {name}: name the file of {name} with --config",
            self.name
        );
        Ok(())
    }

    /// The channel, if its rules make sense together.
    pub fn channel(&self) -> anyhow::Result<Channel> {
        ensure!(
            is_name(&self.name),
            "channel.name must be 1 to {NAME_BYTES_MAX} of a-z, 0-9, - and _"
        );
        ensure!(
            2 <= self.threshold_min && self.threshold_min <= self.k && self.k <= self.threshold_max,
            "2 <= channel.threshold_min <= channel.k <= channel.threshold_max must hold"
        );
        ensure!(
            (1..=LAYERS_MAX).contains(&self.layers),
            "channel.layers must be 1 to {LAYERS_MAX}"
        );
        ensure!(
            self.epochs_alive > 0,
            "channel.epochs_alive must be at least 1"
        );
        let length = TimeDelta::try_hours(self.epoch_hours.into());
        let length = length.filter(|length| !length.is_zero());
        Ok(Channel {
            name: self.name.clone(),
            input_topic: self.input_topic.clone(),
            output_topic: self.output_topic.clone(),
            k: self.k,
            thresholds: self.threshold_min..=self.threshold_max,
            layers: self.layers,
            message_bytes_max: self.message_bytes_max,
            epochs: Epochs {
                base: self.epoch_base_time,
                length: length.context("channel.epoch_hours must be at least 1")?,
                alive: self.epochs_alive,
            },
            date_field: self.date_field.clone(),
        })
    }
}

/// A channel's rules at a time in a few words: those of collect and of the aggregator are to be the same.
pub(crate) fn described(channel: &Channel, now: DateTime<Utc>) -> anyhow::Result<String> {
    let epoch = channel.epochs.at(now);
    let epoch =
        epoch.context("channel.epoch_base_time is yet to come: correct it, or the clock")?;
    Ok(format!(
        "{} layers, threshold {} ({} to {}), in epoch {epoch}",
        channel.layers,
        channel.k,
        channel.thresholds.start(),
        channel.thresholds.end()
    ))
}

/// Whether a channel may have this name: it is a part of a path, as it stands.
fn is_name(name: &str) -> bool {
    let is_plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use crate::aggregate::Config;

    #[test]
    fn the_settings_of_one_channel_are_not_taken_for_anothers() {
        let config: Config = Config::sources().load().unwrap();

        config.channel.must_be("typical").unwrap();
        let refused = config.channel.must_be("express").unwrap_err().to_string();

        assert!(
            refused.contains("the channel typical, not of express"),
            "{refused}"
        );
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        for (name, value) in [
            ("channel.name", ""),
            ("channel.name", "a/b"),
            ("channel.name", "Ä"),
            ("channel.threshold_min", "1"),
            ("channel.threshold_min", "51"),
            ("channel.threshold_max", "49"),
            ("channel.layers", "0"),
            ("channel.layers", "17"),
            ("channel.epoch_hours", "0"),
            ("channel.epochs_alive", "0"),
        ] {
            let config: Config = Config::sources().set(name, value).load().unwrap();
            assert!(config.channel.channel().is_err(), "{name} = {value}");
        }
    }
}
