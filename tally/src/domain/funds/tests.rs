use super::*;

fn record() -> Funds {
    Funds {
        id: "id".to_owned(),
        day: "2026-01-31".to_owned(),
        funding_source: "anonymous-card".to_owned(),
        base_vote_value: "0.25".parse().unwrap(),
        currency: "BAT".to_owned(),
        received_total: "10".parse().unwrap(),
        votes_sold_total: 40,
        keys: vec![FundsKey {
            key_id: "00".repeat(16),
            signed_total: 40,
            redeemed_total: 12,
            redeem_until: "2026-03-01T00:00:00Z".to_owned(),
            revoked: false,
        }],
        restatement: false,
    }
}

fn read(change: impl FnOnce(&mut Funds)) -> Result<FundsTotals, Refusal> {
    let mut funds = record();
    change(&mut funds);
    FundsTotals::read(&funds.encode(), "2026-02-01".parse().unwrap())
}

fn known(totals: FundsTotals) -> KnownFunds {
    KnownFunds {
        day: totals.day,
        currency: totals.currency,
        received: totals.received,
        votes_sold: totals.votes_sold,
        keys: totals.keys,
    }
}

#[test]
fn malformed_totals_are_refused_by_name() {
    let refusals = [
        (read(|f| f.day = "31.1.2026".to_owned()), Refusal::BadDay),
        (read(|f| f.day = "2026-03-01".to_owned()), Refusal::BadDay),
        (
            read(|f| f.funding_source = "grant".to_owned()),
            Refusal::BadSource,
        ),
        (read(|f| f.votes_sold_total = -1), Refusal::BadCount),
        (
            read(|f| f.base_vote_value = Amount::ZERO),
            Refusal::BadValue,
        ),
        (read(|f| f.currency = String::new()), Refusal::OtherCurrency),
        (
            read(|f| f.currency = "BA\0T".to_owned()),
            Refusal::OtherCurrency,
        ),
        (
            read(|f| f.keys[0].key_id = "zz".to_owned()),
            Refusal::BadKey,
        ),
        (read(|f| f.keys.push(f.keys[0].clone())), Refusal::BadKey),
        (
            read(|f| f.keys[0].redeemed_total = 41),
            Refusal::RedeemedAboveSigned,
        ),
        (
            read(|f| f.keys[0].redeem_until = "soon".to_owned()),
            Refusal::BadDay,
        ),
    ];

    for (found, expected) in refusals {
        assert_eq!(found, Err(expected));
    }
}

#[test]
fn only_a_later_day_counts_and_only_its_difference() {
    let first = read(|_| {}).unwrap();
    assert_eq!(
        change(&first, None, false),
        Ok(Change::Grow("10".parse().unwrap()))
    );

    let before = known(first.clone());
    assert_eq!(change(&first, Some(&before), false), Ok(Change::Nothing));
    let later = read(|f| {
        f.day = "2026-02-01".to_owned();
        f.received_total = "12.5".parse().unwrap();
    });
    let grown = change(&later.unwrap(), Some(&before), false);
    assert_eq!(grown, Ok(Change::Grow("2.5".parse().unwrap())));
}

#[test]
fn a_total_that_falls_needs_an_operator() {
    let before = known(read(|_| {}).unwrap());
    let falls: [fn(&mut Funds); 4] = [
        |f| f.received_total = "9".parse().unwrap(),
        |f| f.votes_sold_total = 39,
        |f| f.keys[0].signed_total = 39,
        |f| f.keys[0].redeemed_total = 11,
    ];
    for fall in falls {
        let totals = read(|f| {
            f.day = "2026-02-01".to_owned();
            fall(f);
        });
        assert_eq!(
            change(&totals.unwrap(), Some(&before), false),
            Err(Refusal::TotalFell)
        );
    }

    let restated = read(|f| f.received_total = "9".parse().unwrap()).unwrap();
    assert_eq!(
        change(&restated, Some(&before), true),
        Ok(Change::Shrink("1".parse().unwrap()))
    );
}

#[test]
fn what_a_revoked_key_signed_may_fall_as_far_as_what_it_redeemed() {
    let fall = |signed: i64, change: fn(&mut Funds)| {
        read(|f| {
            f.day = "2026-02-01".to_owned();
            f.keys[0].signed_total = signed;
            f.keys[0].revoked = true;
            change(f);
        })
    };
    let mut revoked = known(read(|f| f.keys[0].revoked = true).unwrap());

    // In the record that says that it is revoked, and in a later one.
    for _ in 0..2 {
        for signed in [39, 12] {
            let taken = change(&fall(signed, |_| {}).unwrap(), Some(&revoked), false);
            assert_eq!(taken, Ok(Change::Grow(Amount::ZERO)));
        }
        revoked = known(read(|_| {}).unwrap());
    }

    assert_eq!(fall(11, |_| {}), Err(Refusal::RedeemedAboveSigned));
    let others: [fn(&mut Funds); 3] = [
        |f| f.keys[0].redeemed_total = 11,
        |f| f.votes_sold_total = 39,
        |f| f.received_total = "9".parse().unwrap(),
    ];
    for other in others {
        let fallen = fall(39, other).unwrap();
        assert_eq!(
            change(&fallen, Some(&revoked), false),
            Err(Refusal::TotalFell)
        );
    }
    revoked = known(read(|f| f.keys[0].revoked = true).unwrap());
    let unrevoked = fall(39, |f| f.keys[0].revoked = false).unwrap();
    assert_eq!(
        change(&unrevoked, Some(&revoked), false),
        Err(Refusal::TotalFell)
    );
}

#[test]
fn a_source_keeps_its_currency() {
    let before = known(read(|_| {}).unwrap());
    let other = read(|f| {
        f.day = "2026-02-01".to_owned();
        f.currency = "ETH".to_owned();
    });

    assert_eq!(
        change(&other.unwrap(), Some(&before), false),
        Err(Refusal::OtherCurrency)
    );
}

#[test]
fn tokens_that_cannot_be_added_up_are_refused() {
    const HALF: i64 = 1 << 62;
    let key = |id: &str, signed| FundsKey {
        key_id: id.repeat(16),
        signed_total: signed,
        redeemed_total: 0,
        redeem_until: "2026-03-01T00:00:00Z".to_owned(),
        revoked: false,
    };
    let unit = Amount::from_base_units(1).unwrap();
    let of = |keys: Vec<FundsKey>, value: Amount, day: &str| {
        read(|f| {
            f.keys = keys.clone();
            f.base_vote_value = value;
            f.day = day.to_owned();
        })
        .unwrap()
    };

    let together = of(vec![key("01", HALF), key("02", HALF)], unit, "2026-01-31");
    let alone = of(vec![key("01", HALF)], unit, "2026-01-31");
    let later = of(vec![key("02", HALF)], unit, "2026-02-01");
    let dear = of(vec![key("01", 2)], Amount::MAX, "2026-01-31");

    assert_eq!(change(&together, None, false), Err(Refusal::TooLarge));
    assert!(change(&alone, None, false).is_ok());
    assert_eq!(
        change(&later, Some(&known(alone)), false),
        Err(Refusal::TooLarge)
    );
    assert_eq!(change(&dear, None, false), Err(Refusal::TooLarge));
}
