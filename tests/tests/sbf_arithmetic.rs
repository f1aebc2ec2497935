//! Arithmetic on the VM against the host: the helper functions that compilers call for what sBPF has no instruction for.
//!
//! The program `sbf-probe` evaluates its operations in LiteSVM, and this process evaluates the same Rust natively.

use std::collections::BTreeMap;

use ballast_tests::probe::Probe;
use sbf_probe::{Operation, PAIR_BYTES, RESULT_BYTES};

/// Random pairs for each operation, beside the edge cases.
const RANDOM_PAIRS: usize = 1_500;
/// As many pairs as fit in a transaction.
const PAIRS_PER_TRANSACTION: usize = 30;

/// Results of one instruction, and the compute units it took.
fn run(probe: &mut Probe, operation: Operation, pairs: &[(u128, u128)]) -> (Vec<u128>, u64) {
    let code = Operation::ALL
        .iter()
        .position(|other| *other == operation)
        .unwrap();
    let mut data = vec![code as u8];
    for (a, b) in pairs {
        data.extend(a.to_le_bytes());
        data.extend(b.to_le_bytes());
    }
    let answer = probe
        .call(&data, pairs.len() * RESULT_BYTES)
        .unwrap_or_else(|failure| panic!("{operation:?} of {pairs:x?}: {failure}"));
    let results = answer
        .bytes
        .chunks_exact(RESULT_BYTES)
        .map(|result| u128::from_le_bytes(result.try_into().unwrap()));
    (results.collect(), answer.compute_units)
}

/// Compute units of one operation alone, without what reading and writing a pair takes.
fn cost(probe: &mut Probe, operation: Operation, pair: (u128, u128)) -> u64 {
    let mut of = |operation, count| run(probe, operation, &vec![pair; count]).1;
    let one = of(operation, 2) - of(operation, 1);
    let copy = of(Operation::Copy, 2) - of(Operation::Copy, 1);
    one.saturating_sub(copy)
}

fn on_host(operation: Operation, pairs: &[(u128, u128)]) -> Vec<u128> {
    let mut results = vec![0; pairs.len()];
    operation.apply(pairs.iter().copied(), results.iter_mut());
    results
}

/// A fixed sequence of random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// Any size from one bit to 128 is as likely as any other; every second number is negative as `i128`.
    fn operand(&mut self) -> u128 {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next());
        let sized = bits >> (self.next() % 128);
        if self.next() & 1 == 0 {
            sized
        } else {
            sized.wrapping_neg()
        }
    }

    /// A double of ordinary size, now and then any bit pattern.
    fn double(&mut self) -> u128 {
        let bits = self.next();
        let exponent = match self.next() % 4 {
            0 => return u128::from(bits),
            1 => self.next() % 0x7ff,
            _ => 1023 - 70 + self.next() % 140,
        };
        u128::from(bits & !(0x7ff << 52) | exponent << 52)
    }
}

