//! The databases of star-collector's parts in a real PostgreSQL: each role is let into its own (A6).

use service_kit::db::testing::url;
use test_kit::database::Database;

const NAMES: [&str; 4] = [
    "payments_orders",
    "star_aggregate",
    "star_randomness",
    "tally",
];

#[tokio::test]
async fn a6_the_roles_of_star_collectors_databases_are_let_into_their_own_and_no_other() {
    for role in NAMES {
        for database in NAMES {
            let entered = Database::of_url(&url("main", database, role)).await;
            assert_eq!(entered.is_ok(), role == database, "{role} in {database}");
        }
    }
}

#[tokio::test]
async fn a6_they_make_no_tables_and_their_owners_do() {
    for name in ["star_aggregate", "star_randomness"] {
        for (role, makes) in [(name.to_owned(), false), (format!("{name}_owner"), true)] {
            let mut database = Database::of_url(&url("main", name, &role)).await.unwrap();
            database.run("BEGIN").await.unwrap();
            let made = database.run("CREATE TABLE public.note (text TEXT)").await;
            assert_eq!(made.is_ok(), makes, "{role}");
        }
    }
}
