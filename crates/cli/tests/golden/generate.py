#!/usr/bin/env python3
"""Golden tables from an implementation of the risk model that shares no code with the engine.

    python3 generate.py           writes options.csv and portfolios.jsonl beside this script
    python3 generate.py --check   compares them with what is there; exit 1 when a number differs

Everything is double precision and deterministic: fixed seeds, pinned packages (requirements.txt, Python 3.11).

options.csv       Black's formula and its derivatives from QuantLib, checked here against scipy's normal distribution.
                  Each row of a call is followed by the put with the same inputs.
portfolios.jsonl  Portfolios and their margin reports, as the command line reads and writes them. A report has one key
                  more: "weighted_losses" of each underlying, so that a near tie of the worst scenario can be recognised.

The model is the one of docs/risk.md and docs/pricing.md. Before it writes anything, the script checks itself: put-call
parity, derivatives against differences of values, the documentation's worked examples, portfolios computed by hand.
"""

import argparse
import csv
import io
import itertools
import json
import math
import sys
from collections import Counter
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from pathlib import Path
from random import Random

import numpy as np
import QuantLib as ql
from scipy.special import ndtr
from scipy.stats import norm

HERE = Path(__file__).resolve().parent

DAY = 86_400
DAYS_PER_YEAR = 365
YEAR = DAYS_PER_YEAR * DAY


# ---------------------------------------------------------------------------------------------------------------------
# Numbers as text
# ---------------------------------------------------------------------------------------------------------------------


def short(x, digits, rounding=None):
    """`x` with at most `digits` significant decimal digits; a float again, and its shortest text has no more digits."""
    return float(Context(prec=digits, rounding=rounding).create_decimal(repr(float(x))))


def plain(x):
    """The shortest decimal text that reads back as `x`, without an exponent."""
    return str(x) if isinstance(x, int) else format(Decimal(repr(x)).normalize(), "f")


def rounded(x):
    """10 significant digits or 7 decimals, whichever keeps more."""
    return (round(x, 7) if abs(x) >= 1000 else float(f"{x:.9e}")) or 0.0


def to_json(value, number):
    """Compact JSON with `number` as the text of floats."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{to_json(v, number)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(to_json(v, number) for v in value) + "]"
    return number(value) if isinstance(value, float) else json.dumps(value)


def report_number(x):
    return repr(rounded(float(x))).removesuffix(".0")


# ---------------------------------------------------------------------------------------------------------------------
# Options: Black 1976 on F = S (1 + c T), undiscounted
# ---------------------------------------------------------------------------------------------------------------------

RATIO = (0.05, 20.0)  # of F/K and of S/K
DEVIATION = (0.001, 5.0)  # s = vol sqrt(T)
EXPIRY = (60, 2 * YEAR)  # seconds
CARRY = (-0.2, 0.3)
VOL = (0.01, 20.0)
SPOT = (1e-5, 1e5)

OPTION_COLUMNS = "kind,spot,strike,expiry_s,vol,carry,value,delta,gamma,vega,theta".split(",")
OPTION_INPUTS = 6
OPTION_DIGITS = 12  # significant digits printed

QL_KIND = {"call": ql.Option.Call, "put": ql.Option.Put}
SIGN = {"call": 1.0, "put": -1.0}


def black(kind, forward, strike, s):
    """V = w (F N(w d1) - K N(w d2)), d1 = ln(F/K)/s + s/2, d2 = d1 - s; the intrinsic value when s = 0. Vectorised."""
    w = SIGN[kind]
    forward, s = np.broadcast_arrays(np.asarray(forward, float), np.asarray(s, float))
    alive = s > 0
    s = np.where(alive, s, 1.0)
    d1 = np.log(forward / strike) / s + s / 2
    value = w * (forward * ndtr(w * d1) - strike * ndtr(w * (d1 - s)))
    return np.where(alive, value, np.maximum(0.0, w * (forward - strike)))


def quantlib_option(kind, spot, strike, expiry_s, vol, carry):
    """Value and Greeks per unit of the underlying, from QuantLib's calculator for Black's formula.

    delta = dV/dS, gamma = d2V/dS2 (F moves with S), vega = dV/dvol per 1.00,
    theta = -(dV/dT)/365 per day with spot and vol fixed and F moving with T: dV/dT = vega vol/(2T) + dV/dF S c.
    """
    years = expiry_s / YEAR
    forward = spot * (1 + carry * years)
    black76 = ql.BlackCalculator(ql.PlainVanillaPayoff(QL_KIND[kind], strike), forward, vol * math.sqrt(years))
    vega = black76.vega(years)
    theta = -(vega * vol / (2 * years) + black76.deltaForward() * spot * carry) / DAYS_PER_YEAR
    return max(0.0, black76.value()), black76.delta(spot), black76.gamma(spot), vega, theta


def closed_form_option(kind, spot, strike, expiry_s, vol, carry):
    """The same five numbers from the closed formulas and scipy's normal distribution."""
    w, years = SIGN[kind], expiry_s / YEAR
    growth = 1 + carry * years
    forward, s = spot * growth, vol * math.sqrt(years)
    d1 = math.log(forward / strike) / s + s / 2
    density = norm.pdf(d1)
    delta_forward = w * ndtr(w * d1)
    decay = forward * density * vol / (2 * math.sqrt(years))
    return (
        float(black(kind, forward, strike, s)),
        delta_forward * growth,
        density * growth**2 / (forward * s),
        forward * density * math.sqrt(years),
        -(decay + spot * carry * delta_forward) / DAYS_PER_YEAR,
    )


def check_option(inputs, outputs):
    """QuantLib against scipy. The errors of doubles: value ~ K, delta ~ 1, gamma ~ 1/(F s), vega ~ F sqrt(T); those of
    d1 = ln(F/K)/s, of which an error in the last bit counts 1/s times."""
    kind, spot, strike, expiry_s, vol, carry = inputs
    years = expiry_s / YEAR
    s, top = vol * math.sqrt(years), max(spot, strike)
    last_bits = 5e-15 / min(1.0, s)
    scales = (5e-15 * top, last_bits, last_bits / (spot * s), last_bits * top * math.sqrt(years),
              last_bits * top * (vol / math.sqrt(years) + abs(carry)))
    for name, a, b, scale in zip(OPTION_COLUMNS[OPTION_INPUTS:], outputs, closed_form_option(*inputs), scales):
        assert abs(a - b) <= scale, (name, inputs, a, b, abs(a - b) / scale)


def clamped(x, low, high, digits):
    """`x` brought into [low, high] and shortened without leaving it; None when there is no such number."""
    if low > high:
        return None
    nearest = short(min(max(x, low), high), digits)
    for y in (nearest, short(low, digits, ROUND_CEILING), short(high, digits, ROUND_FLOOR)):
        if low <= y <= high:
            return y
    return None


def in_domain(spot, ratio, expiry_s, s, carry):
    """The contract with F/K = `ratio` and vol sqrt(T) = `s`, each moved to the edge of the domain if outside of it; None
    when no short number is inside."""
    years = expiry_s / YEAR
    forward = spot * (1 + carry * years)
    root = math.sqrt(years)
    vol = clamped(s / root, max(VOL[0], DEVIATION[0] / root), min(VOL[1], DEVIATION[1] / root), 8)
    strike = clamped(forward / ratio, max(spot, forward) / RATIO[1], min(spot, forward) / RATIO[0], 8)
    if vol is None or strike is None:
        return None
    inside = all(RATIO[0] <= x / strike <= RATIO[1] for x in (spot, forward))
    return (spot, strike, expiry_s, vol, carry) if inside and DEVIATION[0] <= vol * root <= DEVIATION[1] else None


