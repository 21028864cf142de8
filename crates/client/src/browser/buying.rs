//! From an order to unblinded tokens.

use http::StatusCode;
use messages::{
    FundingSource,
    money::Amount,
    payments::{
        CredentialsRequest, Order, OrderCredentials, OrderItemRequest, OrderRequest, OrderStatus,
        Transaction,
    },
};
use rand::rngs::OsRng;
use uuid::Uuid;

use super::{Browser, PATIENCE, PayerRef, read};
use crate::{
    Error,
    crash::Step,
    directory::rules::Refusal,
    payer::{Draft, PayError},
    sku::Sku,
    tokens::Blinding,
    transport::Request,
    wallet::{OrderRef, Purchase, Stage},
};

/// What to buy.
#[derive(Clone, Debug)]
pub struct Basket {
    /// Whose money pays.
    pub source: FundingSource,
    /// The SKU token.
    pub sku: String,
    /// How many tokens.
    pub quantity: u32,
    /// In how many transfers to pay, where the payer can.
    pub parts: u32,
}

impl Browser {
    /// Begins to buy: the purchase is in the wallet, and nothing was sent. Gives its place there.
    pub fn begin(&mut self, basket: Basket) -> Result<usize, Error> {
        self.wallet.state.purchases.push(Purchase {
            source: basket.source,
            sku: basket.sku,
            quantity: basket.quantity,
            parts: basket.parts.max(1),
            vote_anyway: false,
            stage: Stage::Ordering {
                idempotency_key: Uuid::new_v4(),
            },
        });
        self.wallet.save()?;
        Ok(self.wallet.state.purchases.len() - 1)
    }

    /// Goes on with a purchase until its tokens are in the wallet.
    pub async fn buy(&mut self, purchase: usize, payer: PayerRef<'_>) -> Result<(), Error> {
        loop {
            let Some(bought) = self.wallet.state.purchases.get(purchase) else {
                return Ok(());
            };
            let next = match &bought.stage {
                Stage::Holding { .. } | Stage::Spent { .. } => return Ok(()),
                Stage::Ordering { idempotency_key } => {
                    let key = *idempotency_key;
                    self.order(purchase, key).await?
                }
                Stage::Paying { order, .. } => {
                    let order = order.clone();
                    self.pay(purchase, &order, payer).await?
                }
                Stage::Signing {
                    order, blinding, ..
                } => {
                    let (order, blinding) = (order.clone(), blinding.clone());
                    self.sign(purchase, &order, &blinding).await?
                }
            };
            let stored = matches!(next, Stage::Signing { .. });
            self.set_stage(purchase, next)?;
            if stored {
                self.settings.crash_points.after(Step::CredentialsStored)?;
            }
        }
    }

    async fn order(&mut self, purchase: usize, idempotency_key: Uuid) -> Result<Stage, Error> {
        let Some(bought) = self.wallet.state.purchases.get(purchase) else {
            return Err(Error::Order);
        };
        let (source, quantity) = (bought.source, bought.quantity);
        let sku = Sku::read(&bought.sku)?;
        let body = OrderRequest {
            items: vec![OrderItemRequest {
                sku: bought.sku.clone(),
                quantity: i64::from(quantity),
            }],
        };
        self.selling_key(source, &sku).await?;
        let mut request = Request::post(
            "/v1/orders",
            serde_json::to_vec(&body).map_err(Error::Answer)?,
        );
        request.idempotency_key = Some(idempotency_key.to_string());

        let order: Order = self.ask(&request).await?;
        self.settings.crash_points.after(Step::OrderSent)?;
        let (Some(capability), [item]) = (order.capability, order.items.as_slice()) else {
            return Err(Error::Order);
        };
        // The price is that of the SKU token, and a key of that value was seen: paying another one
        // would pay for somebody else's votes.
        let is_what_was_asked_for = item.quantity == quantity
            && sku.price.times(u64::from(quantity)) == Some(order.total_price)
            && sku.currency == order.currency;
        if !is_what_was_asked_for {
            return Err(Error::Order);
        }
        Ok(Stage::Paying {
            order: OrderRef {
                id: order.id,
                item_id: item.id,
                capability,
                total: order.total_price,
                currency: order.currency,
            },
            transfers: Vec::new(),
        })
    }

