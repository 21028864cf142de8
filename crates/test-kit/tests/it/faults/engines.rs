//! A broker and database servers that die, run out of room, or are reached over bad connections.

use blindtally::system::ServiceName;
use service_kit::engines;
use test_kit::{
    engines::{Engine, behind_a_proxy, super_user},
    fleet::Setup,
    proxy::Proxy,
};

use super::{
    disks,
    scene::{Scene, asked, several},
};

/// How often each kind of engine is killed; `./test long` asks for more.
const RESTARTS: usize = 10;

/// See [`RESTARTS`].
const RESTARTS_VARIABLE: &str = "BLINDTALLY_RESTARTS";

/// Random instants lie within so many milliseconds.
const PAUSE_MILLIS_MAX: u64 = 1_500;

/// How long an engine stays away at most, beside its own start.
const AWAY_MILLIS_MAX: u64 = 500;

/// The clusters of databases.
const CLUSTERS: [Engine; 3] = [Engine::Main, Engine::Registry, Engine::Votes];

/// The databases, each with the roles `name` and `name_owner`.
const DATABASES: [(Engine, &str); 4] = [
    (Engine::Main, "payments_orders"),
    (Engine::Main, "tally"),
    (Engine::Registry, "challenge_bypass"),
    (Engine::Votes, "payments_votes"),
];

fn restarts() -> usize {
    asked(RESTARTS_VARIABLE, RESTARTS)
}

/// Kills an engine at a random instant, while what waited is being published, and starts it again.
async fn kill(scene: &mut Scene, engine: Engine, round: usize) {
    scene.renew(ServiceName::Payments, round % 2).await;
    scene.pause(PAUSE_MILLIS_MAX).await;
    engine.kill().await.unwrap();
    scene.pause(AWAY_MILLIS_MAX).await;
    engine.start().await.unwrap();
    scene.heal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_again_and_again_loses_nothing_and_repeats_nothing() {
    let mut scene = Scene::start(several()).await;

    for round in 0..restarts() {
        kill(&mut scene, Engine::Kafka, round).await;
        scene.figures.broker_restarts += 1;
    }

    scene.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_that_die_again_and_again_lose_nothing_and_count_nothing_twice() {
    let mut scene = Scene::start(several()).await;

    for (round, cluster) in CLUSTERS.into_iter().cycle().take(restarts()).enumerate() {
        kill(&mut scene, cluster, round / CLUSTERS.len()).await;
        scene.figures.database_restarts += 1;
    }

    scene.settle().await;
}

/// A proxy for each engine, and what makes the services take it.
pub(super) async fn proxies(setup: &mut Setup) -> Vec<Proxy> {
    if engines::named().is_none() {
        return Vec::new();
    }
    let mut proxies = Vec::new();
    for cluster in CLUSTERS {
        let address = cluster.address().unwrap();
        let proxy = Proxy::start(address).await.unwrap();
        setup.detours.push((address, proxy.address()));
        proxies.push(proxy);
    }
    let (told, served) = behind_a_proxy().await.unwrap();
    setup.detours.push((Engine::Kafka.address().unwrap(), told));
    proxies.push(Proxy::at(told, vec![served]).await.unwrap());
    proxies
}

/// Runs statements of the superuser in each database, with its name for `@` and the tablespace's for `%`.
async fn in_each_database(tablespace: &str, statements: &str) {
    for (cluster, name) in DATABASES {
        let statements = statements.replace('@', name).replace('%', tablespace);
        as_super(cluster, name, statements).await;
    }
}

async fn as_super(cluster: Engine, database: &str, statements: String) {
    let mut server = super_user(cluster, database).await.unwrap();
    let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(statements));
    statements.execute(&mut server).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_the_databases_refuses_for_now_and_goes_on_when_there_is_room() {
    // A name that nobody left behind, in a folder that the clusters' user can get into.
    let name = format!("small_{}", std::process::id());
    let dir = engines::folder().join(&name);
    let disk = disks::disk(&dir);
    for cluster in CLUSTERS {
        let room = dir.join(format!("{cluster:?}"));
        std::fs::create_dir(&room).unwrap();
        let mut owner = std::process::Command::new("chown");
        assert!(owner.arg("postgres").arg(&room).status().unwrap().success());
        let make = format!("CREATE TABLESPACE {name} LOCATION '{}'", room.display());
        as_super(cluster, "postgres", make).await;
    }
    in_each_database(
        &name,
        "GRANT CREATE ON TABLESPACE % TO @_owner;
         ALTER ROLE @_owner IN DATABASE @ SET default_tablespace = %;",
    )
    .await;

    disks::run_full(Scene::start(several()).await, &disk).await;

    in_each_database(
        &name,
        "ALTER ROLE @_owner IN DATABASE @ RESET default_tablespace;
         REVOKE CREATE ON TABLESPACE % FROM @_owner;
         ALTER TABLE ALL IN TABLESPACE % SET TABLESPACE pg_default;
         ALTER INDEX ALL IN TABLESPACE % SET TABLESPACE pg_default;",
    )
    .await;
    for cluster in CLUSTERS {
        as_super(cluster, "postgres", format!("DROP TABLESPACE {name}")).await;
    }
}
