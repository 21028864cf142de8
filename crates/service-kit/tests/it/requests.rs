//! What is refused, and how it is said.

use crate::world::{World, assert_problem};

#[tokio::test]
async fn what_is_well_formed_is_answered() {
    let world = World::start().await;

    let echo = world.post("/echo", r#"{"items":[{"quantity":4}]}"#).await;
    assert_eq!(echo.status(), 200);
    assert_eq!(echo.headers()["content-type"], "application/json");
    assert_eq!(echo.headers()["cache-control"], "no-store");
    assert_eq!(echo.text().await.unwrap(), r#"{"items":[{"quantity":4}]}"#);
    assert_eq!(world.get("/items/7").await.text().await.unwrap(), "7");
    assert_eq!(
        world.get("/pages?number=3").await.text().await.unwrap(),
        "3"
    );
}

#[tokio::test]
async fn a_trailing_slash_and_a_doubled_one_in_front_are_accepted() {
    let world = World::start().await;

    for path in ["/items/7/", "//items/7", "//items/7//"] {
        assert_eq!(world.get(path).await.text().await.unwrap(), "7", "{path}");
    }
    assert_eq!(
        world.get("/pages/?number=3").await.text().await.unwrap(),
        "3"
    );
}

#[tokio::test]
async fn a_wrong_member_is_named_by_its_pointer() {
    let world = World::start().await;

    let answer = world.post("/echo", r#"{"items":[{"quantity":4},{"quantity":"x"}]}"#);
    let problem = assert_problem(answer.await, "invalid-body").await;

    assert_eq!(problem["invalid"][0]["field"], "/items/1/quantity");
    assert_eq!(problem["invalid"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn malformed_requests_get_a_problem_each() {
    let world = World::start().await;
    let deep = format!(r#"{{"items":{}{}}}"#, "[".repeat(16), "]".repeat(16));

    for body in ["", "{", "nothing", "\u{feff}{}", "{\"items\":[]} x", &deep] {
        assert_problem(world.post("/echo", body.to_owned()).await, "invalid-body").await;
    }
    assert_problem(world.post("/echo", vec![0xff, 0xfe]).await, "invalid-body").await;
    assert_problem(world.get("/items/x").await, "invalid-path").await;
    assert_problem(world.get("/items/%ff").await, "invalid-path").await;
    assert_problem(world.get("/pages?number=x").await, "invalid-query").await;
    assert_problem(world.get("/pages").await, "invalid-query").await;
    assert_problem(world.get("/nowhere").await, "not-found").await;
    assert_problem(world.get("/echo").await, "method-not-allowed").await;
}

#[tokio::test]
async fn what_does_not_say_that_it_is_json_is_refused() {
    let world = World::start().await;
    let send = |kind: Option<&'static str>| {
        let request = world.client().post(world.url("/echo"));
        let request = kind.into_iter().fold(request, |request, kind| {
            request.header("content-type", kind)
        });
        request.body(r#"{"items":[]}"#).send()
    };

    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        assert_problem(send(kind).await.unwrap(), "unsupported-media-type").await;
    }
    let answer = send(Some("application/json; charset=utf-8")).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn each_route_bounds_its_bodies() {
    let world = World::start().await;
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));

    let most = world.post("/large", text(64 * 1024)).await;
    assert_eq!(most.text().await.unwrap(), (64 * 1024 - 2).to_string());
    assert_problem(
        world.post("/large", text(64 * 1024 + 1)).await,
        "body-too-large",
    )
    .await;
    assert_problem(
        world.post("/echo", text(16 * 1024 + 1)).await,
        "body-too-large",
    )
    .await;
}

#[tokio::test]
async fn a_panic_is_a_problem_without_its_text_and_the_service_lives_on() {
    let world = World::start().await;

    let problem = assert_problem(world.get("/panic").await, "internal").await;

    assert!(!problem.to_string().contains("secret"), "{problem}");
    assert_eq!(world.get("/items/7").await.status(), 200);
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_given_up() {
    let world = World::with(|http| http.handler_timeout_seconds = 1).await;

    assert_problem(world.get("/slow/20000").await, "timed-out").await;
}

#[tokio::test]
async fn the_routes_are_described() {
    let world = World::start().await;

    let answer = world.get("/openapi.json").await;

    assert_eq!(answer.headers()["content-type"], "application/json");
    let document: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(document["info"]["title"], "small");
}

#[tokio::test]
async fn requests_over_the_bound_are_refused_at_once_and_the_others_finish() {
    let world = World::with(|http| http.requests_in_flight_max = 2).await;
    let slow = [world.get("/slow/600"), world.get("/slow/600")];
    let late = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        world.get("/items/7").await
    };

    let (slow, late) = tokio::join!(futures_util::future::join_all(slow), late);

    assert_problem(late, "overloaded").await;
    assert!(slow.iter().all(|answer| answer.status() == 200));
    assert_eq!(world.get("/items/7").await.status(), 200);
}