def log_uniform(r, low, high):
    return math.exp(r.uniform(math.log(low), math.log(high)))


def edge_contracts():
    """At the money and at z = ln(K/F)/s up to 8, deep in and out, at the shortest and longest expiry, at extreme s."""
    spots = itertools.cycle([1e-5, 0.037, 1.0, 250.0, 3141.59, 1e5])
    expiries = [60, 61, 3_600, DAY, 7 * DAY, 30 * DAY, YEAR, 2 * YEAR]
    deviations = [0.001, 0.00101, 0.01, 0.1, 0.7, 3.0, 5.0]
    moneyness = [("ratio", x) for x in (0.05, 0.2, 0.9999, 1.0, 1.0001, 5.0, 20.0)]
    moneyness += [("z", x) for x in (-8.0, -6.0, -3.0, -1.0, 1.0, 3.0, 6.0, 8.0)]
    for expiry_s, s, carry, (how, x) in itertools.product(expiries, deviations, (-0.2, 0.0, 0.3), moneyness):
        yield in_domain(next(spots), x if how == "ratio" else math.exp(-x * s), expiry_s, s, carry)


def wide_contracts(r, count):
    """The whole domain: logarithms of spot, F/K, T and s are uniform."""
    while count:
        expiry_s = round(log_uniform(r, *EXPIRY))
        s = log_uniform(r, *DEVIATION)
        if not VOL[0] <= s / math.sqrt(expiry_s / YEAR) <= VOL[1]:
            continue
        # Every other strike is near the money for its s, where the value is neither nothing nor the forward.
        ratio = log_uniform(r, *RATIO) if count % 2 else math.exp(r.uniform(-4, 4) * s)
        yield in_domain(short(log_uniform(r, *SPOT), 6), ratio, expiry_s, s, round(r.uniform(*CARRY), 4))
        count -= 1


def ordinary_contracts(r, count):
    """An hour to a year, volatility 20% to 200%, strikes within two and a half deviations."""
    for _ in range(count):
        expiry_s = round(log_uniform(r, 3_600, YEAR))
        s = r.uniform(0.2, 2.0) * math.sqrt(expiry_s / YEAR)
        spot = short(log_uniform(r, *SPOT), 6)
        yield in_domain(spot, math.exp(r.uniform(-2.5, 2.5) * s), expiry_s, s, round(r.uniform(-0.05, 0.15), 4))


WIDE_CONTRACTS, ORDINARY_CONTRACTS = 6_500, 2_500


def options_table():
    r = Random(1976)
    parts = {"edge": edge_contracts(), "wide": wide_contracts(r, WIDE_CONTRACTS),
             "ordinary": ordinary_contracts(r, ORDINARY_CONTRACTS)}
    counts, seen, out = Counter(), {None}, io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(OPTION_COLUMNS)
    for part, contracts in parts.items():
        for contract in contracts:
            if contract in seen:
                continue
            seen.add(contract)
            for kind in ("call", "put"):
                inputs = (kind, *contract)
                outputs = quantlib_option(*inputs)
                check_option(inputs, outputs)
                table.writerow([kind, *map(plain, contract)] + [f"{x + 0.0:.{OPTION_DIGITS}g}" for x in outputs])
                counts[part] += 1
    return out.getvalue(), counts


# ---------------------------------------------------------------------------------------------------------------------
# The model of margin
# ---------------------------------------------------------------------------------------------------------------------

OPTIONS = ("call", "put")
TENORS = [days * DAY / YEAR for days in (1, 7, 30, 90, 180, 365)]
Z_LIMIT = 3.0
LARGEST_RANGE = 0.99
LOWEST_MOVE = -0.99
HORIZON = DAY / YEAR  # options are revalued a day ahead
PEG = 0.99

# 0..20: moves in thirds of the range with each volatility shock; 21..24: far moves, volatility up, counted in part.
DOWN, SAME, UP = 0, 1, 2
SCENARIOS = [(thirds, shock, 1.0) for thirds in (0, 1, -1, 2, -2, 3, -3) for shock in (DOWN, SAME, UP)]
SCENARIOS += [(6, UP, 0.5), (-6, UP, 0.5), (9, UP, 0.33), (-9, UP, 0.33)]
THIRDS, SHOCKS, WEIGHTS = (np.array(column) for column in zip(*SCENARIOS))
RANGE_UP, RANGE_DOWN = SCENARIOS.index((3, DOWN, 1.0)), SCENARIOS.index((-3, DOWN, 1.0))  # 15, 18

SHOCK_TENOR = 30 * DAY / YEAR  # at which the shocks are quoted
SHOCK_TENORS = (3_600 / YEAR, 730 * DAY / YEAR)
LARGEST_UP, LARGEST_DOWN = 4.0, 0.9

TIE = 1e-12  # losses this close, relative to the value at risk, are equal


def sign(x):
    return (x > 0) - (x < 0)


def years_of(position):
    return position.get("expiry_s", 0) / YEAR


def forward_of(underlying, position):
    """F = S (1 + c T); the mark of a perpetual is S."""
    return underlying["price"] * (1 + underlying["surface"]["carry"] * years_of(position))


def at_the_money(underlying, years):
    """Linear in total variance between the tenors, flat volatility outside; a stale surface counts at least k times
    realised volatility."""
    surface = underlying["surface"]
    atm = surface["atm"]
    if TENORS[0] < years < TENORS[-1]:
        level = math.sqrt(np.interp(years, TENORS, [v * v * t for v, t in zip(atm, TENORS)]) / years)
    else:
        level = atm[0] if years <= TENORS[0] else atm[-1]
    if surface["age_s"] > surface["max_age_s"]:
        level = max(level, surface["stale_multiplier"] * underlying["volatility"])
    return level


def volatility_of(underlying, option):
    """vol = atm max(0, 1 + skew z + smile z^2), z = ln(K/F)/(atm sqrt(T)) clamped; then floor, then cap."""
    surface, years = underlying["surface"], years_of(option)
    atm = at_the_money(underlying, years)
    z = math.log(option["strike"] / forward_of(underlying, option)) / (atm * math.sqrt(years))
    z = min(max(z, -Z_LIMIT), Z_LIMIT)
    vol = atm * max(0.0, 1 + surface["skew"] * z + surface["smile"] * z * z)
    return min(max(vol, surface["floor"]), surface["cap"])


def shock_factors(underlying, years):
    """Factors of volatility [down, same, up], larger for short expiries: shock (30 days/T)^p."""
    shocks = underlying["shocks"]
    tenor = min(max(years, SHOCK_TENORS[0]), SHOCK_TENORS[1])
    scale = (SHOCK_TENOR / tenor) ** shocks["exponents"][0 if years <= SHOCK_TENOR else 1]
    return np.array([1 - min(LARGEST_DOWN, shocks["down"] * scale), 1.0, 1 + min(LARGEST_UP, shocks["up"] * scale)])


def scan_range(underlying):
    limits = underlying["range"]
    bounded = min(limits["maximum"], underlying["volatility"] * limits["volatility_multiplier"])
    uncertain = limits["confidence_multiplier"] * underlying.get("confidence", 0.0) / underlying["price"]
    return min(LARGEST_RANGE, max(limits["minimum"], bounded) + uncertain)


def scenario_moves(underlying):
    return np.maximum(LOWEST_MOVE, THIRDS * scan_range(underlying) / 3)


