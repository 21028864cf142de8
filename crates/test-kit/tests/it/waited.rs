//! Heads that waited together, as when the log is away over some midnights, reach their witness in order.

use blindtally::system::{Planted, ServiceName};
use chrono::TimeDelta;
use client::transport::Request;
use messages::directory::{Directory, WitnessedHeads};
use serde::de::DeserializeOwned;
use test_kit::{World, world::profile};

async fn get<T: DeserializeOwned>(world: &World, service: ServiceName, path: &str) -> T {
    let answer = world.send(service, &Request::get(path)).await.unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn every_head_is_witnessed_though_those_of_many_days_waited() {
    let (days, a_day) = (8, TimeDelta::days(1));
    let mut profile = profile();
    let minutes = days * a_day.num_minutes();
    profile
        .payments
        .set("publication.figures_interval_minutes", minutes);
    let mut world = World::with(profile, Planted::default()).await.unwrap();
    world.run_for(a_day * 7).await;
    let witnessed: WitnessedHeads = get(&world, ServiceName::Tally, "/v1/directory-heads").await;
    assert!(witnessed.heads.len() < 2, "the others wait");

    world.run_for(a_day * 2).await;

    let witnessed: WitnessedHeads = get(&world, ServiceName::Tally, "/v1/directory-heads").await;
    let known: Directory = get(&world, ServiceName::Payments, "/v1/key-directory").await;
    assert!(witnessed.heads.len() >= 8);
    assert_eq!(witnessed.heads, known.heads[..witnessed.heads.len()]);
}
