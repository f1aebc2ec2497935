//! The accounts that are loaded, and what is answered from them.

use ballast_state::health::{LiquidationMarks, View};
use ballast_state::{Bank, Board, Exchange, MarginAccount, Tagged};
use bytemuck::{Zeroable, allocation::zeroed_box};
use serde::Serialize;

use crate::assess::assess;
use crate::change::{Sequence, WhatIfAnswer};
use crate::curves;
use crate::failure::{Failure, Refusal};
use crate::quotes::quotes;
use crate::request::{LiquidationMarksRequest, Request, WhatIfRequest};
use crate::venue::venue;
use crate::wire::Integer;

answer! {
    /// Marks of one lot of an underlying at which a liquidation could begin, quote units. Both are the present mark when it could already.
    pub struct LiquidationMarksAnswer {
        /// The present mark.
        pub mark_q32: Integer,
        /// The nearest below; nothing down to a 64th of the present mark.
        pub below_q32: Option<Integer>,
        /// The nearest above; nothing up to 16 times the present mark.
        pub above_q32: Option<Integer>,
    }
}

/// Which account is given to [`Engine::load`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Which {
    /// The configuration.
    Exchange = 0,
    /// Prices and indexes.
    Board = 1,
    /// The margin account that requests are about; no data for an empty one.
    Account = 2,
    /// The bank of an asset, for its caps. Optional; one of the same asset is replaced.
    Bank = 3,
}

impl Which {
    /// By number.
    pub fn from_number(number: u32) -> Option<Self> {
        [Self::Exchange, Self::Board, Self::Account, Self::Bank]
            .into_iter()
            .find(|which| *which as u32 == number)
    }
}

/// Answers requests from the accounts that are loaded.
#[derive(Default)]
pub struct Engine {
    exchange: Option<Box<Exchange>>,
    board: Option<Box<Board>>,
    account: Option<Box<MarginAccount>>,
    banks: Vec<Bank>,
}

/// The struct in an account's data, whatever the alignment.
fn read<T: Tagged>(data: &[u8], what: &str) -> Result<Box<T>, Failure> {
    let body = data
        .strip_prefix(T::TAG)
        .ok_or_else(|| Failure::account(format!("this is not an account of the kind {what}")))?;
    if body.len() != size_of::<T>() {
        return Err(Failure::account(format!(
            "an account of the kind {what} has {} bytes, not {}",
            8 + size_of::<T>(),
            data.len()
        )));
    }
    let mut account: Box<T> = zeroed_box();
    bytemuck::bytes_of_mut(&mut *account).copy_from_slice(body);
    Ok(account)
}

/// What the answer to a request looks like.
#[derive(Serialize)]
enum Answer<T> {
    #[serde(rename = "ok")]
    Ok(T),
    #[serde(rename = "error")]
    Error(Failure),
}

fn json(answer: Result<impl Serialize, Failure>) -> Vec<u8> {
    let answer = match answer {
        Ok(answer) => Answer::Ok(answer),
        Err(failure) => Answer::Error(failure),
    };
    // Nothing here has keys that are not strings or fails to be written.
    serde_json::to_vec(&answer).unwrap_or_default()
}

impl Engine {
    /// Takes an account's data, its 8-byte tag included, in place of what was loaded before.
    ///
    /// # Errors
    /// [`Failure::account`] when tag or length are of another kind of account; nothing changes then.
    pub fn load(&mut self, which: Which, data: &[u8]) -> Result<(), Failure> {
        match which {
            Which::Exchange => self.exchange = Some(read(data, "exchange")?),
            Which::Board => self.board = Some(read(data, "board")?),
            Which::Account if data.is_empty() => self.account = None,
            Which::Account => self.account = Some(read(data, "margin account")?),
            Which::Bank => {
                let bank: Box<Bank> = read(data, "bank")?;
                self.banks.retain(|known| known.asset != bank.asset);
                self.banks.push(*bank);
            }
        }
        Ok(())
    }