def option_profits(underlying, option):
    """Profit in each scenario, a day ahead and at the strike's own volatility times the shock; unweighted."""
    kind, size, strike, years = option["kind"], option["size"], option["strike"], years_of(option)
    forward, vol = forward_of(underlying, option), volatility_of(underlying, option)
    shocked = vol * shock_factors(underlying, years)[SHOCKS] * math.sqrt(max(0.0, years - HORIZON))
    now = black(kind, forward, strike, vol * math.sqrt(years))
    return size * (black(kind, forward * (1 + scenario_moves(underlying)), strike, shocked) - now)


def assess_position(underlying, position):
    size, forward = position["size"], forward_of(underlying, position)
    if position["kind"] in OPTIONS:
        w, years = SIGN[position["kind"]], years_of(position)
        vol = volatility_of(underlying, position)
        s = vol * math.sqrt(years)
        d1 = math.log(forward / position["strike"]) / s + s / 2
        mark = float(black(position["kind"], forward, position["strike"], s))
        delta = w * size * forward * float(ndtr(w * d1))
    else:
        vol, mark, delta = None, forward, size * forward
    value = size * mark
    return {"mark": mark, "volatility": vol, "value": value, "delta": delta, "profit": value + position["quote"]}


def assess_balance(asset, underlying, amount):
    """Haircuts of deposits and loans (a loan's amount and values are negative). Initial: the worse of price and slow
    price, a haircut that grows with the scan range, and a factor when the total is beyond what the market takes."""
    source = underlying or asset
    price = source["price"]
    slow = source.get("slow_price", price)
    ranged = asset["range_multiplier"] * (scan_range(underlying) if underlying else 0.0)
    start = asset["size_start"]

    def crowding(total):
        return max(1.0, total * price / start) if start > 0 else 1.0

    value = amount * price
    if amount > 0:
        haircut = asset["deposit_haircut"]
        maintenance = value * (1 - haircut["maintenance"])
        counted = max(0.0, 1 - haircut["initial"] - ranged) / crowding(asset["total_deposits"])
        initial = amount * min(price, slow) * counted
    else:
        haircut = asset["loan_haircut"]
        maintenance = value * (1 + haircut["maintenance"])
        counted = (1 + haircut["initial"] + ranged) * crowding(asset["total_loans"])
        initial = amount * max(price, slow) * counted
    return {"asset": asset["symbol"], "amount": amount, "value": value, "maintenance": maintenance, "initial": initial}


def assess_underlying(underlying, balances, positions):
    """Scan of one underlying. `balances`: their values; `positions`: pairs of input and assessment."""
    options = [(p, a) for p, a in positions if p["kind"] in OPTIONS]
    linear = balances + [a["delta"] for p, a in positions if p["kind"] not in OPTIONS]
    delta = math.fsum(linear)
    option_delta = math.fsum(a["delta"] for _, a in options)
    total = delta + option_delta
    tie = TIE * (math.fsum(map(abs, linear)) + math.fsum(abs(p["size"]) * underlying["price"] for p, _ in options))

    by_option = sum((option_profits(underlying, p) for p, _ in options), np.zeros(len(SCENARIOS)))
    losses = WEIGHTS * -(delta * scenario_moves(underlying) + by_option)
    worst = float(losses.max())
    if options:
        worst_scenario = int(np.argmax(losses >= worst - tie)) if worst > tie else 0
    else:  # a line is worst at the end of the range
        worst_scenario = 0 if abs(delta) <= tie else RANGE_DOWN if delta > 0 else RANGE_UP
    scan_loss = max(0.0, worst)
    reach = scan_range(underlying)
    directional = sign(total) * min(abs(total) * reach, scan_loss)

    size, net = underlying["size"], Counter()
    for p, _ in options:
        net[p["kind"]] += p["size"]
    return {
        "name": underlying["name"], "mark": underlying["price"], "range": reach,
        "delta": delta, "option_delta": option_delta, "profit": math.fsum(a["profit"] for _, a in positions),
        "scan_loss": scan_loss, "worst_scenario": worst_scenario,
        "directional": directional, "residual": scan_loss - abs(directional),
        "size_contingency": abs(total) * min(size["cap"], size["lambda"] * math.sqrt(abs(total) / size["depth"])),
        "option_contingency": underlying["short_option_minimum"] * underlying["price"]
        * sum(max(0.0, -net[kind]) for kind in OPTIONS),
        "long_option_value": math.fsum(a["value"] for p, a in options if p["size"] > 0),
        "option_profits": by_option.tolist(), "weighted_losses": losses.tolist(),
    }


def directional_loss(parts, correlations, max_offset):
    """max(sqrt(sum rho D D), (1 - max_offset) sum |D|), at most sum |D|; rho is the low estimate where two parts offset
    and the high one where they add."""
    variance = []
    for (a, x), (b, y) in itertools.product(parts.items(), repeat=2):
        low, high = correlations.get(frozenset((a, b)), (0.0, 1.0))
        variance.append((1.0 if a == b else high if x * y > 0 else low) * x * y)
    gross = math.fsum(map(abs, parts.values()))
    return min(gross, max(math.sqrt(max(0.0, math.fsum(variance))), (1 - max_offset) * gross))


def assess(portfolio):
    """The whole report. USDC is the unit: its price enters only through the de-peg factor."""
    parameters, quote = portfolio["parameters"], portfolio["quote"]
    underlyings = {u["name"]: u for u in portfolio["underlyings"]}
    correlations = {frozenset(c["between"]): (c["low"], c["high"]) for c in portfolio["correlations"]}

    balances, mapped = [], {}
    if amount := portfolio["balances"].get(quote["symbol"]):
        worth = dict.fromkeys(("amount", "value", "maintenance", "initial"), amount)
        balances.append({"asset": quote["symbol"]} | worth)
    for asset in portfolio["assets"]:
        if amount := portfolio["balances"].get(asset["symbol"]):
            balances.append(assess_balance(asset, underlyings.get(asset.get("underlying")), amount))
            mapped.setdefault(asset.get("underlying"), []).append(balances[-1]["value"])

    inputs = portfolio["positions"]
    positions = [assess_position(underlyings[p["underlying"]], p) for p in inputs]
    exposed = []
    for name, underlying in underlyings.items():
        own = [(p, a) for p, a in zip(inputs, positions) if p["underlying"] == name]
        if own or name in mapped:
            exposed.append(assess_underlying(underlying, mapped.get(name, []), own))

    def total(rows, key):
        return math.fsum(row[key] for row in rows)

    parts = {u["name"]: u["directional"] for u in exposed}
    directional = directional_loss(parts, correlations, parameters["max_offset"])
    residual = total(exposed, "residual")
    contingencies = total(exposed, "size_contingency") + total(exposed, "option_contingency")
    depeg = 1 + parameters["depeg_multiplier"] * max(0.0, PEG - quote["price"])
    maintenance_margin = depeg * (directional + residual + contingencies)
    initial_margin = parameters["initial_factor"] * maintenance_margin

    def promised(name):
        """Profit of futures that only the carry gives them, beyond their profit at the underlying's price."""
        futures = [(p, a) for p, a in zip(inputs, positions) if p["underlying"] == name and p["kind"] == "future"]
        at_spot = underlyings[name]["price"]
        return math.fsum(max(0.0, a["profit"] - max(0.0, p["size"] * at_spot + p["quote"])) for p, a in futures)

    profit = total(positions, "profit")
    settled = math.fsum(
        min(u["profit"] - promised(u["name"]), underlyings[u["name"]]["unsettled_profit_cap"])
        - underlyings[u["name"]]["long_option_discount"] * u["long_option_value"]
        for u in exposed)
    equity_maintenance = total(balances, "maintenance") + profit
    equity_initial = total(balances, "initial") + settled
    return {
        "equity_mark": total(balances, "value") + profit,
        "equity_maintenance": equity_maintenance,
        "equity_initial": equity_initial,
        "gross_value": math.fsum(abs(b["value"]) for b in balances)
        + math.fsum(max(abs(p["value"]), abs(p["profit"])) for p in positions),
        "directional_loss": directional, "residual_loss": residual,
        "contingencies": contingencies, "depeg_factor": depeg,
        "maintenance_margin": maintenance_margin, "initial_margin": initial_margin,
        "buffer_margin": maintenance_margin + parameters["buffer"] * (initial_margin - maintenance_margin),
        "health_initial": equity_initial - initial_margin,
        "health_maintenance": equity_maintenance - maintenance_margin,
        "balances": balances, "positions": positions, "underlyings": exposed,
    }


