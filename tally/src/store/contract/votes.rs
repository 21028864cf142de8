//! In which pile a vote is counted.

#![expect(missing_docs, reason = "the names are sentences")]

use super::{Store, begin, close, count, vote};

pub async fn a_vote_of_a_closed_month_counts_in_the_open_one(store: &dyn Store) {
    begin(store).await;
    let _effect = count(store, 0, vec![vote(1, "2026-01-31", "example.com", 4)]).await;
    assert!(close(store, "2026-01", "2026-02-04").await);

    let _effect = count(store, 1, vec![vote(2, "2026-01-31", "example.com", 8)]).await;

    assert_eq!(
        votes_of_months(store).await,
        [("2026-01".to_owned(), 4), ("2026-02".to_owned(), 8)]
    );
}

pub async fn votes_of_a_batch_go_to_their_own_publishers_in_their_own_months(store: &dyn Store) {
    begin(store).await;
    let names = ["a.org", "example.com", "a-longer-name.org"];
    let first = vec![
        vote(1, "2026-01-10", names[1], 400),
        vote(2, "2026-01-11", names[2], 5),
        vote(3, "2026-02-10", names[1], 7),
        vote(4, "2026-01-12", names[0], 1),
        vote(5, "2026-01-12", names[2], 20),
    ];
    let _effect = count(store, 0, first).await;
    let _effect = count(store, 5, vec![vote(6, "2026-01-13", names[2], 300)]).await;

    let mut waiting = Vec::new();
    for name in names {
        let publisher = store.publisher(&name.parse().expect("is a channel")).await;
        let publisher = publisher.expect("answers").expect("is known");
        waiting.push(publisher.waiting.values().sum::<u64>());
    }
    assert_eq!(waiting, [1, 407, 325]);
    assert_eq!(
        votes_of_months(store).await,
        [("2026-01".to_owned(), 726), ("2026-02".to_owned(), 7)]
    );
}

async fn votes_of_months(store: &dyn Store) -> Vec<(String, u64)> {
    let months = store.months().await.expect("answers");
    let votes = months.iter().map(|month| {
        let lines = month.lines.iter();
        (month.month.to_string(), lines.map(|line| line.votes).sum())
    });
    votes.collect()
}
