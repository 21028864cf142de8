use std::sync::Arc;

use super::*;
use crate::event_log::contract;

struct Embedded(tempfile::TempDir);

#[async_trait]
impl contract::Engine for Embedded {
    async fn open(&self) -> Arc<dyn EventLog> {
        let path = self.0.path().join("log.db");
        Arc::new(EmbeddedLog::open(path.to_str().unwrap()).await.unwrap())
    }
}

macro_rules! passes {
    ($($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            contract::$case(&Embedded(tempfile::tempdir().unwrap())).await;
        }
    )*};
}

contract::for_each_case!(passes);

#[tokio::test]
async fn a_log_made_anew_has_another_identity() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut identities = Vec::new();
    for dir in [&one, &one, &other] {
        let log = contract::Engine::open(&Embedded(tempfile::tempdir_in(dir.path()).unwrap())).await;
        identities.push(log.identity().await.unwrap());
    }
    let path = one.path().join("again.db");
    let path = path.to_str().unwrap();
    let first = EmbeddedLog::open(path).await.unwrap().identity().await.unwrap();
    let second = EmbeddedLog::open(path).await.unwrap().identity().await.unwrap();

    identities.sort();
    identities.dedup();
    assert_eq!(identities.len(), 3);
    assert_eq!(first, second);
}

#[tokio::test]
async fn only_an_embedded_url_is_taken() {
    for url in ["", "embedded:", "kafka://localhost:9092", "/tmp/log.db"] {
        assert!(matches!(crate::event_log::open(url).await, Err(Error::Url)), "{url}");
    }
}