# ---------------------------------------------------------------------------------------------------------------------
# Random portfolios
# ---------------------------------------------------------------------------------------------------------------------

# name: lowest and highest price, decimals, lot
MARKETS = {
    "BTC": (20_000, 100_000, 8, 0.0001), "ETH": (800, 6_000, 8, 0.001), "BNB": (200, 900, 8, 0.01),
    "SOL": (20, 400, 9, 0.01), "AVAX": (8, 90, 9, 0.1), "WIF": (0.3, 5, 6, 1.0), "JUP": (0.2, 2, 6, 1.0),
    "DOGE": (0.05, 0.5, 8, 10.0), "MEW": (0.001, 0.01, 5, 1_000.0), "BONK": (1e-5, 1e-4, 5, 100_000.0),
}
# symbol: price, decimals; these have no underlying
OTHERS = {
    "USDT": (1.0, 6), "DAI": (1.0, 8), "PYUSD": (1.0, 6), "EURC": (1.08, 6), "FDUSD": (1.0, 6), "XAUT": (2_400.0, 6),
    "USDE": (1.0, 9), "TUSD": (1.0, 6),
}
LARGEST_LINE = 4.9e9  # USDC
LARGEST_NATIVE = 10**18  # smallest units of a token
MOST_BALANCES, MOST_POSITIONS = 15, 32
EXPIRIES = [3_600, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 60 * DAY, 90 * DAY, 180 * DAY, 365 * DAY, 730 * DAY]
SHORT_EXPIRIES = [60, 61, 300, 3_599, 3_600, 3_601, 6 * 3_600, DAY - 1, DAY, DAY + 1, DAY + 600]


def haircuts(r, extreme):
    maintenance = round(r.uniform(0, 0.3 if extreme else 0.08), 4)
    return {"maintenance": maintenance, "initial": round(maintenance + r.uniform(0, 0.6 if extreme else 0.1), 4)}


def slow_price(r, price, extreme):
    return short(price * r.uniform(*((0.7, 1.4) if extreme else (0.96, 1.04))), 6)


