//! How much a client may ask, and how many connections it may hold.

use reqwest::{Client, StatusCode};
use service_kit::limits::RateLimit;

use crate::world::{World, assert_problem};

async fn limited(burst: u32) -> World {
    World::with(|http| {
        http.rate_limit = RateLimit {
            units_per_minute: 1,
            burst,
        };
        http.edge_names = vec!["edge.test".into()];
    })
    .await
}

async fn units(world: &World, client: &Client, count: usize) -> StatusCode {
    let url = world.url(&format!("/units/{count}"));
    client.get(url).send().await.unwrap().status()
}

async fn in_bucket(world: &World, client: &Client, bucket: &str) -> StatusCode {
    let request = client.get(world.url("/units/1"));
    let request = request.header("client-bucket", bucket);
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn over_the_burst_a_client_is_told_to_wait_and_others_are_served() {
    let world = limited(3).await;
    let client = world.client();
    for _ in 0..3 {
        assert_eq!(units(&world, &client, 1).await, 200);
    }

    let refused = client.get(world.url("/units/1")).send().await.unwrap();
    assert!(refused.headers().get("x-ratelimit-after").is_none());
    assert_eq!(refused.headers()["retry-after"], "120");
    assert_problem(refused, "too-many-requests").await;

    assert_eq!(units(&world, &world.client_at(2, None), 1).await, 200);
}

#[tokio::test]
async fn routes_that_do_not_exist_cost_as_much_as_others() {
    let world = limited(2).await;
    assert_problem(world.get("/nowhere").await, "not-found").await;
    assert_problem(world.get("/nowhere").await, "not-found").await;

    assert_problem(world.get("/nowhere").await, "too-many-requests").await;
}

#[tokio::test]
async fn a_request_costs_a_unit_for_each_item() {
    let world = limited(10).await;
    let client = world.client();

    assert_eq!(units(&world, &client, 7).await, 200);
    assert_eq!(units(&world, &client, 4).await, 429, "three are left");
    assert_eq!(units(&world, &client, 2).await, 200, "the refusal cost one");
    assert_eq!(units(&world, &client, 1).await, 429);
}

#[tokio::test]
async fn what_costs_more_than_the_burst_costs_the_burst() {
    let world = limited(10).await;

    assert_eq!(units(&world, &world.client(), 4_000).await, 200);
    assert_eq!(units(&world, &world.client(), 1).await, 429);
}

#[tokio::test]
async fn an_edge_is_believed_about_its_clients() {
    let world = limited(1).await;
    let edge = world.client_at(1, Some("edge.test"));

    assert_eq!(in_bucket(&world, &edge, "1").await, 200);
    assert_eq!(in_bucket(&world, &edge, "2").await, 200);
    assert_eq!(in_bucket(&world, &edge, "1").await, 429);
}

#[tokio::test]
async fn an_edge_that_names_no_bucket_is_limited_by_its_address() {
    let world = limited(1).await;
    let edge = world.client_at(1, Some("edge.test"));

    assert_eq!(in_bucket(&world, &edge, "4096").await, 200);
    for nonsense in ["4097", "x", "-1", ""] {
        assert_eq!(in_bucket(&world, &edge, nonsense).await, 429, "{nonsense}");
    }
}

#[tokio::test]
async fn nobody_else_is_believed_about_buckets() {
    let world = limited(1).await;
    for (host, name) in [(1, None), (2, Some("payments.test"))] {
        let client = world.client_at(host, name);

        assert_eq!(in_bucket(&world, &client, "1").await, 200);
        assert_eq!(in_bucket(&world, &client, "2").await, 429);
    }
}

#[tokio::test]
async fn zero_units_a_minute_mean_no_limit() {
    let world = World::with(|http| http.rate_limit.units_per_minute = 0).await;
    let client = world.client();

    for _ in 0..50 {
        assert_eq!(units(&world, &client, 400).await, 200);
    }
}

#[tokio::test]
async fn connections_over_a_clients_bound_are_closed_and_other_clients_get_theirs() {
    let world = World::with(|http| http.connections_per_client_max = 2).await;
    let first = world.connect_at(1).await.unwrap();
    let _second = world.connect_at(1).await.unwrap();

    assert!(world.connect_at(1).await.is_err());
    assert!(world.connect_at(2).await.is_ok());

    drop(first);
    let again = async {
        while world.connect_at(1).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let wait = std::time::Duration::from_secs(5);
    tokio::time::timeout(wait, again)
        .await
        .expect("the place comes back");
}