/// Zero, the extremes, and powers of two with their neighbours, of both signs.
fn integer_edges() -> Vec<u128> {
    let mut edges = vec![0, 3, 10, u128::MAX / 3, 10_u128.pow(18), i128::MIN as u128];
    for power in [
        0, 1, 31, 32, 33, 47, 48, 63, 64, 65, 80, 95, 96, 97, 126, 127,
    ] {
        let value = 1_u128 << power;
        edges.extend([value - 1, value, value + 1, value.wrapping_neg()]);
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

fn double_edges() -> Vec<u128> {
    let values = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        1.0 + f64::EPSILON,
        1.0 - f64::EPSILON / 2.0,
        3.0,
        -1e18,
        9007199254740993.0,
        9.223372036854775e18,
        9.223372036854776e18,
        -9.223372036854776e18,
        1.8446744073709552e19,
        1e300,
        f64::MIN_POSITIVE,
        5e-324,
        2.225_073_858_507_201e-308,
        f64::MAX,
        f64::MIN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    values
        .iter()
        .map(|value| u128::from(value.to_bits()))
        .collect()
}

/// Every pair of two edges, then random pairs.
fn cases(edges: &[u128], mut random: impl FnMut() -> u128) -> Vec<(u128, u128)> {
    let of_edges = edges
        .iter()
        .flat_map(|a| edges.iter().map(move |b| (*a, *b)));
    let mut cases: Vec<_> = of_edges.collect();
    cases.extend((0..RANDOM_PAIRS).map(|_| (random(), random())));
    cases
}

fn takes_doubles(operation: Operation) -> bool {
    use Operation::*;
    matches!(
        operation,
        FloatAdd
            | FloatSubtract
            | FloatMultiply
            | FloatDivide
            | FloatNegate
            | FloatCompare
            | FloatToUnsigned
            | FloatToSigned
    )
}

#[test]
fn every_operation_agrees_with_the_host() {
    let mut probe = Probe::new();
    let mut random = Random(1);
    let integers = cases(&integer_edges(), || random.operand());
    let doubles = cases(&double_edges(), || random.double());
    let mut count = 0;
    for operation in Operation::ALL.iter().copied() {
        let cases = if takes_doubles(operation) {
            &doubles
        } else {
            &integers
        };
        for pairs in cases.chunks(PAIRS_PER_TRANSACTION) {
            let (on_vm, _) = run(&mut probe, operation, pairs);
            for ((pair, vm), host) in pairs.iter().zip(on_vm).zip(on_host(operation, pairs)) {
                assert_eq!(
                    vm, host,
                    "{operation:?} of {:#x} and {:#x}: {vm:#x} on the VM, {host:#x} on the host",
                    pair.0, pair.1
                );
            }
        }
        count += cases.len();
    }
    println!("{count} cases of {} operations agree", Operation::ALL.len());
}

/// Ceilings in compute units, somewhat above what `cargo xtask setup`'s toolchain measures.
#[test]
fn multiplication_and_division_are_cheap() {
    use Operation::*;
    let large = |bits: u32| (u128::MAX / 3) >> (128 - bits);
    let rows = [
        (
            "u64 x u64 -> u128",
            MultiplyWide,
            (large(63), large(62)),
            60,
        ),
        ("u128 x u128", Multiply, (large(120), large(90)), 60),
        (
            "u128 x u128, saturating",
            MultiplySaturating,
            (large(80), large(40)),
            250,
        ),
        (
            "i128 x i128, checked",
            MultiplySigned,
            (large(80), large(40)),
            250,
        ),
        (
            "I80F48 x I80F48",
            FixedMultiply,
            (large(90), large(80)),
            250,
        ),
        (
            "u128 / u128, both below 2^64",
            Divide,
            (large(60), large(40)),
            100,
        ),
        ("u128 / u32", Divide, (large(120), large(30)), 150),
        ("u128 / u64", Divide, (large(120), large(60)), 300),
        ("u128 / u128, large", Divide, (large(127), large(90)), 400),
        (
            "u128 % u128, large",
            Remainder,
            (large(127), large(90)),
            400,
        ),
        (
            "i128 / i128, large",
            DivideSigned,
            (large(127), large(90)),
            400,
        ),
        (
            "I80F48 / I80F48",
            FixedDivide,
            (large(90), large(80)),
            1_600,
        ),
        ("u128 isqrt", SquareRoot, (large(127), 0), 1_000),
    ];
    let mut probe = Probe::new();
    for (name, operation, pair, ceiling) in rows {
        let cost = cost(&mut probe, operation, pair);
        println!("{name:<30} {cost:>5} CU");
        assert!(
            cost <= ceiling,
            "{name} takes {cost} compute units, more than {ceiling}"
        );
    }
}

/// The dearest of many random cases, so that no path of the division is left unmeasured.
#[test]
fn no_division_is_dear() {
    use Operation::*;
    let mut probe = Probe::new();
    let mut random = Random(2);
    let edges = integer_edges();
    let mut dearest = BTreeMap::new();
    for index in 0..600 {
        let pair = if index % 3 == 0 {
            let edge = |random: &mut Random| edges[random.next() as usize % edges.len()];
            (edge(&mut random), edge(&mut random))
        } else {
            (random.operand(), random.operand())
        };
        for operation in [Multiply, Divide, Remainder, DivideSigned, RemainderSigned] {
            let cost = run(&mut probe, operation, &[pair]).1 - run(&mut probe, Copy, &[pair]).1;
            let entry = dearest.entry(format!("{operation:?}")).or_insert((0, pair));
            *entry = (*entry).max((cost, pair));
        }
    }
    for (operation, (cost, (a, b))) in dearest {
        println!("{operation:<16} at most {cost:>4} CU ({a:#x}, {b:#x})");
        assert!(cost <= 400, "{operation} takes {cost} compute units");
    }
}

#[test]
fn malformed_instructions_are_refused() {
    let mut probe = Probe::new();
    for data in [vec![], vec![u8::MAX], vec![0; PAIR_BYTES]] {
        let error = probe.call(&data, 0).unwrap_err();
        assert!(error.contains("Custom(1)"), "{data:?}: {error}");
    }
}
