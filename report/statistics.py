"""The statistics behind every verdict: one estimate, one interval, one margin.

Everything random draws from `stream(label)`, so the same records always give the same report.
"""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass
from typing import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

Floats = NDArray[np.float64]

LEVEL = 0.95  # of intervals in tables and charts; a verdict has the level of its rule
REPLICATES = 2000  # the standard error of a standard error is then 1.6 %
BLOCK_REPLICATES = 500  # 3 %: thousands of cells, each with few processes, do not need more
POWER = 0.80  # of what a verdict that stays open could have shown
MOST_FLIPPED = 13  # pairs whose patterns of signs are all tried: 8,192
MOST_GROUPS = 1000  # more test documents than this are bundled, see `bundle`


def stream(label: str) -> np.random.Generator:
    """A random stream that depends on nothing but its label."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "big"))


@dataclass(frozen=True)
class Estimate:
    """An effect with its standard error and degrees of freedom; `n` groups (seeds, processes)."""

    effect: float
    se: float  # nan with one group: then there is no interval
    df: float
    n: int

    def interval(self, level: float) -> tuple[float, float]:
        """Student's interval; (nan, nan) where the error is not known."""
        if not self.known:
            return math.nan, math.nan
        reach = float(stats.t.ppf(0.5 + level / 2, self.df)) * self.se
        return self.effect - reach, self.effect + reach

    @property
    def known(self) -> bool:
        return math.isfinite(self.se) and self.df > 0

    @property
    def sd(self) -> float:
        """The standard deviation of one group's effect that this error implies."""
        return self.se * math.sqrt(self.n)

    def p_above(self, bound: float) -> float:
        """One-sided p of 'the effect is at most `bound`': small means it lies above."""
        if not self.known:
            return math.nan
        if self.se == 0:
            return 0.0 if self.effect > bound else 1.0
        return float(stats.t.sf((self.effect - bound) / self.se, self.df))

    def p_below(self, bound: float) -> float:
        """One-sided p of 'the effect is at least `bound`': small means it lies below."""
        return Estimate(-self.effect, self.se, self.df, self.n).p_above(-bound)

    def p_different(self, margin: float) -> float:
        """p of 'the effect is not beyond either margin' (a minimum-effect test).

        Where the truth lies on a margin, an estimate as far out on the other side is as extreme, so
        both tails count: with a margin of 0 this is the two-sided t test.
        """
        far = Estimate(abs(self.effect), self.se, self.df, self.n)
        return min(1.0, far.p_above(margin) + far.p_above(-margin))

    def detectable(self, power: float, alpha: float) -> float:
        """How far beyond a bound the truth must lie for a one-sided test at `alpha` to show it with
        this power, from the noncentral t; nan where the error is not known."""
        return self.se * noncentrality(self.df, power, alpha) if self.known else math.nan


def noncentrality(df: float, power: float, alpha: float) -> float:
    """Distance from a bound, in standard errors, that a one-sided t test shows with this power."""
    return float(special.nctdtrinc(df, 1 - power, stats.t.ppf(1 - alpha, df)))


def two_level(center: Floats, inner: Floats, rng: np.random.Generator) -> Estimate:
    """Mean over groups with the error of a two-level bootstrap (groups, then their members).

    center (G,): each group's own effect. inner (G, R): the same under R redraws of its members
    (test documents of a seed, blocks of a process); one column is one redraw, so members that
    groups share move together.
    The spread between groups already holds the members' noise. Resampling both levels as they
    stand would count it twice, so deviations between groups are first shrunk to the part that
    members do not explain (the reflated bootstrap of Carpenter, Goldstein & Rasbash, Applied
    Statistics 52, 2003) and scaled by sqrt(G / (G - 1)), without which few groups look too sure.
    """
    groups, replicates = inner.shape
    effect = float(np.mean(center))
    if groups < 2:
        return Estimate(effect, math.nan, 0, groups)
    between = float(np.var(center, ddof=1))
    within = float(np.mean(np.var(inner, axis=1)))
    share = max(0.0, 1 - within / between) if between > 0 else 0.0
    deviation = (center - effect) * math.sqrt(share * groups / (groups - 1))
    drawn = deviation[rng.integers(0, groups, size=(replicates, groups))].mean(axis=1)
    noise = (inner - center[:, None]).mean(axis=0)
    return Estimate(effect, float(np.std(drawn + noise)), groups - 1, groups)