class Book:
    """A portfolio under construction. Every number it stores is short, so that the file holds exactly what is used."""

    def __init__(self, r, names, extreme=False, short_dated=False, scale=None, others=0):
        self.r, self.extreme, self.short_dated = r, extreme, short_dated
        self.scale = scale or log_uniform(r, 1e3, 1e7)
        self.stale = r.random() < 0.2
        self.taken = set()
        quote_price = round(r.uniform(0.8, 0.9899) if r.random() < 0.15 else r.uniform(0.99, 1.005), 4)
        self.portfolio = {
            "parameters": {
                "initial_factor": round(r.uniform(1.0, 2.5 if extreme else 1.5), 2),
                "max_offset": round(r.uniform(0, 1) if extreme else r.uniform(0.4, 0.8), 2),
                "depeg_multiplier": round(r.uniform(0, 10), 1),
                "wide_confidence_multiplier": 2.0,
                "buffer": round(r.uniform(0, 1), 2),
            },
            "quote": {"symbol": "USDC", "price": quote_price},
            "underlyings": [self.underlying(name) for name in names],
            "correlations": [
                {"between": list(pair)} | self.correlation()
                for pair in itertools.combinations(names, 2) if r.random() < 0.8
            ],
            "assets": [], "balances": {"USDC": 1.0}, "positions": [],
        }
        if r.random() < 0.5:
            self.portfolio = {"now": 1_700_000_000 + r.randrange(10**8)} | self.portfolio
        self.underlyings = {u["name"]: u for u in self.portfolio["underlyings"]}
        for name in names:
            self.asset(name, name)
        for symbol in r.sample(list(OTHERS), others):
            self.asset(symbol)

    # Parameters

    def correlation(self):
        r = self.r
        low = round(r.uniform(-1, 1) if self.extreme else r.uniform(-0.3, 0.8), 2)
        return {"low": low, "high": round(r.uniform(low, 1), 2)}

    def atm(self, level):
        """Levels at the six tenors with total variance that does not fall."""
        r, levels, least = self.r, [], 0.0
        for tenor in TENORS:
            level *= r.uniform(*((0.6, 1.5) if self.extreme else (0.92, 1.06)))
            level = max(level, math.sqrt(least / tenor) + 1e-4, 0.05)
            levels.append(round(min(level, 8.0), 4))
            least = levels[-1] ** 2 * tenor
        return levels

    def underlying(self, name):
        r, extreme = self.r, self.extreme
        low, high, decimals, lot = MARKETS[name]
        price = r.choice([low, high]) if extreme and r.random() < 0.3 else short(log_uniform(r, low, high), 6)
        out = {"name": name, "price": float(price)}
        if r.random() < 0.6:
            share = r.choice([0.01, r.uniform(1e-5, 0.01), r.uniform(1e-5, 0.001)])
            out["confidence"] = short(price * share, 3, ROUND_FLOOR)
        if r.random() < 0.7:
            out["slow_price"] = slow_price(r, price, extreme)
        volatility = round(log_uniform(r, 0.05, 5) if extreme else r.uniform(0.3, 1.3), 4)
        minimum = round(r.choice([0.985, *[r.uniform(0.01, 0.3)] * 9]) if extreme else r.uniform(0.03, 0.12), 4)
        atm = self.atm(volatility * r.uniform(0.8, 1.3))
        max_age = r.choice([600, 3_600, 86_400])
        late = self.stale and r.random() < 0.7
        age = max_age + r.choice([1, 60, 7_200]) if late else r.randrange(max_age + 1)
        return out | {
            "decimals": decimals, "lot": lot, "volatility": volatility,
            "range": {"volatility_multiplier": round(r.uniform(0.05, 0.5) if extreme else r.uniform(0.1, 0.25), 3),
                      "minimum": minimum, "maximum": round(r.uniform(minimum, 0.99 if extreme else 0.5), 4),
                      "confidence_multiplier": round(r.uniform(0, 4), 1)},
            "size": {"lambda": round(r.uniform(0, 0.6 if extreme else 0.1), 3),
                     "depth": short(self.scale * log_uniform(r, 0.05, 100), 2),
                     "cap": round(r.uniform(0.01, 0.5 if extreme else 0.15), 3)},
            "unsettled_profit_cap": short(self.scale * log_uniform(r, 0.01, 10), 2),
            "short_option_minimum": round(r.uniform(0, 0.1 if extreme else 0.02), 4),
            "long_option_discount": round(r.uniform(0, 1 if extreme else 0.3), 2),
            "shocks": {"up": round(r.uniform(0, 1.5 if extreme else 0.6), 2),
                       "down": round(r.uniform(0, 0.8 if extreme else 0.4), 2),
                       "exponents": [round(r.uniform(0, 0.8 if extreme else 0.4), 2),
                                     round(r.uniform(0, 0.6 if extreme else 0.3), 2)]},
            "surface": {"atm": atm, "skew": round(r.uniform(-0.4, 0.4) if extreme else r.uniform(-0.12, 0.08), 3),
                        "smile": round(r.uniform(-0.05, 0.2) if extreme else r.uniform(0, 0.06), 3),
                        "floor": round(r.uniform(0.05, 0.6), 2),
                        "cap": round(r.uniform(1.0, 5.0) if extreme else r.uniform(2.0, 4.0), 2),
                        "carry": round(r.uniform(*CARRY) if extreme else r.uniform(-0.03, 0.12), 4),
                        "age_s": age, "max_age_s": max_age, "stale_multiplier": round(r.uniform(1.0, 2.0), 2)},
        }

    def asset(self, symbol, underlying=None):
        r = self.r
        out = {"symbol": symbol}
        if underlying:
            out |= {"underlying": underlying, "decimals": self.underlyings[underlying]["decimals"]}
        else:
            price, decimals = OTHERS[symbol]
            out["price"] = short(price * r.uniform(0.97, 1.02), 4)
            if r.random() < 0.7:
                out["slow_price"] = slow_price(r, out["price"], self.extreme)
            out["decimals"] = decimals
        out |= {"deposit_haircut": haircuts(r, self.extreme), "loan_haircut": haircuts(r, self.extreme),
                "range_multiplier": round(r.uniform(0, 1.5 if self.extreme else 0.5), 2),
                "size_start": 0.0, "total_deposits": 0.0, "total_loans": 0.0}
        self.portfolio["assets"].append(out)

    # Balances and positions, by value in USDC

    def hold(self, symbol, value):
        """A deposit, or with a negative value a loan; and the totals of the asset, which contain it."""
        r = self.r
        asset = next(a for a in self.portfolio["assets"] if a["symbol"] == symbol)
        price = (self.underlyings[asset["underlying"]] if "underlying" in asset else asset)["price"]
        unit = 10.0 ** -asset["decimals"]
        most = min(LARGEST_LINE / price, 0.02 * LARGEST_NATIVE * unit)
        amount = max(short(round(min(abs(value) / price, most), asset["decimals"]), r.choice([3, 6, 8])), 1000 * unit)
        self.portfolio["balances"][symbol] = math.copysign(amount, value)
        if r.random() < 0.6:
            totals = [short(amount * log_uniform(r, 1.1, 40), 4), short(amount * log_uniform(r, 1.1, 40), 4)]
            asset["total_deposits"], asset["total_loans"] = (round(t, asset["decimals"]) for t in totals)
            asset["size_start"] = short(totals[value < 0] * price * log_uniform(r, 0.2, 5), 3)
        return math.copysign(amount, value)

    def lots(self, name, value, unit_value):
        """The size worth about `value`: a whole number of lots."""
        u = self.underlyings[name]
        most = min(LARGEST_LINE / unit_value, LARGEST_NATIVE * 10.0 ** -u["decimals"])
        count = int(short(min(abs(value) / unit_value, most) / u["lot"], self.r.choice([1, 2, 4]), ROUND_FLOOR))
        count = max(1, count)
        return math.copysign(float(Decimal(repr(u["lot"])) * count), value)

    def add(self, kind, name, value=None, size=None, expiry_s=None, strike=None):
        """Adds a position unless the book has it already or it is outside of the domain of the pricing."""
        r, u = self.r, self.underlyings[name]
        position = {"kind": kind, "underlying": name}
        if expiry_s:
            position["expiry_s"] = expiry_s
        if strike:
            position["strike"] = strike
        key, forward = tuple(position.values()), forward_of(u, position)
        if key in self.taken or len(self.taken) >= MOST_POSITIONS or (strike and not self.priceable(u, position)):
            return None
        self.taken.add(key)
        position["size"] = size or self.lots(name, value, max(u["price"], forward, strike or 0))
        worth = assess_position(u, position | {"quote": 0.0})["value"]
        gain = worth * r.uniform(-0.2, 0.3) if r.random() < 0.8 else min(self.scale * r.uniform(-2, 4), 1e9)
        position["quote"] = round(gain - worth, r.choice([2, 4, 6])) if r.random() < 0.95 else 0.0
        self.portfolio["positions"].append(position)
        return position

    @staticmethod
    def priceable(u, option):
        years, forward = years_of(option), forward_of(u, option)
        s = volatility_of(u, option) * math.sqrt(years)
        return (all(RATIO[0] <= x / option["strike"] <= RATIO[1] for x in (forward, u["price"]))
                and DEVIATION[0] <= s and s * shock_factors(u, years)[UP] <= DEVIATION[1])

    def any_expiry(self):
        r = self.r
        if self.short_dated:
            return r.choice(SHORT_EXPIRIES)
        return r.choice(EXPIRIES) if r.random() < 0.6 else round(log_uniform(r, 2 * 3_600, 2 * YEAR))

    def any_strike(self, name, expiry_s):
        """Mostly within two deviations of the forward; in extreme books anywhere."""
        r, u = self.r, self.underlyings[name]
        forward = forward_of(u, {"expiry_s": expiry_s})
        if r.random() < 0.1:
            return short(u["price"], 5)
        s = at_the_money(u, expiry_s / YEAR) * math.sqrt(expiry_s / YEAR)
        if self.extreme and r.random() < 0.5:
            return short(forward * log_uniform(r, 0.06, 16), 5)
        return short(forward * math.exp(min(max(r.gauss(0, 1) * s, -2.5), 2.5)), 5)

    def any_value(self, least=0.02):
        return self.scale * log_uniform(self.r, least, 1) * self.r.choice([-1, 1])

    def any_position(self, kinds=("perpetual", "future", *OPTIONS), name=None, least=0.02):
        for _ in range(200):
            kind, where = self.r.choice(kinds), name or self.r.choice(list(self.underlyings))
            expiry_s = self.any_expiry() if kind != "perpetual" else None
            strike = self.any_strike(where, expiry_s) if kind in OPTIONS else None
            if position := self.add(kind, where, self.any_value(least), expiry_s=expiry_s, strike=strike):
                return position
        return None

    # The end

    def finish(self):
        """Sets USDC so that the account is anything from rich to under water."""
        r, p = self.r, self.portfolio
        report = assess(p)
        need = max(report["maintenance_margin"], 0.02 * report["gross_value"])
        wealth = r.choice([(3, 20), (1.3, 3), (1.0, 1.3), (0.5, 1.0), (-2, 0.5), None])
        if wealth:
            cash = need * r.uniform(*wealth) - (report["equity_maintenance"] - p["balances"]["USDC"])
        else:
            cash = self.scale * r.uniform(-1, 3)
        p["balances"]["USDC"] = round(math.copysign(min(abs(cash), LARGEST_LINE), cash), r.choice([2, 6])) or 1.0
        return p


# Recipes: each makes one book

def single(r, extreme=False):
    """One position, nothing else but USDC."""
    book = Book(r, r.sample(list(MARKETS), 1), extreme, short_dated=r.random() < 0.15, scale=log_uniform(r, 100, 4e9))
    book.any_position()
    return book


def lending(r, extreme=False):
    """Deposits and loans without positions; some assets and underlyings stay unused."""
    book = Book(r, r.sample(list(MARKETS), r.randint(1, 6)), extreme, others=r.randint(0, 3))
    symbols = [a["symbol"] for a in book.portfolio["assets"]]
    for symbol in r.sample(symbols, r.randint(1, len(symbols))):
        book.hold(symbol, book.any_value())
    return book


