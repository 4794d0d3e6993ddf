"""E-commerce: people, visits, events, orders and everything that hangs on them.

People are simulated in blocks. A block is a closed world of persons with all their events of the six months
(and their orders since January 2025), so memory is bounded by the block, and a full block is the same however
many follow it. Tables that people do not own (products, stock, campaigns) are written once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kpi_warehouse.demo.sink import Sink, dates, generator, ids, masked, pick, times
from kpi_warehouse.demo.story import (
    DATA_END,
    DAY,
    DAYS,
    HISTORY_START,
    HOUR,
    MINUTE,
    MONTH_STARTS,
    SECOND,
    UTC_OFFSET,
    Floats,
    Ints,
    during,
    local,
    local_day,
    month_of,
    spread,
    spread_within,
)

BLOCK_EVENTS = 250_000
"""Most events that one block holds."""

Bools = NDArray[np.bool_]

# January to June; April to June are M1 to M3.
TRAFFIC = np.array([0.140, 0.135, 0.155, 0.170, 0.190, 0.210])
CVR_NEW = np.array([0.0205, 0.0205, 0.0210, 0.0222, 0.0248, 0.0268])
CVR_RETURNING = np.array([0.0450, 0.0452, 0.0455, 0.0475, 0.0505, 0.0520])
RETURNING_SHARE = np.array([0.300, 0.300, 0.300, 0.300, 0.305, 0.310])
IDENTITY_MATCH = np.array([0.62, 0.63, 0.63, 0.70, 0.75, 0.79])
PDP_ATC = np.array([0.180, 0.180, 0.182, 0.193, 0.207, 0.221])
ATC_CHECKOUT = np.array([0.548, 0.550, 0.552, 0.565, 0.582, 0.593])
CHECKOUT_PAID = np.array([0.820, 0.818, 0.822, 0.835, 0.850, 0.864])
SEARCH_SUCCESS = np.array([0.640, 0.640, 0.645, 0.665, 0.695, 0.715])
FAST_SCREEN = np.array([0.700, 0.700, 0.705, 0.755, 0.805, 0.850])
FAIL_AND_ABANDON = np.array([0.130, 0.130, 0.125, 0.110, 0.100, 0.090])
FAIL_THEN_PAY = np.array([0.0100, 0.0100, 0.0095, 0.0085, 0.0075, 0.0070])
REPEAT_MEMBER = np.array([0.325, 0.330, 0.335, 0.350, 0.370, 0.385])
REPEAT_OTHER = np.array([0.160, 0.165, 0.170, 0.180, 0.195, 0.205])
MEMBER_AT_FIRST = np.array([0.36, 0.36, 0.37, 0.38, 0.40, 0.42])
ENROLMENT = np.array([0.22, 0.22, 0.23, 0.26, 0.29, 0.31])
TOUCH_COVERAGE = np.array([0.45, 0.45, 0.46, 0.52, 0.58, 0.63])
MESSAGE_OPEN = np.array([0.240, 0.240, 0.240, 0.248, 0.265, 0.278])
MESSAGE_CLICK = np.array([0.064, 0.064, 0.065, 0.068, 0.074, 0.079])
ON_TIME = np.array([0.930, 0.915, 0.935, 0.945, 0.955, 0.962])
REFUND = np.array([0.055, 0.055, 0.054, 0.051, 0.048, 0.046])
COMPLETENESS = np.array([0.962, 0.964, 0.966, 0.975, 0.983, 0.988])
MARGIN_BUDGET = [0.345, 0.345, 0.345, 0.348, 0.350, 0.352]
WINBACK = np.array([0.070, 0.070, 0.072, 0.078, 0.090, 0.098])
KEY_APPEAL = np.array([1.00, 1.00, 1.00, 0.99, 1.00, 1.03])

EVENTS_PER_PERSON_MONTH = 4.36
FIRST_ORDER_MONTHS_2025 = np.array([7, 7, 7, 7, 7, 7, 7, 7, 8, 9, 16, 11], dtype=float)

NAMES = [
    "page_view",
    "view_item_list",
    "view_item",
    "select_item",
    "add_to_cart",
    "remove_from_cart",
    "begin_checkout",
    "add_payment_info",
    "purchase",
    "search",
    "page_error",
    "share_item",  # not in the contract's list: kept and ignored
]
(PAGE_VIEW, VIEW_LIST, VIEW_ITEM, SELECT, ADD, REMOVE, CHECKOUT, PAY_INFO, PURCHASE, SEARCH, ERROR, SHARE) = range(12)
CORE = [VIEW_ITEM, ADD, CHECKOUT, PURCHASE]

CATEGORIES = [
    ("C01", "美妆护肤", 165.0, 0.18),
    ("C02", "母婴用品", 140.0, 0.14),
    ("C03", "家用电器", 620.0, 0.10),
    ("C04", "食品生鲜", 62.0, 0.16),
    ("C05", "运动户外", 230.0, 0.12),
    ("C06", "家居日用", 85.0, 0.14),
    ("C07", "数码配件", 190.0, 0.10),
    ("C08", "宠物用品", 98.0, 0.06),
]
KEY_CATEGORIES = {"C01": 0, "C05": 4, "C08": 7}
SKUS_PER_CATEGORY = 15
KEY_SKUS_PER_CATEGORY = 6
STOCKOUT_SKUS = [0, 1, 2, 3]  # of C01, the incident

UTM_SOURCES = [None, "douyin", "xiaohongshu", "baidu", "wechat", "sms", "email"]
UTM_MEDIA = [None, "feed", "kol", "cpc", "social", "crm", "crm"]
CHANNELS = ["search_ads", "feed_ads", "kol", "affiliate", "crm", "display"]
GATEWAYS = ["alipay", "wechatpay", "unionpay"]
AGENTS = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_3 like Mac OS X) KpiShop/8.2",
    "Mozilla/5.0 (Linux; Android 16; V2415) KpiShop/8.2",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/145.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_5) AppleWebKit/605.1.15 Version/19.1 Safari/605.1.15",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "python-requests/2.33.0",
]

FAST_SCREEN_Z = np.array([NormalDist().inv_cdf(p) for p in FAST_SCREEN])

PROMOTIONS = [
    ("P2601", "年货节", "2026-01-12T00:00", "2026-01-19T00:00", "nianhuo26", None, 1.25),
    ("P2603", "女神节", "2026-03-05T00:00", "2026-03-09T00:00", "nvshen26", "C01", 1.35),
    ("P2604", "春季上新", "2026-04-10T00:00", "2026-04-14T00:00", "spring26", None, 1.20),
    ("P2605", "五一大促", "2026-05-01T00:00", "2026-05-06T00:00", "wuyi26", None, 1.30),
    ("P2605B", "520告白夜", "2026-05-20T12:00", "2026-05-21T00:00", "520", None, 2.4),
    ("P2606", "618年中大促", "2026-06-01T00:00", "2026-06-19T00:00", "618", None, 1.35),
]
RECALLS = [
    (
        f"R26{m + 1:02d}",
        f"{m + 1}月老客召回",
        "recall" if m % 2 == 0 else "winback",
        m,
        "C01" if m in (3, 5) else None,
    )
    for m in range(6)
]
# Start, end (business-local), times that the treatment converts, share of shallow visits whose assignment is lost.
EXPERIMENTS = {
    "exp_aa_split": ("2026-04-01T00:00", "2026-04-29T00:00", 1.0, 0.0),
    "exp_pdp_template": ("2026-04-15T00:00", "2026-05-15T00:00", 1.0, 0.45),
    "exp_simple_cart": ("2026-05-10T00:00", "2026-06-25T00:00", 1.5, 0.0),
}
EXPERIMENT_WINDOW = 14 * DAY

CAMPAIGN_IDS = [p[0] for p in PROMOTIONS] + [r[0] for r in RECALLS]
UTM_CAMPAIGNS = [p[4] for p in PROMOTIONS] + [r[0].lower() for r in RECALLS]


def _hours(month: int) -> tuple[Ints, Floats]:
    """Hours of a month (UTC microseconds) and the cumulative share of visits that start before each ends."""
    starts = np.arange(MONTH_STARTS[month], MONTH_STARTS[month + 1], HOUR, dtype=np.int64)
    clock = ((starts + UTC_OFFSET) % DAY) // HOUR
    weekday = (local_day(starts) + 3) % 7
    shape = np.array([6, 3, 2, 1, 1, 2, 5, 10, 14, 17, 19, 19, 20, 18, 16, 16, 17, 18, 21, 27, 34, 36, 28, 15])
    weight = shape[clock] * np.array([1.0, 0.98, 0.97, 1.0, 1.03, 1.12, 1.10])[weekday]
    for _, _, start, end, _, _, boost in PROMOTIONS:
        inside = (starts >= local(start)) & (starts < local(end))
        weight = np.where(inside, weight * boost, weight)
    return starts, np.cumsum(weight) / weight.sum()


_HOURS = [_hours(m) for m in range(6)]


def _visit_times(rng: np.random.Generator, month: int, n: int) -> Ints:
    """Start times of ``n`` visits in a month, busy in the evening, at weekends and in promotions."""
    starts, cumulative = _HOURS[month]
    position = np.searchsorted(cumulative, spread(rng, n), side="right").clip(0, len(starts) - 1)
    return np.minimum(starts[position] + rng.integers(0, HOUR, n), DATA_END - 40 * MINUTE)


def _at_visiting_hour(rng: np.random.Generator, moments: Ints) -> Ints:
    """The same business-local days at a believable hour."""
    hour = rng.choice(24, len(moments), p=_DAY_SHAPE)
    return local_day(moments) * DAY - UTC_OFFSET + hour * HOUR + rng.integers(0, HOUR, len(moments))


_DAY_SHAPE = np.array([2, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 6, 5, 5, 5, 5, 5, 6, 8, 9, 9, 5, 2], dtype=float)
_DAY_SHAPE /= _DAY_SHAPE.sum()


@dataclass
class Catalogue:
    """Products in arrays: position = sku index."""

    sku: pa.Array
    category: pa.Array
    category_no: Ints
    price: Floats
    cost: Floats
    is_key: Bools
    first_weight: Floats
    repeat_weight: Floats


def catalogue(seed: int) -> Catalogue:
    """The catalogue, the same for every block."""
    rng = generator(seed, "ecommerce", "catalogue")
    total = len(CATEGORIES) * SKUS_PER_CATEGORY
    category = np.repeat(np.arange(len(CATEGORIES)), SKUS_PER_CATEGORY)
    base = np.array([c[2] for c in CATEGORIES])[category]
    price = np.round(base * rng.lognormal(0, 0.35, total), 1)
    cost = np.round(price * rng.uniform(0.55, 0.68, total), 2)
    within = np.tile(np.arange(SKUS_PER_CATEGORY), len(CATEGORIES))
    key = np.isin(category, list(_key_numbers())) & (within < KEY_SKUS_PER_CATEGORY)
    popularity = np.array([c[3] for c in CATEGORIES])[category] / (1 + within) ** 0.7
    first = popularity * (price / 150) ** 0.55
    repeat = popularity * (price / 150) ** -0.25
    return Catalogue(
        ids("SKU", np.arange(total), 5),
        pick([c[0] for c in CATEGORIES], category),
        category,
        price,
        cost,
        key,
        first / first.sum(),
        repeat / repeat.sum(),
    )


def _key_numbers() -> list[int]:
    return list(KEY_CATEGORIES.values())


def write_ecommerce(sink: Sink, *, events: int, seed: int) -> None:
    """Write all e-commerce tables.

    Args:
        sink: Where to.
        events: About how many rows ``events`` shall have (within a few per cent).
        seed: Seed of every stream.
    """
    goods = catalogue(seed)
    blocks = max(1, -(-events // BLOCK_EVENTS))
    received = np.zeros((DAYS, len(CORE), 2), dtype=np.int64)
    for number in range(blocks):
        size = min(BLOCK_EVENTS, events - number * BLOCK_EVENTS)
        received += Block(sink, seed, number, max(size, 1000), goods).run()
        if sink.progress:
            sink.progress(f"ecommerce: block {number + 1} of {blocks}")
    _write_shared(sink, seed, goods, received)


@dataclass
class _Orders:
    """Orders as they are gathered: parallel lists of arrays."""

    person: list[Ints] = field(default_factory=list)
    moment: list[Ints] = field(default_factory=list)
    first: list[Bools] = field(default_factory=list)


class Block:
    """One closed world of persons."""

    def __init__(self, sink: Sink, seed: int, number: int, events: int, goods: Catalogue) -> None:
        self.sink = sink
        self.seed = seed
        self.number = number
        self.goods = goods
        self.rng = generator(seed, "ecommerce", "people", number)
        self.visitors = np.round(TRAFFIC * events / EVENTS_PER_PERSON_MONTH).astype(np.int64)
        self.returning = np.round(self.visitors * RETURNING_SHARE).astype(np.int64)
        self.anonymous = np.round(self.visitors * (1 - IDENTITY_MATCH)).astype(np.int64)
        self.prospects = self.visitors - self.returning - self.anonymous
        self.customers = int(1.6 * self.returning[0]) + 20
        pool = int(1.35 * self.prospects.max()) + 20
        self.known = self.customers + pool
        self.first_order = np.full(self.known, np.iinfo(np.int64).max)
        self.joined = np.full(self.known, -1, dtype=np.int64)
        self.left = np.full(self.known, -1, dtype=np.int64)
        # Prospects become known over the months: the pool grows with what a month needs.
        share = np.minimum(1.0, 1.35 * self.prospects / pool)
        self.pool_end = self.customers + np.maximum.accumulate((share * pool).astype(np.int64))

    # ---- identity

    def _identities(self) -> None:
        rng = generator(self.seed, "ecommerce", "identity", self.number)
        n, block = self.known, self.number
        index = np.arange(n)
        self.on_app = rng.random(n) < 0.64
        self.user = ids(f"U{block:04d}", index, 7)
        # One person in fifty has a second account with the same phone: the phone merges them.
        self.second = np.where(rng.random(n) < 0.02, index, -1)
        self.second_user = ids(f"V{block:04d}", self.second, 7)
        has_phone = rng.random(n) < 0.72
        has_phone |= self.second >= 0
        hashed = (index.astype(np.uint64) + np.uint64(block) * np.uint64(10_000_019)) * np.uint64(0x9E3779B97F4A7C15)
        self.phone = pc.if_else(
            pa.array(has_phone), ids("ph", (hashed >> np.uint64(8)).astype(np.int64) % 10**15, 15), None
        )
        # Devices: own first device, or that of the neighbour (a family tablet); some have a second one.
        shared = (rng.random(n) < 0.03) & (index > 0)
        self.device_no = np.where(shared, index - 1, index) * 2
        self.second_device = np.where(rng.random(n) < 0.25, index * 2 + 1, self.device_no)
        self.has_phone = has_phone
        late = rng.random(n)
        first_seen = HISTORY_START - (rng.random(n) * 150 * DAY).astype(np.int64)
        fresh = index >= self.customers
        month = np.searchsorted(self.pool_end, index, side="right").clip(0, 5)
        starts = np.asarray(MONTH_STARTS)
        first_seen = np.where(fresh, starts[month] + (late * 5 * DAY).astype(np.int64), first_seen)
        last_seen = np.minimum(first_seen + (rng.random(n) * 175 * DAY).astype(np.int64) + DAY, DATA_END - HOUR)
        # Most ids are still in use at the end.
        last_seen = np.where(rng.random(n) < 0.85, DATA_END - (rng.random(n) * 20 * DAY).astype(np.int64), last_seen)
        other = np.flatnonzero(self.second_device != self.device_no)
        users, phones = self.user, self.phone
        devices = self._device(self.device_no)
        cookies = self._cookie(self.device_no)
        fingerprints = ids(f"F{block:04d}", self.device_no, 8)
        rows = {
            "phone": (np.flatnonzero(has_phone), users, "phone", phones, "login"),
            "second": (np.flatnonzero(self.second >= 0), self.second_user, "phone", phones, "checkout"),
            "device": (np.flatnonzero(rng.random(n) < 0.99), users, "device", devices, "sdk"),
            "cookie": (np.flatnonzero(rng.random(n) < 0.97), users, "cookie", cookies, "login"),
            "spare": (other, users, "device", self._device(self.second_device), "sdk"),
            "spare_cookie": (other, users, "cookie", self._cookie(self.second_device), "login"),
            "print": (np.flatnonzero(rng.random(n) < 0.3), users, "fingerprint", fingerprints, "sdk"),
        }
        parts: dict[str, list[Any]] = {k: [] for k in ("type", "a", "b", "first", "last", "source")}
        for chosen, left, kind, right, source in rows.values():
            at = pa.array(chosen)
            parts["type"].append(pa.array([kind] * len(chosen), pa.string()))
            parts["a"].append(left.take(at))
            parts["b"].append(right.take(at))
            parts["first"].append(first_seen[chosen])
            parts["last"].append(last_seen[chosen])
            parts["source"].append(pa.array([source] * len(chosen), pa.string()))
        total = sum(len(x) for x in parts["first"])
        self.sink.write(
            "identity_links",
            {
                "id_type_a": pa.array(["user"] * total),
                "id_a": pa.concat_arrays(parts["a"]),
                "id_type_b": pa.concat_arrays(parts["type"]),
                "id_b": pa.concat_arrays(parts["b"]),
                "first_seen_at": times(np.concatenate(parts["first"])),
                "last_seen_at": times(np.concatenate(parts["last"])),
                "source": pa.concat_arrays(parts["source"]),
            },
            time="last_seen_at",
            block=block,
            broken=[
                ("ends_before_start", {"last_seen_at": lambda t: _shift(t["first_seen_at"], -DAY)}),
                ("unknown_type", {"id_type_b": "loyalty_card"}),
            ],
        )

    def _device(self, number: Any) -> pa.Array:
        return ids(f"D{self.number:04d}", number, 8)

    def _cookie(self, number: Any) -> pa.Array:
        return ids(f"K{self.number:04d}", number, 8)

    # ---- purchases

    def _schedule(self, person: Ints, first: Ints) -> tuple[Ints, Ints]:
        """Later purchases of persons whose first is given: persons and moments, up to the end of the data."""
        rng = self.rng
        people, moments = [], []
        current, start, generation = person, first, 0
        while len(current) and generation < 4:
            month = month_of(start)
            # 2025 stood a little below the baseline of the first quarter.
            before = np.where(start < HISTORY_START, 0.94, 1.0)
            member = (self.joined[current] >= 0) & (self.joined[current] <= start)
            chance = np.where(member, REPEAT_MEMBER[month], REPEAT_OTHER[month]) * before
            if generation:
                chance = chance * 0.9
            again = spread(rng, len(current)) < chance
            current, start, month = current[again], start[again], month[again]
            within = spread(rng, len(current))
            third = np.where(month >= 3, 0.54, 0.49)
            days = np.select(
                [within < third, within < third + 0.30],
                [0.5 + within / third * 29, 30 + (within - third) / 0.30 * 30],
                60 + (within - third - 0.30) / (0.70 - third) * 29,
            )
            start = _at_visiting_hour(rng, start + (days * DAY).astype(np.int64))
            kept = start < DATA_END - 2 * HOUR
            current, start = current[kept], start[kept]
            people.append(current)
            moments.append(start)
            generation += 1
        none = np.zeros(0, dtype=np.int64)
        return np.concatenate([none, *people]), np.concatenate([none, *moments])

    def _history(self) -> tuple[Ints, Ints]:
        """First orders of 2025, with their repeats; returns the repeats due in 2026."""
        rng = self.rng
        n = self.customers
        month = rng.choice(12, n, p=FIRST_ORDER_MONTHS_2025 / FIRST_ORDER_MONTHS_2025.sum())
        day = rng.random(n)
        day = np.where(month == 10, day**1.4, day)  # Double 11
        first = local("2025-01-01") + ((month + day * 0.99) * 365 / 12 * DAY).astype(np.int64)
        first = np.minimum(_at_visiting_hour(rng, first), HISTORY_START - HOUR)
        self.first_order[:n] = first
        member = rng.random(n) < 0.36
        self.joined[:n] = np.where(member, first - (rng.random(n) * 120 * DAY).astype(np.int64), -1)
        later = (~member) & (rng.random(n) < 0.20)
        self.joined[:n] = np.where(later, first + (rng.random(n) * 29 * DAY).astype(np.int64), self.joined[:n])
        person, moment = self._schedule(np.arange(n), first)
        past = moment < HISTORY_START
        self.past = (
            np.concatenate([np.arange(n), person[past]]),
            np.concatenate([first, moment[past]]),
            np.concatenate([np.ones(n, dtype=bool), np.zeros(int(past.sum()), dtype=bool)]),
        )
        return person[~past], moment[~past]

    def _months(self) -> None:
        """Who visits in which month, and how deep each visit goes."""
        rng = self.rng
        due_person, due_moment = self._history()
        visits: dict[str, list[Any]] = {k: [] for k in ("who", "start", "depth", "first")}
        anonymous_base = 0
        repeats = np.bincount(self.past[0][~self.past[2]], minlength=self.known)
        for m in range(6):
            begin, end = MONTH_STARTS[m], MONTH_STARTS[m + 1]
            base = np.flatnonzero(self.first_order < begin)
            inside = (due_moment >= begin) & (due_moment < end)
            person, moment = due_person[inside], due_moment[inside]
            # Returning customers beyond those whose next purchase is due.
            quota = round(float(CVR_RETURNING[m] * self.returning[m]))
            extra = max(0, quota - len(person))
            weight = np.where(repeats[base] > 0, 30.0, 1.0) * (self.first_order[base] < begin - 95 * DAY)
            extra = min(extra, int((weight > 0).sum()))
            chosen = (
                rng.choice(base, extra, replace=False, p=weight / weight.sum())
                if extra
                else np.zeros(0, dtype=np.int64)
            )
            person = np.concatenate([person, chosen])
            moment = np.concatenate([moment, _visit_times(rng, m, extra)])
            # First orders.
            pool = np.arange(self.customers, self.pool_end[m])
            pool = pool[self.first_order[pool] > end]
            rng.shuffle(pool)
            others = pool[: self.prospects[m]]
            newcomers = self.visitors[m] - self.returning[m]
            count = min(len(others), round(float(CVR_NEW[m] * newcomers / 1.06)))
            buyers = others[:count]
            bought = _visit_times(rng, m, count)
            self.first_order[buyers] = bought
            member = spread(rng, count) < MEMBER_AT_FIRST[m]
            enrols = ~member & (spread(rng, count) < ENROLMENT[m])
            self.joined[buyers[member]] = bought[member] - (rng.random(int(member.sum())) * 60 * DAY).astype(np.int64)
            self.joined[buyers[enrols]] = bought[enrols] + (rng.random(int(enrols.sum())) * 29 * DAY).astype(np.int64)
            new_person, new_moment = self._schedule(buyers, bought)
            now = new_moment < end
            due_person = np.concatenate([due_person, new_person[~now]])
            due_moment = np.concatenate([due_moment, new_moment[~now]])
            order_person = np.concatenate([person, new_person[now], buyers])
            order_moment = np.concatenate([moment, new_moment[now], bought])
            first = np.concatenate([np.zeros(len(person) + int(now.sum()), dtype=bool), np.ones(count, dtype=bool)])
            np.add.at(repeats, order_person[~first], 1)
            # Everybody who visits: returning, other known, anonymous (numbered on from the known).
            rest = np.setdiff1d(base, order_person, assume_unique=False)
            rng.shuffle(rest)
            idle = rest[: max(0, self.returning[m] - len(np.unique(person)))]
            ghosts = self.known + anonymous_base + np.arange(self.anonymous[m])
            anonymous_base += int(self.anonymous[m])
            lookers = np.concatenate([idle, others[count:], ghosts])
            rng.shuffle(lookers)
            orders = len(order_person)
            checkouts = round(orders / CHECKOUT_PAID[m])
            carts = max(0, round(checkouts / ATC_CHECKOUT[m] - 1.25 * checkouts))
            views = round(checkouts / ATC_CHECKOUT[m] / PDP_ATC[m])
            depth = np.zeros(len(lookers), dtype=np.int64)
            depth[: max(0, min(views - orders, len(lookers)))] = 1
            depth[: checkouts - orders + carts] = 2
            depth[: checkouts - orders] = 3
            more = rng.poisson(0.42, len(lookers))
            more_who = np.repeat(lookers, more)
            more_depth = np.where(np.repeat(depth, more) > 0, (rng.random(len(more_who)) < 0.3).astype(np.int64), 0)
            starts = np.concatenate(
                [order_moment, _visit_times(rng, m, len(lookers)), _visit_times(rng, m, len(more_who))]
            )
            visits["who"].append(np.concatenate([order_person, lookers, more_who]))
            visits["start"].append(starts)
            visits["depth"].append(np.concatenate([np.full(orders, 4), depth, more_depth]))
            visits["first"].append(np.concatenate([first, np.zeros(len(lookers) + len(more_who), dtype=bool)]))
        self.who = np.concatenate(visits["who"])
        self.start = np.concatenate(visits["start"])
        self.depth = np.concatenate(visits["depth"])
        self.is_first = np.concatenate(visits["first"])
        self.ghosts = anonymous_base
        # The outage: most who would have paid through the failing gateway do not.
        hit = during("ec_gateway_outage", self.start) & (self.depth == 4) & (rng.random(len(self.who)) < 0.75)
        self.depth[hit] = 3

    # ---- visits and events

    def _visit_attributes(self) -> None:
        rng = generator(self.seed, "ecommerce", "visits", self.number)
        n = len(self.who)
        self.month = month_of(self.start)
        self.is_ghost = self.who >= self.known
        known = np.where(self.is_ghost, 0, self.who)
        usual = np.where(self.is_ghost, (self.who * 2_654_435_761 >> 7) % 100 < 45, self.on_app[known])
        switch = rng.random(n) < np.where(self.is_ghost, 0.0, 0.15)
        self.app = usual ^ switch
        self.offsite = rng.random(n) < np.where(self.is_ghost, 0.46, 0.28)
        source = rng.choice(6, n, p=[0.34, 0.22, 0.20, 0.14, 0.06, 0.04]) + 1
        self.source = np.where(self.offsite, source, 0)
        campaign = np.full(n, -1)
        for i, (_, _, start, end, _, _, _) in enumerate(PROMOTIONS):
            inside = (self.start >= local(start)) & (self.start < local(end))
            campaign = np.where(inside & (rng.random(n) < 0.35), i, campaign)
        self.campaign = np.where(self.offsite, campaign, -1)
        self.logged = ~self.is_ghost & ((self.depth >= 3) | (rng.random(n) < 0.62))
        spare = rng.random(n) < 0.2
        device = np.where(spare, self.second_device[known], self.device_no[known])
        ghost_device = self.who - self.known + 4 * self.known
        self.device = np.where(self.is_ghost, ghost_device, device)
        # The shop's app sends the device, the site the cookie; both send a fingerprint now and then.
        self.sends_phone = self.logged & self.has_phone[known] & (rng.random(n) < 0.35)
        self.alias = self.logged & (self.second[known] >= 0) & (rng.random(n) < 0.3)
        self.sku = self._choose_sku(rng, n)
        self.items = 1 + (rng.random(n) < 0.25)
        self.second_sku = self._choose_sku(rng, n)

    def _choose_sku(self, rng: np.random.Generator, n: int) -> Ints:
        """Skus of visits: dearer goods in first purchases, the key categories in growing demand."""
        u = rng.random(n)
        chosen = np.zeros(n, dtype=np.int64)
        for m in range(6):
            appeal = np.where(np.isin(self.goods.category_no, _key_numbers()), KEY_APPEAL[m], 1.0)
            for first in (False, True):
                for buys in (False, True):
                    mask = (self.month == m) & (self.is_first == first) & ((self.depth >= 2) == buys)
                    weight = self.goods.first_weight if first else self.goods.repeat_weight
                    cumulative = np.cumsum(weight * (appeal if buys else 1.0))
                    chosen[mask] = np.searchsorted(cumulative, u[mask] * cumulative[-1], side="right")
        return np.minimum(chosen, len(self.goods.price) - 1)

    def _events(self) -> NDArray[np.int64]:
        rng = generator(self.seed, "ecommerce", "events", self.number)
        n = len(self.who)
        visit = np.arange(n)
        depth, month = self.depth, self.month
        views = np.where(depth >= 1, 1 + rng.geometric(0.55, n) - 1, 0)
        searches = rng.random(n) < 0.30
        found = searches & ((depth >= 2) | (rng.random(n) < SEARCH_SUCCESS[month] - 0.05))
        lists = (rng.random(n) < 0.62) | (depth >= 1)
        selects = found | (lists & (depth >= 1) & (rng.random(n) < 0.5))
        cart_at = 60 + 35 * views
        parts: list[tuple[Ints, Any, int]] = [
            (visit, 0, PAGE_VIEW),
            (visit[searches], 12, SEARCH),
            (visit[lists], 25, VIEW_LIST),
            (visit[selects], 45, SELECT),
        ]
        many = np.repeat(visit, views)
        nth = np.arange(len(many)) - np.repeat(np.cumsum(views) - views, views)
        parts.append((many, 60 + 35 * nth, VIEW_ITEM))
        landing = visit[(depth >= 1) & (rng.random(n) < 0.6)]
        parts.append((landing, 58, PAGE_VIEW))
        carts = visit[depth >= 2]
        second = visit[(depth >= 3) & (self.items == 2)]
        parts += [(carts, cart_at[carts], ADD), (second, cart_at[second] + 20, ADD)]
        dropped = visit[(depth == 2) & (rng.random(n) < 0.25)]
        parts.append((dropped, cart_at[dropped] + 60, REMOVE))
        checkouts = visit[depth >= 3]
        parts.append((checkouts, cart_at[checkouts] + 70, CHECKOUT))
        paying = visit[(depth == 4) | ((depth == 3) & (rng.random(n) < 0.4))]
        parts.append((paying, cart_at[paying] + 110, PAY_INFO))
        bought = visit[depth == 4]
        parts.append((bought, cart_at[bought] + 160, PURCHASE))
        parts.append((visit[rng.random(n) < 0.004], 5, ERROR))
        parts.append((visit[rng.random(n) < 0.006], 75, SHARE))
        at = np.concatenate([p[0] for p in parts])
        offset = np.concatenate([np.broadcast_to(np.asarray(p[1], dtype=np.int64), len(p[0])) for p in parts])
        code = np.concatenate([np.full(len(p[0]), p[2]) for p in parts])
        if self.number == 0 and len(at) >= 20_000:
            at, offset, code = self._abnormal(rng, at, offset, code)
        # Events leave in order of their visit; a few overtake one another.
        moment = self.start[at] + offset * SECOND + rng.integers(0, SECOND, len(at))
        order = np.argsort(at + (moment - HISTORY_START) / (400 * DAY), kind="stable")
        at, code, moment = at[order], code[order], moment[order]
        moment = np.minimum(moment, DATA_END - SECOND)
        return self._write_events(rng, at, code, moment)

    def _abnormal(self, rng: np.random.Generator, at: Ints, offset: Ints, code: Ints) -> tuple[Ints, Ints, Ints]:
        """One hammering ip (over 300 events in a minute) and one endless session (over 500 events)."""
        quiet = np.flatnonzero(self.is_ghost & (self.depth == 0) & (self.start < DATA_END - DAY))
        hammer, endless = rng.choice(quiet, 2, replace=False)
        self.hammer = int(hammer)
        self.start[hammer] = self.start[hammer] // MINUTE * MINUTE
        self.sink.plant("events", "hammering_ip", 360)
        self.sink.plant("events", "endless_session", 560)
        return (
            np.concatenate([at, np.full(360, hammer), np.full(560, endless)]),
            np.concatenate([offset, np.arange(360) // 7, np.arange(560) * 12]),
            np.concatenate([code, np.full(360, VIEW_LIST), np.full(560, PAGE_VIEW)]),
        )

    def _write_events(self, rng: np.random.Generator, at: Ints, code: Ints, moment: Ints) -> NDArray[np.int64]:
        n, goods, block = len(at), self.goods, self.number
        month = self.month[at]
        app = self.app[at]
        is_item = np.isin(code, [VIEW_ITEM, SELECT, ADD, REMOVE, VIEW_LIST, SHARE])
        sku = np.where(is_item, self.sku[at], -1)
        again = (code == ADD) & np.concatenate([[False], (code[1:] == ADD) & (at[1:] == at[:-1])])
        sku = np.where(again, self.second_sku[at], sku)
        logged = self.logged[at]
        known = np.where(self.is_ghost[at], 0, self.who[at])
        user = np.where(logged, known, -1)
        users = pc.if_else(pa.array(self.alias[at]), pick(self.second_user, user), pick(self.user, user))
        device = np.where(app, self.device[at], -1)
        cookie = np.where(app, -1, self.device[at])
        sees_print = ~app & (self.device[at] % 3 == 0)
        z = np.where(during("ec_slow_cdn", moment), -0.1, FAST_SCREEN_Z[month])
        latency = np.exp(np.log(2000) - 0.55 * z + 0.55 * rng.standard_normal(n))
        noise = rng.random(n)
        latency = np.where(noise < 0.001, -latency, latency).round(1)
        paged = code == PAGE_VIEW
        negative = int((paged & (noise < 0.001)).sum())
        self.sink.plant("events", "negative_latency", negative)
        agent = np.where(app, self.who[at] % 2, 2 + self.who[at] % 2)
        crawls = self.is_ghost[at] & (self.who[at] % 37 == 0) & (self.depth[at] == 0)
        agent = np.where(crawls, 4 + self.who[at] % 3, agent)
        self.sink.plant("events", "bot_user_agent", int(crawls.sum()))
        test = self.logged[at] & (known % 331 == 7)
        self.sink.plant("events", "test_row", int(test.sum()))
        network = (self.who[at] * 2_654_435_761 + block * 40_503) % (223 * 2**20)
        purchase = np.where(code == PURCHASE, at, -1)
        checkout = np.where(np.isin(code, [CHECKOUT, PAY_INFO, PURCHASE]), at, -1)
        campaign = self.campaign[at]
        pages = np.select([code == VIEW_ITEM, code == VIEW_LIST, code == SEARCH, code >= ADD], [1, 2, 3, 4], 0)
        columns = {
            "event_id": ids(f"e{block:04d}", np.arange(n), 8),
            "event_name": pick(NAMES, code),
            "event_at": times(moment),
            "user_id": users,
            "device_id": self._device(device),
            "cookie_id": self._cookie(cookie),
            "phone_hash": pick(self.phone, np.where(self.sends_phone[at], known, -1)),
            "fingerprint_id": ids(f"F{block:04d}", np.where(sees_print, self.device[at], -1), 8),
            "platform": pick(["web", "app"], app),
            "entry": pick(["onsite", "offsite"], self.offsite[at]),
            "page_type": pick(["home", "product", "list", "search", "checkout"], np.minimum(pages, 4)),
            "page_url": pick(["/", "/p", "/list", "/s", "/cart"], np.where(paged, np.minimum(pages, 4), -1)),
            "sku_id": pick(goods.sku, sku),
            "category_id": pick(goods.category, sku),
            "price": masked(goods.price[np.maximum(sku, 0)], sku < 0),
            "stock": masked(rng.integers(1, 400, n), code != VIEW_ITEM),
            "quantity": masked(np.ones(n, dtype=np.int64), code != ADD),
            "promo_id": pick(CAMPAIGN_IDS, np.where((code == ADD) | (code == PURCHASE), campaign, -1)),
            "order_id": ids(f"o{block:04d}", purchase, 7),
            "checkout_id": ids(f"k{block:04d}", checkout, 7),
            "search_id": ids(f"s{block:04d}", np.where(code == SEARCH, at, -1), 7),
            "latency_ms": masked(latency, ~paged | (noise > 0.98)),
            "utm_source": pick(UTM_SOURCES, self.source[at]),
            "utm_medium": pick(UTM_MEDIA, self.source[at]),
            "utm_campaign": pick(UTM_CAMPAIGNS, campaign),
            "utm_content": pick(["banner_a", "banner_b"], np.where(campaign >= 0, at % 2, -1)),
            "slot_id": ids("slot", np.where(code == VIEW_LIST, at % 40, -1), 3),
            "impression_id": ids(f"i{block:04d}", np.where(code == VIEW_LIST, at, -1), 7),
            "user_agent": pick(AGENTS, agent),
            "ip": _ips(network),
            "is_test": pa.array(test),
        }
        nobody = dict.fromkeys(("user_id", "device_id", "cookie_id", "phone_hash", "fingerprint_id"))
        self.sink.write(
            "events",
            columns,
            time="event_at",
            block=block,
            duplicates=0.003,
            late=0.008,
            shuffle=False,
            files=2 if block == 0 else 1,
            broken=[
                ("no_identity", nobody),
                ("missing_time", {"event_at": None}),
                ("missing_event_id", {"event_id": None}),
                ("unknown_platform", {"platform": "mini_program", "event_name": "share_item"}),
            ],
        )
        day = local_day(moment) - local_day(np.array([HISTORY_START]))[0]
        counts = np.zeros((DAYS, len(CORE), 2), dtype=np.int64)
        for i, name in enumerate(CORE):
            mask = code == name
            np.add.at(counts, (day[mask], i, app[mask].astype(np.int64)), 1)
        return counts

    # ---- orders

    def _order_tables(self) -> None:
        rng = generator(self.seed, "ecommerce", "orders", self.number)
        block, goods = self.number, self.goods
        visit = np.flatnonzero(self.depth == 4)
        views_end = self.start[visit] + 5 * MINUTE
        past_person, past_moment, past_first = self.past
        past_month = np.zeros(len(past_person), dtype=np.int64)
        number = np.concatenate([visit, len(self.who) + np.arange(len(past_person))])
        person = np.concatenate([self.who[visit], past_person])
        paid = np.concatenate([np.minimum(views_end, DATA_END - 2 * SECOND), past_moment])
        month = np.concatenate([self.month[visit], past_month])
        first = np.concatenate([self.is_first[visit], past_first])
        app = np.concatenate([self.app[visit], self.on_app[past_person]])
        offsite = np.concatenate([self.offsite[visit], rng.random(len(past_person)) < 0.3])
        campaign = np.concatenate([self.campaign[visit], np.full(len(past_person), -1)])
        u = rng.random(len(past_person))
        past_sku = np.where(
            past_first,
            np.searchsorted(np.cumsum(goods.first_weight), u),
            np.searchsorted(np.cumsum(goods.repeat_weight), u),
        ).clip(0, len(goods.price) - 1)
        sku = np.concatenate([self.sku[visit], past_sku])
        second = np.concatenate([self.second_sku[visit], past_sku])
        lines = np.concatenate([self.items[visit], np.ones(len(past_person), dtype=np.int64)])
        n = len(number)
        quantity = 1 + rng.poisson(np.where(first, 0.35, 0.15), n)
        gross = goods.price[sku] * quantity + np.where(lines == 2, goods.price[second], 0)
        cost = goods.cost[sku] * quantity + np.where(lines == 2, goods.cost[second], 0)
        off = np.where(campaign >= 0, 0.10, 0.03) * rng.random(n) * 2
        paid_amount = np.round(gross * (1 - off), 2)
        known_test = (person % 331) == 7
        users = pick(self.user, person)
        order = ids(f"o{block:04d}", number, 7)
        created = paid - 80 * SECOND
        abandoned = np.flatnonzero((self.depth == 3) & (rng.random(len(self.depth)) < 0.5))
        columns = {
            "order_id": order,
            "user_id": users,
            "created_at": times(created),
            "paid_at": times(paid),
            "platform": pick(["web", "app"], app),
            "entry": pick(["onsite", "offsite"], offsite),
            "campaign_id": pick(CAMPAIGN_IDS, campaign),
            "gross_amount": np.round(gross, 2),
            "discount_amount": np.round(gross - paid_amount, 2),
            "paid_amount": paid_amount,
            "cost_amount": masked(np.round(cost, 2), rng.random(n) < 0.02),
            "is_test": known_test,
        }
        # Before it was paid each order was landed unpaid; some of these earlier states are still there.
        stale = np.flatnonzero(rng.random(n) < 0.02)
        loaded = paid + (rng.lognormal(0.7, 0.6, n) * MINUTE).astype(np.int64)
        slow = np.flatnonzero(rng.random(n) < 0.006)
        loaded[slow] += rng.integers(DAY, 6 * DAY, len(slow))
        self.sink.plant("orders", "late", len(slow))
        self.sink.plant("orders", "older_state", len(stale))
        cart_sku = self.sku[abandoned]
        unpaid = {
            "order_id": ids(f"o{block:04d}", abandoned, 7),
            "user_id": pick(self.user, np.where(self.is_ghost[abandoned], 0, self.who[abandoned])),
            "created_at": times(self.start[abandoned] + 4 * MINUTE),
            "paid_at": pa.nulls(len(abandoned), pa.timestamp("us")),
            "platform": pick(["web", "app"], self.app[abandoned]),
            "entry": pick(["onsite", "offsite"], self.offsite[abandoned]),
            "campaign_id": pick(CAMPAIGN_IDS, self.campaign[abandoned]),
            "gross_amount": goods.price[cart_sku],
            "discount_amount": np.zeros(len(abandoned)),
            "paid_amount": np.zeros(len(abandoned)),
            "cost_amount": goods.cost[cart_sku],
            "is_test": np.zeros(len(abandoned), dtype=bool),
        }
        # An anonymous person who began a checkout has no user to order for.
        nameless = ~self.is_ghost[abandoned]
        unpaid = {k: pa.array(v).filter(pa.array(nameless)) for k, v in unpaid.items()}
        early = {k: pa.array(v).take(pa.array(stale)) for k, v in columns.items()}
        early["paid_at"] = pa.nulls(len(stale), pa.timestamp("us"))
        together = {
            k: pa.concat_arrays([pa.array(v), early[k].cast(pa.array(v).type), unpaid[k].cast(pa.array(v).type)])
            for k, v in columns.items()
        }
        unpaid_loaded = self.start[abandoned][nameless] + 6 * MINUTE
        self.sink.write(
            "orders",
            together,
            time="created_at",
            block=block,
            loaded_at=np.concatenate([loaded, created[stale] + 20 * SECOND, unpaid_loaded]),
            broken=[
                ("missing_user", {"user_id": None}),
                ("missing_amount", {"gross_amount": None}),
            ],
            files=2 if block == 0 else 1,
        )
        self._items(rng, order, sku, second, lines, quantity, created)
        self._after_orders(rng, order, person, paid, month, paid_amount, app, known_test)
        self._payments(rng, visit)
        self.order_person, self.order_paid, self.order_month = person, paid, month
        self.order_visit = np.concatenate([visit, np.full(len(past_person), -1)])

    def _items(
        self,
        rng: np.random.Generator,
        order: pa.Array,
        sku: Ints,
        second: Ints,
        lines: Ints,
        quantity: Ints,
        created: Ints,
    ) -> None:
        goods = self.goods
        two = np.flatnonzero(lines == 2)
        all_sku = np.concatenate([sku, second[two]])
        names = pa.concat_arrays([order, order.take(pa.array(two))])
        self.sink.write(
            "order_items",
            {
                "order_id": names,
                "line_no": np.concatenate([np.ones(len(sku), dtype=np.int64), np.full(len(two), 2)]),
                "sku_id": pick(goods.sku, all_sku),
                "quantity": np.concatenate([quantity, np.ones(len(two), dtype=np.int64)]),
                "unit_price": goods.price[all_sku],
                "unit_cost": masked(goods.cost[all_sku], rng.random(len(all_sku)) < 0.01),
            },
            block=self.number,
            broken=[("orphan", {}), ("missing_sku", {"sku_id": None})],
        )

    def _after_orders(
        self,
        rng: np.random.Generator,
        order: pa.Array,
        person: Ints,
        paid: Ints,
        month: Ints,
        amount: Floats,
        app: Bools,
        test: Bools,
    ) -> None:
        block = self.number
        n = len(person)
        own = generator(self.seed, "ecommerce", "refunds", block)
        refunded = np.flatnonzero(spread_within(own, month) < REFUND[month])
        when = paid[refunded] + (own.uniform(1, 19, len(refunded)) * DAY).astype(np.int64)
        refunded, when = refunded[when < DATA_END], when[when < DATA_END]
        whole = own.random(len(refunded)) < 0.35
        part = np.round(amount[refunded] * own.uniform(0.1, 0.7, len(refunded)), 2)
        back = np.where(whole, amount[refunded], part)
        self.sink.write(
            "refunds",
            {
                "refund_id": ids(f"r{block:04d}", np.arange(len(refunded)), 7),
                "order_id": order.take(pa.array(refunded)),
                "refunded_at": times(when),
                "amount": back,
            },
            time="refunded_at",
            block=block,
            broken=[
                ("unparseable_number", {"amount": "12,50 元"}),
                ("unparseable_time", {"refunded_at": "昨天下午"}),
                ("orphan", {"order_id": "o-unknown", "amount": "1.00"}),
            ],
        )
        promised = paid + 3 * DAY
        on_time = spread_within(rng, month) < ON_TIME[month]
        took = np.where(on_time, rng.uniform(1.0, 2.95, n), rng.uniform(3.1, 8.0, n))
        arrived = paid + (took * DAY).astype(np.int64)
        open_still = arrived > DATA_END
        self.sink.write(
            "deliveries",
            {
                "order_id": order,
                "promised_at": times(promised),
                "delivered_at": times(arrived, open_still),
            },
            time="promised_at",
            loaded_at=np.minimum(arrived, DATA_END) + MINUTE,
            block=block,
            broken=[("missing_promise", {"promised_at": None})],
        )
        asks = np.flatnonzero((rng.random(n) < 0.14) & (paid < DATA_END - 6 * DAY))
        complaint = spread_within(rng, month[asks]) < np.where(month[asks] < 3, 0.025, 0.019)
        stars = np.where(spread_within(rng, month[asks]) < np.where(month[asks] < 3, 0.021, 0.015), 1, 4)
        stars = np.where(complaint, 2, stars + (stars == 4) * (rng.random(len(asks)) < 0.7))
        stars = np.where(complaint & (rng.random(len(asks)) < 0.5), 3, stars)
        self.sink.write(
            "service_tickets",
            {
                "ticket_id": ids(f"t{block:04d}", np.arange(len(asks)), 7),
                "opened_at": times(paid[asks] + (rng.uniform(0.2, 5, len(asks)) * DAY).astype(np.int64)),
                "user_id": pick(self.user, person[asks]),
                "order_id": order.take(pa.array(asks)),
                "kind": pick(["service", "complaint"], complaint),
                "rating": masked(stars, rng.random(len(asks)) < 0.3),
            },
            time="opened_at",
            block=block,
            broken=[
                ("unknown_kind", {"kind": "表扬", "order_id": None}),
                ("unparseable_rating", {"rating": "五星", "kind": "service"}),
                ("unparseable_time", {"opened_at": "31/06/2026 25:00"}),
            ],
        )

    def _payments(self, rng: np.random.Generator, visit: Ints) -> None:
        """Attempts: paid orders succeed, sometimes at the second try; some abandoned checkouts had failed."""
        block = self.number
        failed_first = visit[spread_within(rng, self.month[visit]) < FAIL_THEN_PAY[self.month[visit]]]
        abandoned = np.flatnonzero(self.depth == 3)
        outage = during("ec_gateway_outage", self.start[abandoned])
        chance = np.where(outage, 1.0, FAIL_AND_ABANDON[self.month[abandoned]])
        gave_up = abandoned[spread_within(rng, self.month[abandoned]) < chance]
        storm = gave_up[during("ec_gateway_outage", self.start[gave_up])]
        at = np.concatenate([visit, failed_first, gave_up, storm])
        success = np.concatenate([np.ones(len(visit), dtype=bool), np.zeros(len(at) - len(visit), dtype=bool)])
        second = np.arange(len(at)) >= len(at) - len(storm)
        moment = self.start[at] + np.where(success, 290, 250 + 15 * second) * SECOND
        gateway = rng.choice(3, len(at), p=[0.48, 0.42, 0.10])
        gateway = np.where(during("ec_gateway_outage", moment) & ~success, 1, gateway)
        self.sink.write(
            "payment_attempts",
            {
                "attempt_id": ids(f"a{block:04d}", np.arange(len(at)), 7),
                "checkout_id": ids(f"k{block:04d}", at, 7),
                "order_id": ids(f"o{block:04d}", np.where(success, at, -1), 7),
                "attempted_at": times(np.minimum(moment, DATA_END - SECOND)),
                "succeeded": success,
                "failure_code": pick(
                    ["insufficient_funds", "gateway_timeout", "risk_declined"],
                    np.where(
                        success,
                        -1,
                        np.where(during("ec_gateway_outage", moment), 1, rng.integers(0, 3, len(at))),
                    ),
                ),
                "gateway": pick(GATEWAYS, gateway),
            },
            time="attempted_at",
            block=block,
            broken=[("missing_outcome", {"succeeded": None})],
        )

    # ---- members, messages, touches

    def _member_table(self) -> None:
        rng = generator(self.seed, "ecommerce", "members", self.number)
        member = np.flatnonzero((self.joined >= 0) & (self.joined < DATA_END))
        joined = self.joined[member]
        span = np.maximum(DATA_END - joined, DAY)
        leaves = (rng.random(len(member)) < 0.007 * span / (30 * DAY)) & (joined < DATA_END - 20 * DAY)
        left = joined + (span * rng.uniform(0.2, 0.98, len(member))).astype(np.int64)
        again = np.flatnonzero(leaves & (rng.random(len(member)) < 0.08))
        # Spells that overlap: a renewal was entered before the old spell ended.
        renewed = left[again] - (rng.random(len(again)) * (left[again] - joined[again]) * 0.5).astype(np.int64) - 1
        people = np.concatenate([member, member[again]])
        starts = np.concatenate([joined, renewed])
        self.sink.plant("members", "overlapping_spells", len(again))
        self.sink.write(
            "members",
            {
                "user_id": pick(self.user, people),
                "joined_at": times(starts),
                "left_at": times(
                    np.concatenate([left, np.full(len(again), DATA_END)]),
                    np.concatenate([~leaves, np.ones(len(again), dtype=bool)]),
                ),
                "tier": pick(["普通", "银卡", "金卡"], people % 3),
            },
            time="joined_at",
            block=self.number,
            broken=[
                ("ends_before_start", {"left_at": "2024-12-31 00:00:00"}),
                ("unparseable_time", {"joined_at": "2026-13-45 00:00"}),
            ],
        )

    def _campaign_tables(self) -> None:
        """Recalls: their audience, their messages, and the clicks that precede the purchases they win."""
        rng = generator(self.seed, "ecommerce", "recalls", self.number)
        audience: list[tuple[Ints, Ints]] = []
        rows: dict[str, list[Any]] = {k: [] for k in ("who", "campaign", "sent", "opened", "clicked")}
        for i, (_, _, _, m, _) in enumerate(RECALLS):
            begin, end = MONTH_STARTS[m] + 3 * DAY, MONTH_STARTS[m + 1] - DAY
            inside = (self.order_paid >= begin + DAY) & (self.order_paid < end) & (self.order_visit >= 0)
            inside &= self.first_order[self.order_person] < begin
            winners, at = np.unique(self.order_person[inside], return_index=True)
            bought = self.order_paid[inside][at]
            kept = rng.random(len(winners)) < 0.45
            winners, bought = winners[kept], bought[kept]
            size = round(len(winners) / float(WINBACK[m]))
            rest = np.setdiff1d(np.flatnonzero(self.first_order < begin), self.order_person[inside])
            rng.shuffle(rest)
            rest = rest[: max(0, size - len(winners))]
            people = np.concatenate([winners, rest])
            audience.append((people, np.full(len(people), i)))
            # Winners get the message some days before they buy, and click it.
            lead = np.minimum((rng.uniform(0.05, 5, len(winners)) * DAY).astype(np.int64), bought - begin)
            sent = np.concatenate([bought - lead, begin + (rng.random(len(rest)) * 20 * DAY).astype(np.int64)])
            need = round(float(MESSAGE_CLICK[m]) * len(people))
            idle = np.arange(len(winners), len(people))
            clicks = np.zeros(len(people), dtype=bool)
            clicks[: len(winners)] = True
            clicks[idle[: max(0, need - len(winners))]] = True
            opens = clicks | (spread(rng, len(people)) < (MESSAGE_OPEN[m] - 0.08) / 0.9)
            opened = sent + np.minimum((rng.exponential(8, len(people)) * HOUR).astype(np.int64) + MINUTE, 60 * HOUR)
            opened[: len(winners)] = np.minimum(opened[: len(winners)], bought - 2 * MINUTE)
            rows["who"].append(people)
            rows["campaign"].append(np.full(len(people), i))
            rows["sent"].append(sent)
            rows["opened"].append(np.where(opens, opened, -1))
            rows["clicked"].append(np.where(clicks, opened + MINUTE, -1))
            # Weekly member mail to active customers, without a campaign.
            mail = np.flatnonzero((self.joined >= 0) & (self.joined < begin))
            mail = mail[rng.random(len(mail)) < 0.5]
            post = begin + (rng.random(len(mail)) * 20 * DAY).astype(np.int64)
            reads = spread(rng, len(mail)) < MESSAGE_OPEN[m]
            taps = reads & (rng.random(len(mail)) < MESSAGE_CLICK[m] / MESSAGE_OPEN[m])
            read = post + np.minimum((rng.exponential(8, len(mail)) * HOUR).astype(np.int64) + MINUTE, 60 * HOUR)
            for key, value in zip(
                rows,
                (
                    mail,
                    np.full(len(mail), -1),
                    post,
                    np.where(reads, read, -1),
                    np.where(taps, read + MINUTE, -1),
                ),
                strict=True,
            ):
                rows[key].append(value)
        people = np.concatenate([a[0] for a in audience])
        which = np.concatenate([a[1] for a in audience])
        recall_ids = [r[0] for r in RECALLS]
        starts = np.array([MONTH_STARTS[r[3]] + 2 * DAY for r in RECALLS])
        self.sink.write(
            "campaign_audience",
            {
                "campaign_id": pick(recall_ids, which),
                "user_id": pick(self.user, people),
                "segment_id": pick(["沉睡60天", "沉睡90天", "高价值"], people % 3),
                "entered_at": times(starts[which]),
            },
            time="entered_at",
            block=self.number,
        )
        merged = {k: np.concatenate(v) for k, v in rows.items()}
        n = len(merged["who"])
        lost = rng.random(n) < 0.02
        opened = np.where(lost, -1, merged["opened"])
        clicked = np.where(lost, -1, merged["clicked"])
        self.sink.write(
            "messages",
            {
                "message_id": ids(f"m{self.number:04d}", np.arange(n), 7),
                "user_id": pick(self.user, merged["who"]),
                "campaign_id": pick(recall_ids, merged["campaign"]),
                "channel": pick(["push", "sms", "email"], rng.choice(3, n, p=[0.5, 0.3, 0.2])),
                "sent_at": times(merged["sent"]),
                "delivered_at": times(merged["sent"] + 20 * SECOND, lost),
                "opened_at": times(opened, opened < 0),
                "clicked_at": times(clicked, clicked < 0),
            },
            time="sent_at",
            block=self.number,
            broken=[("missing_user", {"user_id": None})],
        )

    def _touches(self) -> None:
        rng = generator(self.seed, "ecommerce", "touches", self.number)
        fresh = np.flatnonzero(self.order_visit >= 0)
        covered = fresh[spread_within(rng, self.order_month[fresh]) < TOUCH_COVERAGE[self.order_month[fresh]]]
        count = rng.choice([1, 2, 3, 4], len(covered), p=[0.4, 0.3, 0.2, 0.1])
        at = np.repeat(covered, count)
        nth = np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)
        # The first of each is a click within the week; the others may be impressions.
        click = (nth == 0) | (rng.random(len(at)) < 0.6)
        back = np.where(nth == 0, rng.uniform(0.02, 6.5, len(at)), rng.uniform(0.01, 9, len(at)))
        when = self.order_paid[at] - (back * DAY).astype(np.int64)
        who = self.order_person[at]
        lookers = np.flatnonzero(self.offsite & (self.depth < 4) & (rng.random(len(self.who)) < 0.4))
        idle_when = self.start[lookers] - rng.integers(5 * SECOND, 2 * HOUR, len(lookers))
        channel = np.concatenate(
            [
                rng.choice(6, len(at), p=[0.30, 0.22, 0.14, 0.12, 0.15, 0.07]),
                rng.choice(6, len(lookers), p=[0.16, 0.34, 0.16, 0.10, 0.06, 0.18]),
            ]
        )
        person = np.concatenate([who, np.where(self.is_ghost[lookers], -1, self.who[lookers])])
        device = np.concatenate([np.full(len(at), -1), np.where(self.is_ghost[lookers], self.device[lookers], -1)])
        app = np.concatenate([np.zeros(len(at), dtype=bool), self.app[lookers]])
        clicks = np.concatenate([click, rng.random(len(lookers)) < 0.7])
        n = len(person)
        cost = np.where(clicks, rng.lognormal(0.2, 0.5, n), rng.lognormal(-3.2, 0.4, n)).round(3)
        cost = np.where(channel == 4, 0.0, cost)
        self.sink.write(
            "ad_touches",
            {
                "touch_id": ids(f"x{self.number:04d}", np.arange(n), 7),
                "touched_at": times(np.concatenate([when, idle_when])),
                "kind": pick(["impression", "click"], clicks),
                "user_id": pick(self.user, person),
                "device_id": self._device(np.where(app, device, -1)),
                "cookie_id": self._cookie(np.where(app, -1, device)),
                "channel": pick(CHANNELS, channel),
                "cost": cost,
            },
            time="touched_at",
            block=self.number,
            broken=[("unknown_kind", {"kind": "hover"}), ("missing_channel", {"channel": None})],
        )

    def _experiments(self) -> None:
        """Three experiments: one that works, one of A against A, and one whose treatment lost a part of its records."""
        rng = generator(self.seed, "ecommerce", "experiments", self.number)
        parts: dict[str, list[Any]] = {k: [] for k in ("name", "user", "device", "variant", "at")}

        def assign(name: str, user: pa.Array, device: pa.Array, treated: Bools, at: Ints) -> None:
            parts["name"].append(pa.array([name] * len(at), pa.string()))
            parts["user"].append(user)
            parts["device"].append(device)
            parts["variant"].append(pick(["control", "treatment"], treated))
            parts["at"].append(at)

        for name, (start, end, effect, lost) in EXPERIMENTS.items():
            # Whoever comes is assigned at the first visit; of the anonymous only the app says which device it is.
            inside = (self.start >= local(start)) & (self.start < local(end)) & (~self.is_ghost | self.app)
            visit = np.flatnonzero(inside)[np.argsort(self.start[inside], kind="stable")]
            who, first = np.unique(self.who[visit], return_index=True)
            visit = visit[first]
            at = self.start[visit]
            buys = self._pays_within(who, at, EXPERIMENT_WINDOW)
            # Treatment converts `effect` times as often, and the split of all persons is even.
            share = effect / (1 + effect)
            rest = 0.5 - (share - 0.5) * buys.mean() / max(1 - buys.mean(), 0.01) if len(who) else 0.5
            treated = spread_within(rng, buys.astype(np.int64)) < np.where(buys, share, rest)
            kept = ~treated | (self.depth[visit] > 1) | (rng.random(len(who)) >= lost)
            who, visit, at, treated = who[kept], visit[kept], at[kept], treated[kept]
            ghost = who >= self.known
            user = pick(self.user, np.where(ghost, -1, who))
            assign(name, user, self._device(np.where(ghost, self.device[visit], -1)), treated, at)
            # The second account of a person may meet the other variant.
            twice = np.flatnonzero(~ghost)
            twice = twice[(self.second[who[twice]] >= 0) & (rng.random(len(twice)) < 0.5)]
            self.sink.plant("experiment_assignments", "two_variants", len(twice))
            nobody = self._device(np.full(len(twice), -1))
            assign(name, pick(self.second_user, who[twice]), nobody, ~treated[twice], at[twice] + HOUR)
        self.sink.write(
            "experiment_assignments",
            {
                "experiment_id": pa.concat_arrays(parts["name"]),
                "user_id": pa.concat_arrays(parts["user"]),
                "device_id": pa.concat_arrays(parts["device"]),
                "variant": pa.concat_arrays(parts["variant"]),
                "assigned_at": times(np.concatenate(parts["at"])),
            },
            time="assigned_at",
            block=self.number,
            broken=[("no_identity", {"user_id": None, "device_id": None})],
        )

    def _pays_within(self, who: Ints, at: Ints, window: int) -> Bools:
        """Whether each person (ascending) pays an order from its moment until `window` later."""
        place = np.searchsorted(who, self.order_person).clip(0, max(len(who) - 1, 0))
        result = np.zeros(len(who), dtype=bool)
        if len(who):
            paid = self.order_paid
            counts = (who[place] == self.order_person) & (paid >= at[place]) & (paid <= at[place] + window)
            result[place[counts]] = True
        return result

    def run(self) -> NDArray[np.int64]:
        """Write the block; returns its core events per day, name and platform (web, app)."""
        self._identities()
        self._months()
        self._visit_attributes()
        counts = self._events()
        self._order_tables()
        self._member_table()
        self._campaign_tables()
        self._touches()
        self._experiments()
        return counts


def _shift(column: pa.ChunkedArray, micros: int) -> pa.ChunkedArray:
    return pc.add(column.cast(pa.int64()), micros).cast(pa.timestamp("us"))


def _ips(number: Ints) -> pa.Array:
    """Dotted addresses from numbers below 223 * 2**20."""
    high = pick([str(i + 1) for i in range(223)], number >> 20)
    octets = [str(i) for i in range(256)]
    middle = pick([str(i) for i in range(16)], (number >> 16) & 15)
    return pc.binary_join_element_wise(high, middle, pick(octets, (number >> 8) & 255), pick(octets, number & 255), ".")


def _write_shared(sink: Sink, seed: int, goods: Catalogue, received: NDArray[np.int64]) -> None:
    """Tables that no block owns."""
    rng = generator(seed, "ecommerce", "shared")
    total = len(goods.price)
    within = np.tile(np.arange(SKUS_PER_CATEGORY), len(CATEGORIES))
    listed = np.where(rng.random(total) < 0.9, local("2024-12-01"), local("2026-02-15"))
    listed = np.where(goods.is_key, local("2024-12-01"), listed)
    gone = (within == SKUS_PER_CATEGORY - 1) & (goods.category_no % 2 == 0)
    names = [f"{CATEGORIES[c][1]} {w + 1:02d}号" for c, w in zip(goods.category_no, within, strict=True)]
    sink.write(
        "products",
        {
            "sku_id": goods.sku,
            "category_id": goods.category,
            "name": names,
            "listed_from": times(listed),
            "listed_to": times(np.full(total, local("2026-06-01")), ~gone),
            "is_key_sku": goods.is_key,
        },
        broken=[("ends_before_start", {"listed_to": np.datetime64("2023-01-01", "us").item()})],
    )
    _write_stock(sink, seed, goods, listed)
    _write_prices(sink, seed, goods)
    recall = [
        (name, title, kind, MONTH_STARTS[m] + 3 * DAY, MONTH_STARTS[m + 1] - DAY, name.lower(), category)
        for name, title, kind, m, category in RECALLS
    ]
    promo = [
        (name, title, "promotion", local(start), local(end), utm, category)
        for name, title, start, end, utm, category, _ in PROMOTIONS
    ]
    rows = promo + recall
    sink.write(
        "campaigns",
        {
            "campaign_id": [r[0] for r in rows],
            "name": [r[1] for r in rows],
            "kind": [r[2] for r in rows],
            "starts_at": times([r[3] for r in rows]),
            "ends_at": times([r[4] for r in rows]),
            "utm_campaign": [r[5] for r in rows],
            "category_id": [r[6] for r in rows],
        },
        broken=[("ends_before_start", {"ends_at": "2025-01-01 00:00:00"})],
    )
    _write_quality(sink, seed, received)
    day = {d: int(np.datetime64(d, "D").astype(int)) for d in ("2026-01-01", "2026-04-01", "2026-07-01")}
    sink.write(
        "key_categories",
        {
            "category_id": ["C01", "C05", "C01", "C05", "C08"],
            "valid_from": dates([day["2026-01-01"]] * 2 + [day["2026-04-01"]] * 3),
            "valid_to": dates([day["2026-04-01"]] * 2 + [day["2026-07-01"]] * 3),
        },
        duplicates=0,
    )
    sink.write(
        "margin_budgets",
        {
            "month": dates([int(np.datetime64(f"2026-{m:02d}-01", "D").astype(int)) for m in range(1, 7)]),
            "gross_margin_rate": MARGIN_BUDGET,
        },
        duplicates=0,
    )


def _write_stock(sink: Sink, seed: int, goods: Catalogue, listed: Ints) -> None:
    """Stock: key skus every six hours, others daily; short falls to nothing, and one long one."""
    rng = generator(seed, "ecommerce", "inventory")
    sku_parts, at_parts = [], []
    for i in range(len(goods.price)):
        step = 6 * HOUR if goods.is_key[i] else DAY
        at = np.arange(max(HISTORY_START, int(listed[i])), DATA_END, step) + rng.integers(0, 20 * MINUTE)
        sku_parts.append(np.full(len(at), i))
        at_parts.append(at)
    sku, at = np.concatenate(sku_parts), np.concatenate(at_parts)
    month = month_of(at)
    # A fall lasts one to three snapshots; it gets rarer over the quarter.
    rate = np.array([0.026, 0.025, 0.024, 0.017, 0.012, 0.007])[month]
    falls = rng.random(len(at)) < rate
    empty = falls | np.roll(falls, 1) & (rng.random(len(at)) < 0.6)
    long_one = during("ec_stockout", at) & np.isin(sku, STOCKOUT_SKUS)
    quantity = np.where(empty | long_one, 0, rng.integers(5, 600, len(at)))
    quantity = np.where(empty & (rng.random(len(at)) < 0.05), -2, quantity)
    # Missing snapshots: the state is unknown after 24 hours.
    kept = ~((sku == 61) & (at >= local("2026-05-18")) & (at < local("2026-05-22")))
    sink.plant("inventory_snapshots", "missing_interval", int((~kept).sum()))
    sink.write(
        "inventory_snapshots",
        {
            "sku_id": pick(goods.sku, sku[kept]),
            "snapshot_at": times(at[kept]),
            "available_qty": quantity[kept],
            "on_sale": (rng.random(len(at)) < 0.995)[kept],
        },
        time="snapshot_at",
        broken=[("missing_quantity", {"available_qty": None})],
        files=3,
    )
    sink.empty("inventory_snapshots")


def _write_prices(sink: Sink, seed: int, goods: Catalogue) -> None:
    """Price comparisons of key skus twice a day; two days without any."""
    rng = generator(seed, "ecommerce", "prices")
    keys = np.flatnonzero(goods.is_key)
    slots = np.arange(HISTORY_START, DATA_END - HOUR, 12 * HOUR)
    sku = np.repeat(keys, len(slots))
    at = np.tile(slots, len(keys)) + rng.integers(0, HOUR, len(sku))
    gap = (at >= local("2026-04-04")) & (at < local("2026-04-06T12:00"))
    sku, at = sku[~gap], at[~gap]
    month = month_of(at)
    better = rng.random(len(sku)) < np.array([0.70, 0.70, 0.71, 0.735, 0.765, 0.80])[month]
    own = goods.price[sku]
    other = np.where(better, own * rng.uniform(1.0, 1.12, len(sku)), own * rng.uniform(0.88, 0.995, len(sku)))
    sink.plant("price_comparisons", "missing_interval", int(gap.sum()))
    sink.write(
        "price_comparisons",
        {
            "sku_id": pick(goods.sku, sku),
            "compared_at": times(at),
            "own_price": own,
            "competitor_price": other.round(1),
        },
        time="compared_at",
        broken=[("missing_price", {"competitor_price": None})],
    )


def _write_quality(sink: Sink, seed: int, received: NDArray[np.int64]) -> None:
    """The back end's own counts and the refreshes of the dashboards."""
    rng = generator(seed, "ecommerce", "quality")
    days, names, platforms = received.shape
    first = int(local_day(np.array([HISTORY_START]))[0])
    day = np.repeat(np.arange(days), names * platforms)
    name = np.tile(np.repeat(np.arange(names), platforms), days)
    platform = np.tile(np.arange(platforms), days * names)
    start = (first + day) * DAY - UTC_OFFSET
    rate = COMPLETENESS[month_of(start)]
    lost_day = during("ec_tracking_loss", start) & (platform == 0) & (name == 0)
    rate = np.where(lost_day, 0.70, rate)
    got = received.reshape(-1)
    missing = rng.poisson(got * (1 - rate) / rate)
    sink.write(
        "server_event_counts",
        {
            "count_date": dates(first + day),
            "event_name": pick([NAMES[c] for c in CORE], name),
            "platform": pick(["web", "app"], platform),
            "expected_count": got + missing,
        },
        broken=[("unparseable_number", {"expected_count": "n/a", "event_name": "view_item "})],
        duplicates=0.001,
    )
    at_parts, who_parts, lag_parts = [], [], []
    boards = ["executive_overview", "operations_realtime", "member_cohorts"]
    promo = [(local(p[2]), local(p[3])) for p in PROMOTIONS]
    for i in range(len(boards)):
        at = np.arange(HISTORY_START + 8 * HOUR, DATA_END, 4 * HOUR)
        at_parts.append(at)
        who_parts.append(np.full(len(at), i))
    for begin, end in promo:
        at = np.arange(begin, end, 15 * MINUTE) + 3 * MINUTE
        at_parts.append(at)
        who_parts.append(np.full(len(at), 1))
    at, who = np.concatenate(at_parts), np.concatenate(who_parts)
    month = month_of(at)
    usual = np.array([1500, 1500, 1450, 420, 215, 170])[month]  # minutes
    lag = usual * rng.uniform(0.55, 1.05, len(at))
    busy = np.zeros(len(at), dtype=bool)
    for begin, end in promo:
        busy |= (at >= begin) & (at < end)
    campaign = np.array([180, 180, 120, 38, 19, 13])[month]
    lag = np.where(busy, campaign * rng.uniform(0.4, 1.1, len(at)), lag)
    lag_parts.append(lag)
    sink.write(
        "dashboard_refreshes",
        {
            "dashboard": pick(boards, who),
            "refreshed_at": times(at),
            "data_through_at": times(at - (lag * MINUTE).astype(np.int64)),
        },
        time="refreshed_at",
        broken=[("unparseable_time", {"data_through_at": "T+2"})],
    )