    /// Pays until the order is paid, and draws the tokens to have signed.
    async fn pay(
        &mut self,
        purchase: usize,
        order: &OrderRef,
        payer: PayerRef<'_>,
    ) -> Result<Stage, Error> {
        let give_up = self.now() + PATIENCE;
        while self.now() < give_up {
            self.transfer(purchase, order, payer).await?;
            let path = format!("/v1/orders/{}", order.id);
            let request = Request::get(path).with_capability(&order.capability);
            let seen: Order = self.ask(&request).await?;
            match seen.status {
                OrderStatus::Canceled => return Err(Error::Order),
                OrderStatus::Fulfilled | OrderStatus::Paid => {
                    let bought = self.wallet.state.purchases.get(purchase);
                    let quantity = bought.map_or(0, |bought| bought.quantity);
                    let count = usize::try_from(quantity).map_err(|_| Error::Order)?;
                    return Ok(Stage::Signing {
                        order: order.clone(),
                        blinding: Blinding::random(count, &mut OsRng),
                        first_sent: None,
                    });
                }
                OrderStatus::Pending => {
                    let parts = payer.pays_in_parts();
                    let failed = self.failed_transfers(order).await?;
                    match self.next_part(purchase, order, failed, parts) {
                        Some(amount) => {
                            let draft =
                                payer.draft(seen.transfer_reference, amount, &order.currency);
                            self.note(purchase, draft)?;
                        }
                        None => self.busy.sleep(self.settings.profile.look_again).await,
                    }
                }
            }
        }
        Err(Error::Waited("a transfer to arrive"))
    }

    /// What the order's transfers that came to nothing were worth: that money went back.
    async fn failed_transfers(&mut self, order: &OrderRef) -> Result<Amount, Error> {
        let path = format!("/v1/orders/{}/transactions", order.id);
        let request = Request::get(path).with_capability(&order.capability);
        let transactions: Vec<Transaction> = self.ask(&request).await?;
        let mut failed = transactions
            .iter()
            .filter(|one| one.status == "failed" || one.status == "canceled");
        let sum = failed.try_fold(Amount::ZERO, |sum, one| sum.checked_add(one.amount));
        sum.ok_or(Error::Order)
    }

    /// The amount of the next transfer; `None` when every part is under way.
    fn next_part(
        &self,
        purchase: usize,
        order: &OrderRef,
        failed: Amount,
        in_parts: bool,
    ) -> Option<Amount> {
        let bought = self.wallet.state.purchases.get(purchase)?;
        let Stage::Paying { transfers, .. } = &bought.stage else {
            return None;
        };
        let sent = transfers.iter().try_fold(Amount::ZERO, |sum, transfer| {
            sum.checked_add(transfer.amount)
        })?;
        let sent = sent.checked_sub(failed).unwrap_or_default();
        let left = order
            .total
            .checked_sub(sent)
            .filter(|left| !left.is_zero())?;
        let parts = if in_parts { bought.parts } else { 1 };
        let parts_left = u32::try_from(transfers.len())
            .ok()
            .map_or(1, |done| parts.saturating_sub(done).max(1));
        Amount::from_base_units(left.base_units() / i128::from(parts_left))
    }

    fn note(&mut self, purchase: usize, draft: Draft) -> Result<(), Error> {
        if let Some(Stage::Paying { transfers, .. }) = self.stage_mut(purchase) {
            transfers.push(draft);
        }
        self.wallet.save()?;
        Ok(self.settings.crash_points.after(Step::TransferDrafted)?)
    }

