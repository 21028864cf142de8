//! The defaults of the parts fit together: who changes none gets messages through.

use chrono::TimeDelta;
use star_collector::{aggregate, collect, randomness};

#[test]
fn all_parts_number_the_same_epochs() {
    let instance: randomness::Config = randomness::Config::sources().load().unwrap();
    let entrance: collect::Config = collect::Config::sources().load().unwrap();
    let exit: aggregate::Config = aggregate::Config::sources().load().unwrap();

    let epochs = entrance.channel.channel().unwrap().epochs;

    assert_eq!(exit.channel.channel().unwrap().epochs, epochs);
    assert_eq!(instance.epoch_base_time, epochs.base);
    assert_eq!((instance.first_epoch, instance.last_epoch), (0, 255));
    assert_eq!(instance.epoch_duration, "1w");
    assert_eq!(epochs.length, TimeDelta::weeks(1));
}
