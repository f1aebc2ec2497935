//! The engine gives the figures of `vectors/portfolios.json`, which the program's engine gives on the VM, and answers anything at all without a panic.

use std::{fs, path::Path};

use ballast_risk_wasm::{Engine, Which};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

struct Vectors {
    now: i64,
    exchange: Vec<u8>,
    boards: Vec<Vec<u8>>,
    portfolios: Vec<Value>,
}

fn bytes(value: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn vectors() -> Vectors {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/portfolios.json");
    let vectors: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    Vectors {
        now: vectors["now"].as_i64().unwrap(),
        exchange: bytes(&vectors["exchange"]),
        boards: vectors["boards"]
            .as_array()
            .unwrap()
            .iter()
            .map(bytes)
            .collect(),
        portfolios: vectors["portfolios"].as_array().unwrap().clone(),
    }
}

impl Vectors {
    /// An engine with the accounts of a portfolio.
    fn engine(&self, portfolio: &Value) -> Engine {
        let mut engine = Engine::default();
        let board = &self.boards[portfolio["board"].as_u64().unwrap() as usize];
        engine.load(Which::Exchange, &self.exchange).unwrap();
        engine.load(Which::Board, board).unwrap();
        let account = bytes(&portfolio["account"]);
        engine.load(Which::Account, &account).unwrap();
        engine
    }
}

fn answer(engine: &Engine, request: &Value) -> Value {
    serde_json::from_slice(&engine.call(request.to_string().as_bytes())).unwrap()
}

#[test]
fn figures_are_those_of_the_program() {
    let vectors = vectors();
    for (index, portfolio) in vectors.portfolios.iter().enumerate() {
        let engine = vectors.engine(portfolio);
        for (purpose, figures) in portfolio["figures"].as_object().unwrap() {
            let request = json!({"operation": "assess", "now": vectors.now, "purpose": purpose});
            let answer = &answer(&engine, &request)["ok"];
            match figures.get("error") {
                Some(error) => assert_eq!(&answer["refusal"]["name"], error, "{index}, {purpose}"),
                None => {
                    assert_eq!(answer["refusal"], Value::Null, "{index}, {purpose}");
                    for (name, figure) in figures.as_object().unwrap() {
                        assert_eq!(
                            &answer["totals"][name], figure,
                            "{index}, {purpose}, {name}"
                        );
                    }
                }
            }
        }
    }
}

/// One request of every operation, about a market of every kind.
fn requests(now: i64) -> Vec<Value> {
    let perpetual = json!({"underlying": 0, "kind": "perpetual", "expiry": 0, "strike": "0n"});
    let future =
        json!({"underlying": 1, "kind": "future", "expiry": now + 864_000, "strike": "0n"});
    let call =
        json!({"underlying": 2, "kind": "call", "expiry": now + 864_000, "strike": "9000000n"});
    let put =
        json!({"underlying": 0, "kind": "put", "expiry": now + 864_000, "strike": "2000000n"});
    let changes = json!([
        {"kind": "deposit", "asset": 0, "amount": "1000000000n"},
        {"kind": "trade", "terms": perpetual, "lots": "-50n", "fee": "taker"},
        {"kind": "order", "terms": call, "side": "bid", "lots": "3n", "price": "500000n", "reduceOnly": false},
        {"kind": "movePrice", "underlying": 1, "factorQ32": "4000000000n"},
        {"kind": "moveImpliedVolatility", "underlying": 2, "factorQ32": "5000000000n"},
        {"kind": "moveRealisedVolatility", "underlying": 0, "factorQ32": "5000000000n"},
        {"kind": "passTime", "seconds": 86_400},
        {"kind": "withdraw", "asset": 1, "amount": "1000000000n", "borrow": true},
    ]);
    let factors = json!([
        "1n",
        "3000000000n",
        "4294967296n",
        "5000000000n",
        "68719476736n"
    ]);
    vec![
        json!({"operation": "venue", "now": now}),
        json!({"operation": "assess", "now": now, "purpose": "addRisk"}),
        json!({"operation": "whatIf", "now": now, "purpose": "addRisk", "changes": changes}),
        json!({"operation": "quotes", "now": now, "markets": [perpetual, future, call, put]}),
        json!({"operation": "curve", "now": now, "changes": changes, "underlying": 0, "factorsQ32": factors, "atExpiry": true}),
        json!({"operation": "curve", "now": now, "changes": [], "underlying": 0, "factorsQ32": factors, "seconds": 8_640_000}),
        json!({"operation": "grid", "now": now, "changes": [], "underlying": 2, "priceFactorsQ32": factors, "volatilityFactorsQ32": factors}),
        json!({"operation": "legs", "now": now, "underlying": 0, "factorsQ32": factors, "legs": [
            {"terms": put, "lots": "5n"}, {"terms": perpetual, "lots": "2n", "price": "2000000n"},
        ]}),
        json!({"operation": "largest", "now": now, "changes": [], "template": {"kind": "withdraw", "asset": 0, "amount": "0n", "borrow": true}}),
        json!({"operation": "largest", "now": now, "changes": [], "template": {"kind": "trade", "terms": future, "lots": "-1n"}}),
        json!({"operation": "liquidationMarks", "now": now, "changes": changes, "underlying": 0}),
    ]
}

#[test]
fn every_operation_has_an_answer() {
    let vectors = vectors();
    for portfolio in &vectors.portfolios {
        let engine = vectors.engine(portfolio);
        for request in requests(vectors.now) {
            let answer = answer(&engine, &request);
            let stale = portfolio["board"] == 1 && answer["error"]["name"] == "StalePrice";
            assert!(answer.get("ok").is_some() || stale, "{request}: {answer}");
        }
    }
}

#[test]
fn nothing_makes_it_panic() {
    let vectors = vectors();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let requests = requests(vectors.now);
    for round in 0..200 {
        let portfolio = &vectors.portfolios[round % vectors.portfolios.len()];
        let board = &vectors.boards[portfolio["board"].as_u64().unwrap() as usize];
        let accounts = [
            vectors.exchange.clone(),
            board.clone(),
            bytes(&portfolio["account"]),
        ];
        let mut engine = Engine::default();
        for (which, mut data) in (0..).zip(accounts) {
            // Some bytes are others, now and then so many that nothing is as it was; never those of the exchange's key.
            for _ in 0..1 << random.random_range(0..12) {
                let place = random.random_range(40..data.len());
                data[place] = random.random();
            }
            engine.load_json(which, &data);
        }
        for request in &requests {
            let mut text = request.to_string().into_bytes();
            if round % 2 == 1 {
                let place = random.random_range(0..text.len());
                text[place] = *b"09n\"{}[],:-".get(random.random_range(0..11)).unwrap();
            }
            let answer: Value = serde_json::from_slice(&engine.call(&text)).unwrap();
            assert!(answer.get("ok").is_some() || answer["error"]["name"].is_string());
        }
    }
}
