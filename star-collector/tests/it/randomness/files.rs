//! What the files of a store hold. A server's files are those of all tests, and it clears them when it comes to that
//! (`store/postgres.rs`): these tests are on files wherever the others are.

use super::{
    app::{App, Place, START},
    epochs::stored,
};

#[tokio::test]
async fn the_older_state_is_in_no_file_once_it_is_replaced() {
    let mut app = App::replica(&Place::on_files(), START).await;
    let before = stored(&app).await;
    let holds = |app: &App, bytes: &[u8]| {
        ["keys.db", "keys.db-wal"].iter().any(|name| {
            let file = std::fs::read(app.place.path(name)).unwrap_or_default();
            file.windows(bytes.len()).any(|window| window == bytes)
        })
    };
    assert!(holds(&app, &before.data_key) && holds(&app, &before.state[..48]));

    app.live_until_hour(1).await;

    let after = stored(&app).await;
    assert!(
        holds(&app, &after.data_key),
        "the search finds what is there"
    );
    assert!(!holds(&app, &before.data_key));
    assert!(!holds(&app, &before.state[..48]));
}
