//! Whoever reaches the servers of a real PostgreSQL (A6, P7, T15).

use blindtally::system::Database as Place;
use secrecy::ExposeSecret as _;
use service_kit::engines;
use test_kit::database::Database;
use url::Url;

use super::world::World;

/// A database of the world, by the name that its file would have.
type Named<'a> = (&'static str, &'a Place);

fn databases(world: &World) -> [Named<'_>; 4] {
    world.kit.engines().unwrap().databases()
}

fn url_of_service(place: &Place) -> Url {
    let url = place.url_of_service().unwrap();
    url.expose_secret().parse().unwrap()
}

/// The URL with another value of a parameter.
fn with(url: &Url, name: &str, value: &str) -> Url {
    let pairs = url.query_pairs().into_owned();
    let others: Vec<_> = pairs.filter(|(found, _)| found != name).collect();
    let mut url = url.clone();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(name, value);
    url
}

/// Whether a server lets somebody in who comes like that.
async fn is_let_in(url: &Url) -> bool {
    match Database::of_url(url.as_str()).await {
        Ok(mut database) => database.number("SELECT 1").await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_p7_servers_let_in_nobody_without_tls_or_with_a_wrong_password() {
    let world = World::start().await;

    for (name, place) in databases(&world) {
        let url = url_of_service(place);
        assert!(
            !is_let_in(&with(&url, "sslmode", "disable")).await,
            "{name}: no TLS"
        );
        for wrong in [None, Some("guessed")] {
            let mut url = url.clone();
            url.set_password(wrong).unwrap();
            assert!(!is_let_in(&url).await, "{name}: {wrong:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_p7_control_a_services_role_and_password_are_let_in_over_tls() {
    let world = World::start().await;

    for (name, place) in databases(&world) {
        assert!(is_let_in(&url_of_service(place)).await, "{name}");
    }
}

/// Whether the role of one database is let into the other, on the other's server.
async fn enters(role: &Place, other: &Place) -> bool {
    let (url, mut entered) = (url_of_service(role), url_of_service(other));
    entered.set_username(url.username()).unwrap();
    entered.set_password(url.password()).unwrap();
    is_let_in(&entered).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_a_services_role_is_let_into_no_other_database() {
    let world = World::start().await;

    for (name, place) in databases(&world) {
        let others = databases(&world).into_iter();
        for (other, there) in others.filter(|(other, _)| *other != name) {
            assert!(!enters(place, there).await, "{name}'s role in {other}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_control_a_services_role_is_let_into_its_own() {
    let world = World::start().await;

    for (name, place) in databases(&world) {
        assert!(enters(place, place).await, "{name}");
    }
}

/// What changes more than rows. Every database has this table.
const CHANGES: [&str; 7] = [
    "ALTER TABLE _sqlx_migrations ADD COLUMN note TEXT",
    "CREATE FUNCTION note() RETURNS INTEGER LANGUAGE SQL AS 'SELECT 1'",
    "CREATE TABLE note (text TEXT)",
    "DROP TABLE _sqlx_migrations",
    "CREATE TRIGGER note BEFORE INSERT ON _sqlx_migrations EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "TRUNCATE _sqlx_migrations",
    "CREATE SCHEMA note_of_the_test",
];

/// The changes that somebody may make, each undone at once.
async fn made(url: &str) -> Vec<&'static str> {
    let mut database = Database::of_url(url).await.unwrap();
    let mut made = Vec::new();
    for change in CHANGES {
        database.run("BEGIN").await.unwrap();
        if database.run(change).await.is_ok() {
            made.push(change);
        }
        database.run("ROLLBACK").await.unwrap();
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_a_services_role_makes_changes_and_drops_no_tables() {
    let world = World::start().await;

    for (name, place) in databases(&world) {
        let url = url_of_service(place);
        assert_eq!(made(url.as_str()).await, Vec::<&str>::new(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_control_the_owners_role_may_do_all_of_it() {
    let world = World::start().await;

    for (name, place) in databases(&world) {
        let url = place.url_of_owner().unwrap();
        assert_eq!(made(url.expose_secret()).await, CHANGES, "{name}");
    }
}

/// Whether the services' programs connect to the server of tally's database in this way.
async fn connects(url: &Url) -> bool {
    tally::store::open(url.as_str()).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_service_connects_to_no_server_that_it_cannot_check() {
    let world = World::start().await;
    let [_, _, _, (_, place)] = databases(&world);
    let url = url_of_service(place);
    let other = engines::folder().join("certificates/other-ca.pem");
    let other = other.to_str().unwrap();

    assert!(
        !connects(&with(&url, "sslmode", "require")).await,
        "unchecked"
    );
    assert!(!connects(&with(&url, "sslmode", "disable")).await, "no TLS");
    assert!(
        !connects(&with(&url, "sslrootcert", other)).await,
        "another authority"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_control_a_service_connects_to_the_server_that_its_authority_names() {
    let world = World::start().await;
    let [_, _, _, (_, place)] = databases(&world);

    assert!(connects(&url_of_service(place)).await);
}