    /// Moves the money of a transfer that payments does not know yet, and tells it.
    async fn transfer(
        &mut self,
        purchase: usize,
        order: &OrderRef,
        payer: PayerRef<'_>,
    ) -> Result<(), Error> {
        let Some(Stage::Paying { transfers, .. }) = self.stage(purchase) else {
            return Ok(());
        };
        let Some(draft) = transfers.last().filter(|last| !last.recorded).cloned() else {
            return Ok(());
        };
        let give_up = self.now() + PATIENCE;
        while let Err(error) = payer.send(&draft).await {
            if error == PayError::Refused || self.now() >= give_up {
                return Err(error.into());
            }
            self.busy.sleep(super::PAUSE_MIN).await;
        }
        self.settings.crash_points.after(Step::TransferSent)?;

        let route = draft.method.route();
        let path = format!("/v1/orders/{}/transactions/{route}", order.id);
        let request = Request::post(path, draft.body()).with_capability(&order.capability);
        let answer = self.answer(&request).await?;
        self.settings.crash_points.after(Step::TransactionSent)?;
        if !answer.status.is_success() {
            return Err(Error::refused(&answer));
        }
        if let Some(Stage::Paying { transfers, .. }) = self.stage_mut(purchase)
            && let Some(last) = transfers.last_mut()
        {
            last.recorded = true;
        }
        Ok(self.wallet.save()?)
    }

    /// Has the tokens signed, checks the answer and unblinds.
    async fn sign(
        &mut self,
        purchase: usize,
        order: &OrderRef,
        blinding: &Blinding,
    ) -> Result<Stage, Error> {
        let now = self.now();
        let mut first = now;
        if let Some(Stage::Signing { first_sent, .. }) = self.stage_mut(purchase) {
            first = *first_sent.get_or_insert(now);
        }
        self.wallet.save()?;
        let points = blinding.points()?;
        let body = CredentialsRequest {
            item_id: order.item_id,
            blinded_creds: points.clone(),
        };
        let body = serde_json::to_vec(&body).map_err(Error::Answer)?;
        let path = format!("/v1/orders/{}/credentials", order.id);
        let request = Request::post(path, body).with_capability(&order.capability);

        let give_up = now + PATIENCE;
        let credentials: OrderCredentials = loop {
            let answer = self.answer(&request).await?;
            self.settings.crash_points.after(Step::CredentialsSent)?;
            // 202: stored, and being signed.
            if answer.status != StatusCode::ACCEPTED {
                break read(&answer)?;
            }
            if self.now() >= give_up {
                return Err(Error::Waited("signatures"));
            }
            self.busy.sleep(super::PAUSE_MIN).await;
        };
        let last = self.now();
        let tokens = blinding.unblind(
            &credentials.signed_creds,
            &credentials.batch_proof,
            &credentials.public_key,
        )?;
        let key = self.confirmed_key(&credentials.public_key).await?;
        let Some(bought) = self.wallet.state.purchases.get(purchase) else {
            return Err(Error::NoPurchase(purchase));
        };
        let profile = &self.settings.profile;
        if !key.is_for(bought.source, &Sku::read(&bought.sku)?) {
            return Err(Error::Key(Some(Refusal::NotBought)));
        }
        if !(key.may_sign_at(first, profile) || key.may_sign_at(last, profile)) {
            return Err(Error::Key(Some(Refusal::OutsideWindow)));
        }
        Ok(Stage::Holding {
            key_id: key.key_id,
            sign_until: key.sign_until,
            redeem_until: key.redeem_until,
            tokens,
        })
    }

    fn stage(&self, purchase: usize) -> Option<&Stage> {
        let purchase = self.wallet.state.purchases.get(purchase);
        purchase.map(|purchase| &purchase.stage)
    }

    fn stage_mut(&mut self, purchase: usize) -> Option<&mut Stage> {
        let purchase = self.wallet.state.purchases.get_mut(purchase);
        purchase.map(|purchase| &mut purchase.stage)
    }

    fn set_stage(&mut self, purchase: usize, next: Stage) -> Result<(), Error> {
        if let Some(stage) = self.stage_mut(purchase) {
            *stage = next;
        }
        Ok(self.wallet.save()?)
    }
}