def mixed(r, extreme=False, kinds=("perpetual", "future", *OPTIONS), most=10, short_dated=False):
    """Balances and positions of the given kinds over a few underlyings."""
    book = Book(r, r.sample(list(MARKETS), r.randint(1, 6)), extreme, short_dated, others=r.randint(0, 2))
    for asset in book.portfolio["assets"]:
        if r.random() < 0.5:
            book.hold(asset["symbol"], book.any_value())
    for _ in range(r.randint(1, most)):
        book.any_position(kinds)
    return book


def linear(r, extreme=False):
    return mixed(r, extreme, kinds=("perpetual", "future"))


def options(r, extreme=False):
    return mixed(r, extreme, kinds=OPTIONS, most=14)


def about_to_expire(r, extreme=False):
    """Expiries from a minute to a little more than a day."""
    return mixed(r, extreme, kinds=("future", *OPTIONS, *OPTIONS), short_dated=True)


def whale(r, extreme=False):
    """Large lines, up to billions, beyond what the market takes."""
    book = Book(r, r.sample(list(MARKETS), r.randint(1, 3)), extreme, scale=log_uniform(r, 5e8, LARGEST_LINE))
    for name in book.underlyings:
        book.hold(name, book.any_value(0.2))
        for _ in range(r.randint(1, 3)):
            book.any_position(name=name, least=0.2)
    for u in book.underlyings.values():
        u["size"]["depth"] = short(log_uniform(r, 1e6, 1e8), 2)
    return book


def full(r, extreme=False):
    """6 underlyings and 15 assets; every other book at the limits of 16 balances and 32 positions."""
    names = r.sample(list(MARKETS), 6)
    book = Book(r, names, extreme, others=6)
    for name in r.sample(names, 3):
        book.asset("w" + name, name)
    at_limits = r.random() < 0.5
    for asset in book.portfolio["assets"]:
        if at_limits or r.random() < 0.8:
            book.hold(asset["symbol"], book.any_value())
    count = MOST_POSITIONS if at_limits else r.randint(16, MOST_POSITIONS)
    while len(book.portfolio["positions"]) < count:
        book.any_position()
    return book


def hedged(strategy):
    """A book of one strategy whose legs offset, on one to three underlyings."""

    def recipe(r, extreme=False):
        book = Book(r, r.sample(list(MARKETS), r.randint(1, 3)), extreme)
        for name, u in book.underlyings.items():
            done = False
            while not done:
                near = r.choice([DAY, 7 * DAY, 30 * DAY, round(log_uniform(r, DAY, 200 * DAY))])
                value = book.scale * log_uniform(r, 0.05, 1)
                forward = forward_of(u, {"expiry_s": near})
                strikes = [short(forward * r.uniform(*span), 4) for span in ((0.75, 0.95), (1.0, 1.25))]
                done = strategy(book, name, value, book.lots(name, value, u["price"]), near, strikes)
        return book

    recipe.__name__, recipe.__doc__ = strategy.__name__, strategy.__doc__
    return recipe


@hedged
def covered_call(book, name, value, size, near, strikes):
    """The token deposited, calls sold against it."""
    if not book.add("call", name, size=-size, expiry_s=near, strike=strikes[1]):
        return False
    book.hold(name, size * book.underlyings[name]["price"])
    return True


@hedged
def put_spread(book, name, value, size, near, strikes):
    """A put bought and a lower one sold, or the reverse."""
    side = book.r.choice([-1, 1])
    return bool(book.add("put", name, size=side * size, expiry_s=near, strike=strikes[1])
                and book.add("put", name, size=-side * size, expiry_s=near, strike=strikes[0]))


@hedged
def calendar(book, name, value, size, near, strikes):
    """A call sold and the same strike bought at a later expiry, or the reverse."""
    side, far = book.r.choice([-1, 1]), near + book.r.choice([7, 60, 90]) * DAY
    return bool(book.add("call", name, size=-side * size, expiry_s=near, strike=strikes[1])
                and book.add("call", name, size=side * size, expiry_s=far, strike=strikes[1]))


@hedged
def cash_and_carry(book, name, value, size, near, strikes):
    """The token deposited, a perpetual or a future sold against it."""
    book.hold(name, size * book.underlyings[name]["price"])
    kind = book.r.choice(["perpetual", "future", "future"])
    return bool(book.add(kind, name, size=-size, expiry_s=near if kind == "future" else None))


@hedged
def collar(book, name, value, size, near, strikes):
    """A perpetual between a put bought and a call sold."""
    return bool(book.add("perpetual", name, size=size)
                and book.add("put", name, size=size, expiry_s=near, strike=strikes[0])
                and book.add("call", name, size=-size, expiry_s=near, strike=strikes[1]))


RECIPES = [  # recipe, ordinary books, extreme books
    (single, 34, 16), (lending, 22, 8), (linear, 30, 10), (options, 44, 26), (mixed, 44, 26), (about_to_expire, 24, 12),
    (whale, 10, 4), (full, 10, 4),
    (covered_call, 14, 2), (put_spread, 14, 2), (calendar, 14, 2), (cash_and_carry, 14, 2), (collar, 10, 2),
]


def check_input(p):
    """The limits that every portfolio of the table keeps."""
    underlyings = {u["name"]: u for u in p["underlyings"]}
    decimals = {a["symbol"]: a["decimals"] for a in p["assets"]} | {"USDC": 6}
    assert len(p["balances"]) <= MOST_BALANCES + 1 and len(p["positions"]) <= MOST_POSITIONS and len(underlyings) <= 6
    for symbol, amount in p["balances"].items():
        assert amount and Decimal(repr(amount)).normalize().as_tuple().exponent >= -decimals[symbol], (symbol, amount)
    for a in p["assets"]:
        for key in ("total_deposits", "total_loans"):
            native = Decimal(repr(a[key])).scaleb(a["decimals"])
            assert native == int(native) and native < LARGEST_NATIVE
    for position in p["positions"]:
        u = underlyings[position["underlying"]]
        assert position["size"] and Decimal(repr(position["size"])) % Decimal(repr(u["lot"])) == 0
        assert abs(position["size"]) * max(u["price"], forward_of(u, position)) < 5e9
    for u in underlyings.values():
        assert u.get("confidence", 0.0) <= 0.01 * u["price"]


def portfolios_table():
    lines, counts, features = [], Counter(), Counter()
    for recipe, ordinary, extreme in RECIPES:
        for index in range(ordinary + extreme):
            r = Random(f"{recipe.__name__} {index}")
            text = to_json(recipe(r, extreme=index >= ordinary).finish(), plain)
            portfolio = json.loads(text)
            check_input(portfolio)
            report = assess(portfolio)
            check_report(portfolio, report)
            lines.append(f'{{"portfolio":{text},"report":{to_json(report, report_number)}}}\n')
            counts[recipe.__name__] += 1
            features.update(features_of(portfolio, report))
    return "".join(lines), counts, features


