//! The services together, in one process.

use blindtally::system::{Profile, ServiceName, System};
use clock::Clock;

#[tokio::test]
async fn a_system_starts_stops_and_starts_again_in_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let start = || System::start(dir.path(), Profile::demo(), Clock::system());

    let first = start().await.unwrap();
    let url = first.layout().url(ServiceName::Payments);
    first.stop().await.unwrap();
    let second = start().await.unwrap();

    assert_eq!(second.layout().url(ServiceName::Payments), url);
    second.stop().await.unwrap();
}

#[test]
fn every_setting_of_a_profile_is_one_that_its_service_knows() {
    let dir = tempfile::tempdir().unwrap();
    let layout = blindtally::system::Layout::open(dir.path(), Profile::demo()).unwrap();

    for name in ServiceName::ALL {
        let settings = layout.settings(name);
        let loaded = match name {
            ServiceName::ChallengeBypass => {
                settings.load::<challenge_bypass::Config>(name).map(drop)
            }
            ServiceName::Payments => settings.load::<payments::Config>(name).map(drop),
            ServiceName::SandboxCustodian => {
                settings.load::<sandbox_custodian::Config>(name).map(drop)
            }
            ServiceName::Tally => settings.load::<tally::Config>(name).map(drop),
        };
        loaded.unwrap();
    }
}
