//! Settings with which payments does not start.

use blindtally::system::{Layout, Profile, ServiceName};
use clock::Clock;
use payments::{
    Config, Deps, Rules,
    custodians::{HttpCustody, SetupError},
};

/// The settings of payments in a system that nobody starts.
fn config() -> (Config, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::open(folder.path(), Profile::default()).unwrap();
    let name = ServiceName::Payments;
    (layout.settings(name).load(name).unwrap(), folder)
}

#[test]
fn settlement_addresses_are_set_and_all_different_so_that_no_funds_are_mixed() {
    let (config, _folder) = config();
    let with = |change: fn(&mut [&mut String; 3])| {
        let mut changed = config.custodians.clone();
        change(&mut [
            &mut changed.uphold.settlement_address,
            &mut changed.gemini.settlement_address,
            &mut changed.anonymous_card.settlement_address,
        ]);
        HttpCustody::new(&changed, &config.transfers)
    };
    let changes: [fn(&mut [&mut String; 3]); 6] = [
        |all| *all[0] = all[1].clone(),
        |all| *all[1] = all[2].clone(),
        |all| *all[2] = all[0].clone(),
        |all| all[0].clear(),
        |all| all[1].clear(),
        |all| all[2].clear(),
    ];

    assert!(with(|_| ()).is_ok());
    for (number, change) in changes.into_iter().enumerate() {
        let refused = with(change);
        assert!(matches!(refused, Err(SetupError::Addresses)), "{number}");
    }
}

/// Whether payments can be put together with changed settings.
async fn built(change: impl FnOnce(&mut Config)) -> Result<(), String> {
    let (mut config, _folder) = config();
    change(&mut config);
    let deps = Deps {
        clock: Clock::system(),
        rules: Rules::default(),
    };
    let built = payments::build(config, deps).await;
    built.map(|_| ()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_directory_key_replaces_another_one_and_not_itself() {
    let itself = built(|config| {
        let secrets = &mut config.secrets;
        secrets.previous_directory_key_file = secrets.directory_key_file.clone();
    });
    let refused = itself.await.unwrap_err();
    assert!(refused.contains("previous_directory_key_file"), "{refused}");

    let another = built(|config| {
        let secrets = &mut config.secrets;
        secrets.previous_directory_key_file = secrets.orders_file.clone();
    });
    assert_eq!(another.await, Ok(()));
}

#[tokio::test]
async fn quantities_that_cannot_be_signed_are_not_sold() {
    let selling = |quantities: &[u32]| {
        let quantities = quantities.to_vec();
        built(|config| config.orders.order_quantities = quantities)
    };

    for sold in [&[1][..], &[400], &[4, 400]] {
        assert_eq!(selling(sold).await, Ok(()), "{sold:?}");
    }
    for sold in [&[][..], &[0], &[401], &[4, 0], &[4, 401], &[u32::MAX]] {
        let refused = selling(sold).await.unwrap_err();
        assert!(refused.contains("order_quantities"), "{sold:?}: {refused}");
    }
    let fewer = built(|config| config.credentials.blinded_tokens_max = 399);
    assert!(fewer.await.is_err(), "400 are sold and cannot be submitted");
}