def features_of(p, report):
    """What a portfolio has that the table must contain; for the summary."""
    by_name = {u["name"]: u for u in p["underlyings"]}
    held = [(a, p["balances"][a["symbol"]]) for a in p["assets"] if a["symbol"] in p["balances"]]
    exposed = [(by_name[u["name"]], u) for u in report["underlyings"]]
    dated = [q["expiry_s"] for q in p["positions"] if "expiry_s" in q]

    def crowded(asset, amount):
        price = by_name[asset["underlying"]]["price"] if "underlying" in asset else asset["price"]
        return 0 < asset["size_start"] < asset["total_deposits" if amount > 0 else "total_loans"] * price

    def stale(u):
        return u["surface"]["age_s"] > u["surface"]["max_age_s"]

    def curbed(u, row):
        exposure = abs(row["delta"] + row["option_delta"])
        return u["size"]["lambda"] * math.sqrt(exposure / u["size"]["depth"]) > u["size"]["cap"]

    with_options = {q["underlying"] for q in p["positions"] if q["kind"] in OPTIONS}
    mapped = [a["underlying"] for a, _ in held if "underlying" in a]
    tests = {
        "loans": any(amount < 0 for _, amount in held), "no underlying": any("underlying" not in a for a, _ in held),
        "two assets of an underlying": len(set(mapped)) < len(mapped),
        "stale surface": any(stale(u) for u, _ in exposed if u["name"] in with_options),
        "de-pegged": report["depeg_factor"] > 1, "size term": any(crowded(*h) for h in held),
        "size cap reached": any(curbed(*e) for e in exposed),
        "size cap not reached": any(not curbed(*e) for e in exposed),
        "profit cap reached": any(row["profit"] > u["unsettled_profit_cap"] for u, row in exposed),
        "expiry up to a day": any(t <= DAY for t in dated), "expiry of a minute": 60 in dated,
        "negative low correlation": any(c["low"] < 0 for c in p["correlations"]),
        "range at its limit": any(row["range"] == LARGEST_RANGE for _, row in exposed),
        "worst scenario is far": any(row["worst_scenario"] > 20 for _, row in exposed),
        "options without loss": any(row["scan_loss"] == 0 for u, row in exposed if u["name"] in with_options),
        "initial health negative only": report["health_initial"] < 0 <= report["health_maintenance"],
        "liquidatable": report["health_maintenance"] < 0, "under water": report["equity_mark"] < 0,
        "healthy": report["health_initial"] >= 0,
    }
    return [name for name, present in tests.items() if present]


# ---------------------------------------------------------------------------------------------------------------------
# Checks of this script
# ---------------------------------------------------------------------------------------------------------------------


def assert_near(a, b, error=1e-9):
    assert abs(a - b) <= error * max(1.0, abs(b)), (a, b)


def check_report(p, report):
    """What must hold in every report."""
    tiny = 1e-12 * report["gross_value"]
    assert report["health_initial"] <= report["equity_initial"] and report["residual_loss"] >= -tiny
    for u in report["underlyings"]:
        worst = u["weighted_losses"][u["worst_scenario"]]
        assert abs(max(worst, 0.0) - u["scan_loss"]) <= tiny, (u["name"], worst, u["scan_loss"])
    # Put-call parity in the surface's own terms: a call less the put of the same strike is the forward less the strike.
    for position, row in zip(p["positions"], report["positions"]):
        if position["kind"] in OPTIONS:
            u = next(u for u in p["underlyings"] if u["name"] == position["underlying"])
            other = position | {"kind": "put" if position["kind"] == "call" else "call"}
            twin = assess_position(u, other)
            w, forward = SIGN[position["kind"]], forward_of(u, position)
            assert_near((row["mark"] - twin["mark"]) / forward, w * (1 - position["strike"] / forward), 1e-13)
            assert_near((row["delta"] - twin["delta"]) / (position["size"] * forward), w, 1e-13)


def check_parity(table):
    """C - P = F - K; deltas differ by dF/dS; gamma and vega are equal; thetas differ by -S c/365."""
    rows = list(csv.DictReader(io.StringIO(table)))
    for call, put in zip(rows[::2], rows[1::2]):
        assert (call.pop("kind"), put.pop("kind")) == ("call", "put")
        call, put = ({k: float(v) for k, v in row.items()} for row in (call, put))
        growth = 1 + call["carry"] * call["expiry_s"] / YEAR
        top = max(call["spot"], call["strike"])
        difference = {k: call[k] - put[k] for k in call}
        assert abs(difference["value"] - (call["spot"] * growth - call["strike"])) < 1.1e-11 * top, (call, put)
        assert abs(difference["delta"] - growth) < 1.1e-11
        assert abs(difference["gamma"]) <= 1e-11 * call["gamma"] + 1e-11 / call["spot"], (call, put)
        assert abs(difference["vega"]) <= 1e-11 * call["vega"] + 1e-11 * top, (call, put)
        slack = 1e-11 * (abs(call["theta"]) + top)
        assert abs(difference["theta"] + call["spot"] * call["carry"] / DAYS_PER_YEAR) < slack, (call, put)


def check_derivatives():
    """Greeks against central differences of the value."""
    for kind in OPTIONS:
        for contract in [(100, 110, 7 * DAY, 0.8, 0.05), (250, 200, YEAR, 0.6, -0.2), (3, 3, 30 * DAY, 1.2, 0.3)]:
            spot, strike, expiry_s, vol, carry = contract

            def value(spot=spot, expiry_s=expiry_s, vol=vol):
                return quantlib_option(kind, spot, strike, expiry_s, vol, carry)[0]

            _, delta, gamma, vega, theta = quantlib_option(kind, spot, strike, expiry_s, vol, carry)
            h = spot * 1e-4
            assert_near(delta, (value(spot=spot + h) - value(spot=spot - h)) / (2 * h), 1e-5)
            assert_near(gamma, (value(spot=spot + h) - 2 * value() + value(spot=spot - h)) / h**2, 1e-5)
            assert_near(vega, (value(vol=vol + 1e-4) - value(vol=vol - 1e-4)) / 2e-4, 1e-5)
            assert_near(theta, (value(expiry_s=expiry_s - 60) - value(expiry_s=expiry_s + 60)) / 120 * DAY, 1e-5)


def example(positions, balances, names=("SOL",), **changes):
    """A plain portfolio for the checks by hand: price 250, range 10%, haircuts of 2% and 5%, nothing else."""
    underlying = {
        "price": 250.0, "decimals": 9, "lot": 0.01, "volatility": 0.8,
        "range": {"volatility_multiplier": 0.0, "minimum": 0.1, "maximum": 0.4, "confidence_multiplier": 2.0},
        "size": {"lambda": 0.0, "depth": 1e6, "cap": 0.1}, "unsettled_profit_cap": 1e5,
        "short_option_minimum": 0.0, "long_option_discount": 0.0,
        "shocks": {"up": 0.6, "down": 0.3, "exponents": [0.3, 0.13]},
        "surface": {"atm": [0.8] * 6, "skew": 0.0, "smile": 0.0, "floor": 0.1, "cap": 4.0, "carry": 0.0,
                    "age_s": 0, "max_age_s": 3600, "stale_multiplier": 1.2}} | changes
    asset = {"decimals": 9, "deposit_haircut": {"maintenance": 0.02, "initial": 0.05},
             "loan_haircut": {"maintenance": 0.02, "initial": 0.05}, "range_multiplier": 0.25,
             "size_start": 0.0, "total_deposits": 0.0, "total_loans": 0.0}
    return {
        "parameters": {"initial_factor": 1.25, "max_offset": 0.6, "depeg_multiplier": 5.0, "buffer": 0.5},
        "quote": {"symbol": "USDC", "price": 1.0}, "underlyings": [{"name": n} | underlying for n in names],
        "correlations": [{"between": ["SOL", "ETH"], "low": 0.5, "high": 0.9}],
        "assets": [{"symbol": n, "underlying": n} | asset for n in names], "balances": balances, "positions": positions}