    /// As [`Engine::load`] with a number, answered as JSON: `{"ok":null}` or an error.
    pub fn load_json(&mut self, which: u32, data: &[u8]) -> Vec<u8> {
        let which = Which::from_number(which)
            .ok_or_else(|| Failure::malformed(format!("{which} is no kind of account")));
        json(which.and_then(|which| self.load(which, data)))
    }

    /// Answers a request in JSON: `{"ok":…}` or `{"error":{"code","name","message"}}`.
    pub fn call(&self, request: &[u8]) -> Vec<u8> {
        match serde_json::from_slice(request) {
            Ok(request) => self.answer(&request),
            Err(error) => json(Err::<(), _>(Failure::malformed(error.to_string()))),
        }
    }

    fn answer(&self, request: &Request) -> Vec<u8> {
        let empty = MarginAccount::zeroed();
        let account = self.account.as_deref().unwrap_or(&empty);
        let view = |now: crate::wire::Seconds| self.view(now.0);
        let banks = &self.banks;
        match request {
            Request::Venue(request) => {
                json(view(request.now).and_then(|view| Ok(venue(&view, banks)?)))
            }
            Request::Assess(request) => {
                json(view(request.now).and_then(|view| assess(&view, account, request.purpose)))
            }
            Request::WhatIf(request) => {
                json(view(request.now).and_then(|view| self.what_if(&view, account, request)))
            }
            Request::LiquidationMarks(request) => json(
                view(request.now).and_then(|view| self.liquidation_marks(&view, account, request)),
            ),
            Request::Quotes(request) => {
                json(view(request.now).and_then(|view| quotes(&view, &request.markets)))
            }
            Request::Curve(request) => json(
                view(request.now).and_then(|view| curves::curve(&view, account, banks, request)),
            ),
            Request::Grid(request) => json(
                view(request.now).and_then(|view| curves::grid(&view, account, banks, request)),
            ),
            Request::Legs(request) => {
                json(view(request.now).and_then(|view| curves::legs(&view, request)))
            }
            Request::Largest(request) => json(view(request.now).and_then(|view| {
                let mut sequence = Sequence::new(&view, account, banks);
                sequence.apply_all(&request.changes)?;
                sequence.largest(&request.template)
            })),
        }
    }

    /// Where everything is looked up.
    fn view(&self, now: i64) -> Result<View<'_>, Failure> {
        let exchange = self.exchange.as_deref();
        let board = self.board.as_deref();
        let view = View {
            exchange: exchange.ok_or_else(|| Failure::not_loaded("exchange"))?,
            board: board.ok_or_else(|| Failure::not_loaded("board"))?,
            now,
        };
        let own = &view.board.exchange;
        let account = self.account.iter().map(|account| &account.exchange);
        let mut others = account.chain(self.banks.iter().map(|bank| &bank.exchange));
        if others.any(|exchange| exchange != own) {
            return Err(Refusal::WrongExchange.into());
        }
        Ok(view)
    }

    fn what_if(
        &self,
        view: &View,
        account: &MarginAccount,
        request: &WhatIfRequest,
    ) -> Result<WhatIfAnswer, Failure> {
        let mut sequence = Sequence::new(view, account, &self.banks);
        sequence.apply_all(&request.changes)?;
        let what_if = &sequence.what_if;
        Ok(WhatIfAnswer {
            before: assess(view, account, request.purpose)?,
            after: assess(&what_if.view(), what_if.account(), request.purpose)?,
            allowed: sequence.refusals.is_empty(),
            refusals: sequence.refusals,
            fees: sequence.fees,
        })
    }

    fn liquidation_marks(
        &self,
        view: &View,
        account: &MarginAccount,
        request: &LiquidationMarksRequest,
    ) -> Result<LiquidationMarksAnswer, Failure> {
        let mut sequence = Sequence::new(view, account, &self.banks);
        sequence.apply_all(&request.changes)?;
        let what_if = &sequence.what_if;
        let LiquidationMarks { below, above } = what_if.liquidation_marks(request.underlying)?;
        Ok(LiquidationMarksAnswer {
            mark_q32: Integer::q32(what_if.view().last_mark(request.underlying)?),
            below_q32: below.map(Integer::q32),
            above_q32: above.map(Integer::q32),
        })
    }
}