def bundle(values: Floats) -> Floats:
    """(S, D) per-document sums -> (S, at most MOST_GROUPS): documents bundled round robin.

    Sums of independent documents are as good to resample as the documents, and far fewer.
    """
    documents = values.shape[1]
    if documents <= MOST_GROUPS:
        return values
    label = np.arange(documents) % MOST_GROUPS
    return np.stack([np.bincount(label, weights=row, minlength=MOST_GROUPS) for row in values])


@dataclass(frozen=True)
class Quotients:
    """A score as sum over count. Both (S, D), by seed and test document; 0 where a seed's split does
    not hold the document."""

    weight: float  # in a contrast: 1, −1, …
    sums: Floats
    counts: Floats


def contrast(terms: Sequence[Quotients], label: str) -> Estimate:
    """Mean over seeds of a weighted sum of quotients, resampling seeds and test documents.

    Terms share their seeds and documents, so a redraw of documents moves all of them together.
    """
    rng = stream(label)
    center = np.zeros(len(terms[0].sums))
    for term in terms:
        center += term.weight * term.sums.sum(axis=1) / term.counts.sum(axis=1)
    documents = bundle(terms[0].sums).shape[1]
    weight = rng.multinomial(documents, np.full(documents, 1 / documents), size=REPLICATES)
    inner = np.zeros((len(center), REPLICATES))
    empty = np.zeros_like(inner, dtype=bool)  # a redraw that holds nothing of a seed
    for term in terms:
        total = bundle(term.counts) @ weight.T
        empty |= total <= 0
        inner += term.weight * (bundle(term.sums) @ weight.T) / np.where(total > 0, total, 1.0)
    return two_level(center, np.where(empty, center[:, None], inner), rng)


def mean_over_seeds(values: Floats) -> Estimate:
    """Mean with the error that the spread over seeds gives, where there are no documents to redraw."""
    n = len(values)
    if n < 2:
        return Estimate(float(np.mean(values)) if n else math.nan, math.nan, 0, n)
    return Estimate(
        float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(n), float(n - 1), n
    )


def deviation(values: Floats) -> float:
    """Standard deviation of a sample; nan below two values."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def median_of_blocks(processes: Sequence[Floats], label: str) -> Estimate:
    """Mean over processes of the median over blocks, resampling processes and blocks."""
    rng = stream(label)
    center = np.array([np.median(blocks) for blocks in processes])
    inner = np.empty((len(processes), BLOCK_REPLICATES))
    for row, blocks in zip(inner, processes):
        n = len(blocks)
        drawn = np.sort(blocks[rng.integers(0, n, (BLOCK_REPLICATES, n))], axis=1)
        row[:] = (drawn[:, (n - 1) // 2] + drawn[:, n // 2]) / 2
    return two_level(center, inner, rng)


def ratio_of_sums(processes: Sequence[tuple[Floats, Floats]], label: str) -> Estimate:
    """Mean over processes of the log of a sum over blocks over another, resampling both levels.

    For blocks that are parts of one whole, so that no single block speaks for it.
    """
    rng = stream(label)
    center = np.array([math.log(above.sum() / below.sum()) for above, below in processes])
    inner = np.empty((len(processes), BLOCK_REPLICATES))
    for row, (above, below) in zip(inner, processes):
        drawn = rng.integers(0, len(above), (BLOCK_REPLICATES, len(above)))
        row[:] = np.log(above[drawn].sum(axis=1) / below[drawn].sum(axis=1))
    return two_level(center, inner, rng)


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """Mean of independent estimates (cells), degrees of freedom by Welch and Satterthwaite."""
    effect = float(np.mean([e.effect for e in estimates]))
    n = min(e.n for e in estimates)
    if not all(e.known for e in estimates):
        return Estimate(effect, math.nan, 0, n)
    variances = np.array([e.se**2 for e in estimates]) / len(estimates) ** 2
    total = float(variances.sum())
    if total == 0:
        return Estimate(effect, 0.0, float(n - 1), n)
    df = total**2 / float(np.sum(variances**2 / np.array([e.df for e in estimates])))
    return Estimate(effect, math.sqrt(total), df, n)


def difference_of(one: Estimate, other: Estimate) -> Estimate:
    """one − other for independent estimates, degrees of freedom by Welch and Satterthwaite."""
    half = mean_of([one, Estimate(-other.effect, other.se, other.df, other.n)])
    return Estimate(2 * half.effect, 2 * half.se, half.df, half.n)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979); the order of the input is kept."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted


def exact_interval(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval for k of n."""
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else float(stats.beta.ppf(tail, k, n - k + 1))
    high = 1.0 if k == n else float(stats.beta.ppf(1 - tail, k + 1, n - k))
    return low, high


