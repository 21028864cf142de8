use proptest::prelude::*;

use super::*;

const CHANNELS: [&str; 5] = [
    "example.com",
    "example.org",
    "github#user:someone",
    "reddit#user:a",
    "twitch#author:b",
];
const FEE: u64 = 500;

fn value() -> Amount {
    "0.25".parse().unwrap()
}

fn line_input(waiting: &[u64], redeemed_unsplit: u64) -> LineInput {
    LineInput {
        redeemed_unsplit,
        waiting: CHANNELS
            .iter()
            .zip(waiting)
            .map(|(channel, votes)| (channel.parse().unwrap(), *votes))
            .collect(),
        ended_keys: Vec::new(),
    }
}

fn one(pool: i128, input: LineInput) -> LinePlan {
    let line = (FundingSource::UserWallet, value());
    let input = ClosingInput {
        pools: [(FundingSource::UserWallet, pool)].into(),
        lines: [(line, input)].into(),
    };
    plan(&input, FEE, votes_to_split)
        .unwrap()
        .remove(&line)
        .unwrap()
}

fn units(amount: &str) -> i128 {
    amount.parse::<Amount>().unwrap().base_units()
}

#[test]
fn the_fee_comes_first_and_the_rest_goes_by_votes() {
    let plan = one(units("100"), line_input(&[30, 10], 1_000));

    assert_eq!((plan.votes, plan.left_waiting), (40, 0));
    assert_eq!(
        (plan.amount.to_string(), plan.fee.to_string()),
        ("10".into(), "0.5".into())
    );
    let paid: Vec<_> = plan
        .payouts
        .values()
        .map(|(_, amount)| amount.to_string())
        .collect();
    assert_eq!(paid, ["7.125", "2.375"]);
}

#[test]
fn a_fee_of_less_than_one_unit_is_none() {
    let line = (
        FundingSource::UserWallet,
        Amount::from_base_units(1).unwrap(),
    );
    for (votes, fee) in [(1, 0), (19, 0), (20, 1), (39, 1)] {
        let input = ClosingInput {
            pools: [(line.0, 100)].into(),
            lines: [(line, line_input(&[votes], 1_000))].into(),
        };

        let plan = plan(&input, FEE, votes_to_split).unwrap();

        assert_eq!(plan[&line].fee.base_units(), fee, "5 % of {votes} units");
    }
}

#[test]
fn votes_without_redemption_or_without_money_stay_waiting() {
    let by_redemption = one(units("100"), line_input(&[30, 10], 12));
    assert_eq!((by_redemption.votes, by_redemption.left_waiting), (12, 28));
    let shares: Vec<_> = by_redemption
        .payouts
        .values()
        .map(|(votes, _)| *votes)
        .collect();
    assert_eq!(shares, [9, 3]);

    let by_money = one(units("2.49"), line_input(&[30, 10], 1_000));
    assert_eq!(
        (by_money.votes, by_money.amount.to_string()),
        (9, "2.25".to_owned())
    );

    let in_debt = one(-1, line_input(&[30], 1_000));
    assert_eq!(
        (in_debt.votes, in_debt.left_waiting, in_debt.payouts.len()),
        (0, 30, 0)
    );
}

#[test]
fn one_sources_pool_never_pays_for_another() {
    let wallet = (FundingSource::UserWallet, value());
    let card = (FundingSource::AnonymousCard, value());
    let input = ClosingInput {
        pools: [
            (FundingSource::UserWallet, units("100")),
            (FundingSource::AnonymousCard, 0),
        ]
        .into(),
        lines: [
            (wallet, line_input(&[4], 100)),
            (card, line_input(&[4], 100)),
        ]
        .into(),
    };

    let plan = plan(&input, FEE, votes_to_split).unwrap();

    assert_eq!(plan.get(&wallet).unwrap().votes, 4);
    assert_eq!(plan.get(&card).unwrap().votes, 0);
}

#[test]
fn the_rest_of_ended_keys_leaves_the_pool_after_the_votes() {
    let (expired, revoked) = (KeyId::from_bytes([1; 16]), KeyId::from_bytes([2; 16]));
    let mut input = line_input(&[40], 100);
    input.ended_keys = vec![(expired, 8, false), (revoked, 400, true)];

    let plan = one(units("13"), input);

    let moved: Vec<_> = plan
        .ended_keys
        .iter()
        .map(|(key, amount, _)| (*key, amount.to_string()))
        .collect();
    assert_eq!(
        moved,
        [(expired, "2".to_owned()), (revoked, "1".to_owned())]
    );
    let line = (FundingSource::UserWallet, value());
    let month = "2026-01".parse().unwrap();
    let rows: Vec<_> = transfers(month, &[(line, plan)].into())
        .iter()
        .map(|row| format!("{} {}", row.credit, row.amount))
        .collect();
    assert_eq!(
        rows,
        [
            "fees 0.5",
            "publisher:example.com 9.5",
            "expired:user-wallet 2",
            "revoked:02020202020202020202020202020202 1",
        ]
    );
}

proptest! {
    #[test]
    fn a_closing_is_exact_and_bounded_for_any_input(
        pool in -10_i128.pow(20)..10_i128.pow(30),
        waiting in proptest::collection::vec(0..1_000_000_u64, 0..5),
        redeemed in 0..3_000_000_u64,
        fee in 0..=FEE_BASIS,
        value_units in 1..10_i128.pow(20),
        rest in 0..1_000_000_u64,
    ) {
        let line = (FundingSource::UserWallet, Amount::from_base_units(value_units).unwrap());
        let mut input = line_input(&waiting, redeemed);
        input.ended_keys = vec![(KeyId::from_bytes([1; 16]), rest, false)];
        let input = ClosingInput {
            pools: [(line.0, pool)].into(),
            lines: [(line, input)].into(),
        };

        let plan = plan(&input, fee, votes_to_split).unwrap();
        let line_plan = &plan[&line];
        let all: u64 = waiting.iter().sum();
        let paid: i128 = line_plan.payouts.values().map(|(_, amount)| amount.base_units()).sum();
        let split: u64 = line_plan.payouts.values().map(|(votes, _)| votes).sum();

        prop_assert_eq!(split, line_plan.votes);
        prop_assert!(split <= all && split <= redeemed);
        prop_assert_eq!(line_plan.left_waiting, all - split);
        prop_assert_eq!(line_plan.amount.base_units(), value_units * i128::from(split));
        prop_assert_eq!(paid + line_plan.fee.base_units(), line_plan.amount.base_units());
        // Rounded down: the largest whole number of units that is no more than its share.
        let (fee_units, basis) = (line_plan.fee.base_units(), i128::from(FEE_BASIS));
        let share = line_plan.amount.base_units() * i128::from(fee);
        prop_assert!(fee_units * basis <= share && share < (fee_units + 1) * basis);
        let moved: i128 = transfers("2026-01".parse().unwrap(), &plan)
            .iter()
            .map(|row| row.amount.base_units())
            .sum();
        prop_assert!(moved <= pool.max(0));
        for (channel, (votes, _)) in &line_plan.payouts {
            prop_assert!(*votes <= input.lines[&line].waiting[channel]);
        }
    }
}
