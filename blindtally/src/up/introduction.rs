//! What `up` prints: where the services are, and the first steps by hand.
//!
//! Every command in it can be pasted into a shell as it stands, but for the words in capitals; a test does
//! just that.

use std::{borrow::Cow, path::Path};

use messages::FundingSource;
use url::Url;

use super::measurements::K;
use crate::system::{Collector, Layout, Part, ServiceName, settlement};

/// What to read and to do first.
pub(super) fn of(layout: &Layout, collector: &Collector, program: &Path) -> anyhow::Result<String> {
    let program = program.to_string_lossy();
    Ok([
        services(layout, collector)?,
        variables(layout, collector)?,
        by_hand(),
        by_wallet(&program),
        by_measuring(&program),
    ]
    .join("\n"))
}

fn services(layout: &Layout, collector: &Collector) -> anyhow::Result<String> {
    let url = |service| url(layout, service);
    Ok(format!(
        r"Blindtally runs, with play money and on this machine only.

  payments           {payments}
  challenge-bypass   {issuer}  (lets in payments' client certificate only)
  tally              {tally}
  sandbox custodian  {custodian}
  randomness         {randomness}  (star-collector's, as collect)
  collect            {collect}

Clients go by the demo profile here: {profile};
the witness is its own tally. That shows how the system works, and hides nobody.
",
        payments = url(ServiceName::Payments),
        issuer = url(ServiceName::ChallengeBypass),
        tally = url(ServiceName::Tally),
        custodian = url(ServiceName::SandboxCustodian),
        randomness = without_slash(&collector.url(Part::Randomness)?),
        collect = without_slash(&collector.url(Part::Collect)?),
        profile = client::Profile::by_hand(),
    ))
}

/// The URL of a service, without a slash at its end.
fn url(layout: &Layout, service: ServiceName) -> String {
    without_slash(&layout.url(service))
}

fn without_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// What the wallet reads from its environment, and curl's certificate authority.
fn variables(layout: &Layout, collector: &Collector) -> anyhow::Result<String> {
    let pin = |service| Ok::<_, anyhow::Error>(layout.pin(service)?.to_string());
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let variables = [
        ("CURL_CA_BUNDLE", path(&layout.pki().ca())),
        ("WALLET_FILE", path(&layout.file("wallet.json"))),
        ("WALLET_PROFILE", "demo".to_owned()),
        ("WALLET_PAYMENTS", url(layout, ServiceName::Payments)),
        ("WALLET_PAYMENTS_PIN", pin(ServiceName::Payments)?),
        ("WALLET_WITNESS", url(layout, ServiceName::Tally)),
        ("WALLET_WITNESS_PIN", pin(ServiceName::Tally)?),
        (
            "WALLET_DIRECTORY_KEY",
            hex::encode(layout.directory_key().to_bytes()),
        ),
        (
            "WALLET_CUSTODIAN",
            url(layout, ServiceName::SandboxCustodian),
        ),
        ("WALLET_CUSTODIAN_PIN", pin(ServiceName::SandboxCustodian)?),
        ("WALLET_DESTINATION", settlement::UPHOLD.to_owned()),
        ("WALLET_SKU", layout.sku_token(FundingSource::UserWallet)?),
        (
            "WALLET_RANDOMNESS",
            without_slash(&collector.url(Part::Randomness)?),
        ),
        (
            "WALLET_RANDOMNESS_PIN",
            collector.pin(Part::Randomness)?.to_string(),
        ),
        (
            "WALLET_COLLECT",
            without_slash(&collector.url(Part::Collect)?),
        ),
        (
            "WALLET_COLLECT_PIN",
            collector.pin(Part::Collect)?.to_string(),
        ),
        ("WALLET_THRESHOLD", K.to_string()),
    ];
    let exports = variables
        .iter()
        .map(|(name, value)| format!("   export {name}={}\n", word(value)));
    Ok(format!(
        "To try it, open another shell and paste this first.\n\n{}",
        exports.collect::<String>()
    ))
}

/// An order and its payment, with curl.
fn by_hand() -> String {
    let post = r"curl -sS -w '\n' -H content-type:application/json";
    format!(
        r#"An order by hand, with curl. The words in capitals stand in the answers before.

1. Order four votes: the answer has an id, a capability and a transferReference.

   {post} $WALLET_PAYMENTS/v1/orders \
     -d '{{"items":[{{"sku":"'$WALLET_SKU'","quantity":4}}]}}'

2. Open an account with play money, and pay: the second answer has an id.

   {post} $WALLET_CUSTODIAN/sandbox/accounts \
     -d '{{"id":"me","funds":{{"BAT":"100"}}}}'
   {post} $WALLET_CUSTODIAN/sandbox/transfers \
     -d '{{"custodian":"uphold","from":"me","amount":"1","currency":"BAT",
          "destination":"'$WALLET_DESTINATION'","message":"TRANSFER-REFERENCE"}}'

3. Name the transfer to payments. The order is paid then, and four votes may be signed for it.

   {post} $WALLET_PAYMENTS/v1/orders/ORDER-ID/transactions/uphold \
     -H 'authorization: Bearer CAPABILITY' -d '{{"externalTransactionId":"TRANSFER-ID"}}'
"#
    )
}

/// All of it, with the wallet.
fn by_wallet(program: &str) -> String {
    let wallet = format!("{} wallet", word(program));
    format!(
        r"What comes after is arithmetic on curves, which the wallet does. This buys four votes out of the account
above and casts them. The first purchase waits up to a minute, until tally has witnessed the keys.

   {wallet} buy --quantity 4 --account me
   {wallet} directory
   {wallet} vote --for example.com
   {wallet} status

Votes are published ten minutes after each full hour, and counted then.
"
    )
}

/// A measurement of as many clients as must agree.
fn by_measuring(program: &str) -> String {
    let wallet = format!("{} wallet", word(program));
    format!(
        r"Measurements are of two layers here, and {K} clients open what they agree on; two of them do not. Each has a file of its
own. Sent at once, as here, values can be tried against a measurement until its epoch is over, which takes an hour;
without --send-at-once it is kept, and `report send` sends it in the next one.

   for client in 1 2 3; do
     {wallet} report --reports client-$client.json measure --send-at-once --layer country=none --layer platform=linux
   done

The aggregator looks each five seconds. What it read and opened is said below.
"
    )
}

/// A word as a shell reads it.
fn word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/.:=+_-".contains(c);
    if text.chars().all(is_plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_spaces_or_quotes_is_one_word_to_a_shell() {
        assert_eq!(word("/a/b-c.d"), "/a/b-c.d");
        assert_eq!(word("/my files/it's"), r"'/my files/it'\''s'");
    }
}