@functools.lru_cache
def deviations(n: int) -> Floats:
    """(4000,) equally likely values of a sample deviation of n, in units of the true one."""
    likely = (np.arange(4000) + 0.5) / 4000
    return np.asarray(np.sqrt(stats.chi2.ppf(likely, n - 1) / (n - 1)))


def tost_power(n: int, margin: float, alpha: float = 0.05) -> float:
    """Power of a paired TOST with n pairs, margin in standard deviations of the difference.

    True difference 0. Given the sample deviation u, 'equal' means |mean| < margin - t u / sqrt(n);
    the probability of that is averaged over u.
    """
    t = float(stats.t.ppf(1 - alpha, n - 1))
    reach = np.maximum(0.0, margin * math.sqrt(n) - t * deviations(n))
    return float(np.mean(2 * special.ndtr(reach) - 1))


@functools.lru_cache
def tost_margin(n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest margin, in standard deviations of the difference, that n pairs can confirm."""
    if n < 2:
        return math.inf
    return float(optimize.brentq(lambda m: tost_power(n, m, alpha) - power, 1e-3, 200))


def sign_flips(difference: Floats, margin: float, level: float) -> tuple[int, int, int]:
    """How often chance alone gives a verdict: (false 'different', false 'equal', flips).

    difference (S,): paired differences. Flipping signs makes the true effect zero; flipping around the
    mean and shifting to exactly +margin makes it lie on the margin, where 'equal' must come out in at
    most alpha of the cases. Every pattern of signs is tried where there are few, else 10,000.
    """
    n = len(difference)
    if n <= MOST_FLIPPED:
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
    else:
        bits = stream(f"flips {n}").integers(0, 2, size=(10_000, n))
    sign = 2.0 * bits - 1.0
    t95, t = stats.t.ppf(0.975, n - 1), stats.t.ppf(0.5 + level / 2, n - 1)

    def mean_and_error(sample: Floats) -> tuple[Floats, Floats]:
        return sample.mean(axis=1), sample.std(axis=1, ddof=1) / math.sqrt(n)

    mean, error = mean_and_error(sign * difference)
    different = int(np.sum(np.abs(mean) > t95 * error))
    mean, error = mean_and_error(sign * (difference - difference.mean()) + margin)
    equal = int(np.sum((mean - t * error > -margin) & (mean + t * error < margin)))
    return different, equal, len(sign)


def interquartile_mean(values: Floats) -> float:
    """The mean without the lowest and the highest quarter (Agarwal 2021): outliers have no say."""
    return float(stats.trim_mean(values, 0.25, axis=None))


def improvement_probability(one: Sequence[Floats], other: Sequence[Floats]) -> float:
    """The mean over tasks of how likely `one` beats `other` with the same seed, ties half.

    Agarwal (2021) compares every run with every other; ours are paired, and a seed's split, hard or
    easy for both, would only blur that.
    """
    return float(np.mean([np.mean((x > y) + 0.5 * (x == y)) for x, y in zip(one, other)]))


def stratified_interval(
    tasks: Sequence[Floats],
    statistic: Callable[[list[Floats]], float],
    level: float,
    label: str,
) -> tuple[float, float]:
    """Percentile interval under redraws of the runs of each task by themselves (Agarwal 2021).

    tasks: per task (runs, …); what belongs to one run, such as the scores of a pair, moves together.
    """
    rng = stream(label)
    drawn = [
        statistic([task[rng.integers(0, len(task), len(task))] for task in tasks])
        for _ in range(REPLICATES)
    ]
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