def check_examples():
    """The worked examples of docs/risk.md and docs/pricing.md, and portfolios computed by hand."""
    perpetual = {"kind": "perpetual", "underlying": "SOL", "size": -50.0, "quote": 13_000.0}

    # docs: 50 SOL deposited, 50 sold at 260. Delta 0, margin 0, equity 10,000 + 12,500 x 0.98 + 500.
    report = assess(example([perpetual], {"USDC": 10_000.0, "SOL": 50.0}))
    assert_near(report["equity_maintenance"], 22_750)
    assert_near(report["maintenance_margin"], 0)
    assert report["underlyings"][0]["worst_scenario"] == 0

    # docs: 4,000 of each of two at 10%: sqrt(400^2 + 400^2 + 2 0.9 400^2) = 779.74; one against the other: 400.
    two = [perpetual | {"size": 16.0, "quote": 0.0}, perpetual | {"size": 16.0, "quote": 0.0, "underlying": "ETH"}]
    assert_near(assess(example(two, {"USDC": 1.0}, ("SOL", "ETH")))["directional_loss"], 779.74, 1e-5)
    two[1]["size"] = -16.0
    assert_near(assess(example(two, {"USDC": 1.0}, ("SOL", "ETH")))["directional_loss"], 400)

    # docs: 10 calls sold at 275, 30 days, 80%: worst one range up with volatility up, a loss of 258.74.
    call = {"kind": "call", "underlying": "SOL", "expiry_s": 30 * DAY, "strike": 275.0, "size": -10.0, "quote": 0.0}
    row = assess(example([call], {"USDC": 1.0}))["underlyings"][0]
    assert_near(row["scan_loss"], 258.74, 5e-5)
    assert row["worst_scenario"] == 17

    # docs: spot 100, call at 110, a week, 80%: 1.2532. 80% at 30 days and 75% at 90 give 76.28% at 60.
    assert_near(quantlib_option("call", 100, 110, 7 * DAY, 0.8, 0)[0], 1.2532, 5e-5)
    surface = example([], {})["underlyings"][0]["surface"] | {"atm": [0.9, 0.85, 0.8, 0.75, 0.75, 0.75]}
    assert_near(at_the_money({"surface": surface}, 60 * DAY / YEAR), 0.7628, 5e-5)

    # A loan of 20 and a deposit of 1,000 USDC de-pegged to 0.95. Delta -5,000, loss 500 at the range up (15),
    # factor 1 + 5 x 0.04 = 1.2: margin 600, initial 750; equity 1,000 - 5,100; initial 1,000 - 5,000 (1 + 0.05 + 0.025).
    book = example([], {"USDC": 1_000.0, "SOL": -20.0})
    book["quote"]["price"] = 0.95
    report = assess(book)
    expected = {"maintenance_margin": 600, "initial_margin": 750, "buffer_margin": 675, "equity_mark": -4_000,
                "health_maintenance": -4_100 - 600, "health_initial": 1_000 - 5_375 - 750, "gross_value": 6_000}
    for key, number in expected.items():
        assert_near(report[key], number)
    assert report["underlyings"][0]["worst_scenario"] == 15

    # A future 73 days out at a carry of 50%: mark 250 x 1.1 = 275; 4 of them, paid 920: value 1,100, profit 180, 80 at
    # the underlying's price, of which 60 count; confidence of 2.5 adds 2 x 1%: range 12%, loss 132.
    # Contingency 1,100 min(0.1, 0.05 sqrt(1,100/275)) = 110.
    surface |= {"carry": 0.5}
    future = {"kind": "future", "underlying": "SOL", "expiry_s": 73 * DAY, "size": 4.0, "quote": -920.0}
    report = assess(example([future], {"USDC": 1.0}, surface=surface, confidence=2.5, unsettled_profit_cap=60.0,
                            size={"lambda": 0.05, "depth": 275.0, "cap": 0.1}))
    assert_near(report["maintenance_margin"], 132 + 110)
    assert_near(report["equity_initial"], 61)
    assert_near(report["positions"][0]["mark"], 275)

    # A put sold an hour before its expiry, far out: a day ahead it is worth (strike - price) or nothing, whatever the
    # volatility, so scenario 18 is the first of three equals at -25: 230 - 225 = 5 each; -2 ranges count half of 30,
    # -3 ranges a third of 55: 0.33 x 55 = 18.15, in scenario 24. Minimum 1% of 250 each.
    put = {"kind": "put", "underlying": "SOL", "expiry_s": 3_600, "strike": 230.0, "size": -2.0, "quote": 0.0}
    row = assess(example([put], {"USDC": 1.0}, short_option_minimum=0.01))["underlyings"][0]
    assert_near(row["scan_loss"], 2 * 18.15, 1e-6)
    assert row["worst_scenario"] == 24
    assert_near(row["weighted_losses"][18], 10, 1e-6)
    assert_near(row["option_contingency"], 5)

    # Deposit beyond the size that starts to count: 100 SOL, slow price 240, total 2,000 SOL (500,000) over 250,000.
    book = example([], {"USDC": 1.0, "SOL": 100.0}, slow_price=240.0)
    book["assets"][0] |= {"size_start": 250_000.0, "total_deposits": 2_000.0}
    assert_near(assess(book)["balances"][1]["initial"], 100 * 240 * (1 - 0.05 - 0.025) / 2)


# ---------------------------------------------------------------------------------------------------------------------
# Writing and comparing
# ---------------------------------------------------------------------------------------------------------------------


def same_number(a, b, digits, noise=0.0):
    """Equal up to the last printed digit, and up to `noise`: the rounding of doubles in sums that cancel."""
    a, b = float(a), float(b)
    largest = max(abs(a), abs(b))
    unit = 10.0 ** (math.floor(math.log10(largest)) - digits + 1) if largest else 0.0
    return abs(a - b) <= 1.01 * unit + noise


def same_json(a, b, noise):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_json(a[k], b[k], noise) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same_json(x, y, noise) for x, y in zip(a, b))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return same_number(a, b, 10, noise)
    return a == b


def same_options(expected, found):
    if expected[:OPTION_INPUTS] != found[:OPTION_INPUTS] or len(expected) != len(found):
        return False
    return all(same_number(a, b, OPTION_DIGITS) for a, b in zip(expected[OPTION_INPUTS:], found[OPTION_INPUTS:]))


def same_portfolios(expected, found):
    expected, found = json.loads(expected), json.loads(found)
    noise = 1e-7 + 1e-14 * expected["report"]["gross_value"]
    return expected["portfolio"] == found["portfolio"] and same_json(expected["report"], found["report"], noise)


def differences(expected, found, same):
    expected, found = expected.splitlines(), found.splitlines()
    if len(expected) != len(found):
        yield f"{len(found)} lines instead of {len(expected)}"
    for number, (a, b) in enumerate(zip(expected, found), 1):
        if a != b and not same(a, b):
            yield f"line {number} differs"


def main():
    arguments = argparse.ArgumentParser(description="Golden tables of the risk model.")
    arguments.add_argument("--check", action="store_true", help="compare with the tables that are there")
    check = arguments.parse_args().check

    check_examples()
    check_derivatives()
    option_rows, parts = options_table()
    check_parity(option_rows)
    portfolio_lines, recipes, features = portfolios_table()

    tables = {"options.csv": (option_rows, lambda a, b: same_options(a.split(","), b.split(","))),
              "portfolios.jsonl": (portfolio_lines, same_portfolios)}
    failed = False
    for name, (text, same) in tables.items():
        path = HERE / name
        if check:
            found = list(differences(text, path.read_text() if path.exists() else "", same))
            failed |= bool(found)
            print(f"{name}: " + ("; ".join(found[:5]) or "the same"))
        else:
            path.write_text(text)
            print(f"{name}: {len(text.splitlines())} lines, {len(text):,} bytes")
    for title, counter in {"option rows": parts, "portfolios": recipes, "portfolios with": features}.items():
        print(f"{title}: " + ", ".join(f"{key} {count}" for key, count in counter.most_common()))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
