//! What the doctors of star-collector's parts say of real engines.

use super::wrong;
use crate::doctor::measurements::{Measured, of_aggregate, of_collect};

/// Settings with which a part comes with the certificate of another principal.
fn with_papers_of(
    sources: service_kit::config::Sources,
    principal: &str,
) -> service_kit::config::Sources {
    let certificates = service_kit::engines::folder().join("certificates");
    let file = |kind: &str| {
        let file = certificates.join(format!("{principal}.{kind}"));
        file.display().to_string()
    };
    sources
        .set("event_log.tls.certificate_file", file("crt"))
        .set("event_log.tls.key_file", file("key"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_access_list_does_not_allow_a_part_is_told_topic_by_topic() {
    let measured = Measured::new().await;
    let channel = &measured.lane.channel;
    let (input, output) = (
        format!("topic {}", channel.input_topic),
        format!("topic {}", channel.output_topic),
    );

    let as_collect = with_papers_of(measured.aggregate(), "star-collect");
    let report = of_aggregate(&as_collect).await;
    let text = report.to_text(false);
    let found = wrong(&report);
    assert_eq!(found[..3], ["event log: access", &input, &output], "{text}");
    assert!(found.contains(&"event log: publishing"), "{text}");
    assert!(text.contains("read the topic"), "{text}");

    let as_aggregate = with_papers_of(measured.collect(), "star-aggregate");
    let report = of_collect(&as_aggregate).await;
    let text = report.to_text(false);
    assert_eq!(wrong(&report), ["event log: access", &input], "{text}");
    assert!(text.contains("write to the topic"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_make_tables_is_told() {
    let measured = Measured::new().await;
    let mut owner = measured.site.database().await.unwrap();
    let schema = owner.rows("SELECT current_schema()::TEXT").await.unwrap();
    let schema = schema[0].text(0).to_owned();
    for (change, expected) in [
        (
            format!("GRANT CREATE ON SCHEMA {schema} TO star_aggregate"),
            vec!["database: role"],
        ),
        (
            format!("REVOKE CREATE ON SCHEMA {schema} FROM star_aggregate"),
            vec![],
        ),
    ] {
        owner.run(&change).await.unwrap();

        let report = of_aggregate(&measured.aggregate()).await;

        assert_eq!(wrong(&report), expected, "{}", report.to_text(false));
    }
}
