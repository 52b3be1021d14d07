"""Makes the golden vectors of every encoding in every convention, with 50 digits, straight from the
papers' formulae; numbers are rounded to float64 once, at the end.

    /usr/bin/python3 tests/golden/make_encoding_golden.py

mpmath (Debian: python3-mpmath) is needed only to remake them. An encoding of the input sum has its
`rows`; any other what it makes of an attention (`context`), whose queries, keys, values and trained
numbers are `parameter`s: 20 rows, so that distances pass Shaw's 16.
"""

from __future__ import annotations

from typing import Any, Callable

import mpmath
from mpmath import mpf

from files import parameter, write

mpmath.mp.dps = 50
TEN_THOUSAND = mpf(10000)
ROWS, HIDDEN, HEADS = 20, 16, 2
SIZE = HIDDEN // HEADS
REACH = 16  # Shaw's
EPSILON = mpf("1e-12")
Matrix = list[list[mpf]]


def numbers(name: str, rows: int, columns: int) -> Matrix:
    return [[mpf(parameter(name, r * columns + c)) for c in range(columns)] for r in range(rows)]


def rounded(value: Any) -> Any:
    return [rounded(part) for part in value] if isinstance(value, list) else float(value)


def sinusoid(convention: str, hidden: int, t: int, column: int) -> mpf:
    """Vaswani 2017, §3.5; tensor2tensor's get_timing_signal_1d."""
    half = hidden // 2
    if convention == "interleaved":
        i, is_sine = column // 2, column % 2 == 0
        angle = t / TEN_THOUSAND ** (mpf(2 * i) / hidden)
    else:
        i, is_sine = column % half, column < half
        angle = t / TEN_THOUSAND ** (mpf(i) / (half - 1))
    return mpmath.sin(angle) if is_sine else mpmath.cos(angle)


def sinusoid_file(name: str, convention: str) -> None:
    cells = []
    for hidden, positions, columns in (
        (HIDDEN, [0, 1, 2, 3, 10, 100, 511, 4095], list(range(HIDDEN))),
        (768, [1, 511], [0, 1, 2, 3, 382, 383, 384, 385, 766, 767]),
    ):
        rows = [[sinusoid(convention, hidden, t, c) for c in columns] for t in positions]
        cells.append(
            {"hidden": hidden, "positions": positions, "columns": columns, "rows": rounded(rows)}
        )
    write_encoding(name, convention, {"cells": cells})


def learned_file(convention: str) -> None:
    first, trained, rows = (2 if convention == "roberta" else 0), 3, 7
    table = numbers("position", first + rows, HIDDEN)[first:]
    tiled = [table[row % trained] for row in range(rows)]
    clamped = [table[min(row, trained - 1)] for row in range(rows)]
    spread = []
    for row in range(rows):
        place = mpf(row) * (trained - 1) / (rows - 1)
        below = min(int(mpmath.floor(place)), trained - 1)
        above, share = min(below + 1, trained - 1), place - below
        spread.append([(1 - share) * a + share * b for a, b in zip(table[below], table[above])])
    filled = {"random": table, "tile": tiled, "clamp": clamped, "interpolate": spread}
    content = {"hidden": HIDDEN, "trained": trained, "rows": rows}
    fills = {fill: rounded(values) for fill, values in filled.items()}
    write_encoding("learned", convention, content | {"fills": fills})


def alibi_slopes(heads: int) -> list[mpf]:
    """Press 2022, §3; for a number that is no power of two, as in the authors' get_slopes."""

    def of_power(count: int) -> list[mpf]:
        return [mpf(2) ** (-mpf(8) * (head + 1) / count) for head in range(count)]

    below = 1 << (heads.bit_length() - 1)
    return of_power(below) + of_power(2 * below)[::2][: heads - below]


def t5_bucket(distance: int, causal: bool) -> int:
    """Raffel 2020, of key − query, with 32 buckets up to a distance of 128."""
    side = 32 if causal else 16
    steps = max(-distance, 0) if causal else abs(distance)
    first = 16 if not causal and distance > 0 else 0
    if steps < side // 2:
        return first + steps
    share = mpmath.log(mpf(steps) / (side // 2)) / mpmath.log(mpf(128) / (side // 2))
    # Where the share is a whole number, 50 digits may fall short of it.
    grown = int(mpmath.floor(share * (side - side // 2) + mpf("1e-40")))
    return first + min(side // 2 + grown, side - 1)


def dot(a: list[mpf], b: list[mpf]) -> mpf:
    return mpmath.fdot(a, b)


def clipped(distance: int) -> int:
    return max(-REACH, min(REACH, distance)) + REACH


class Attention:
    """Vaswani 2017, equation 1, with what an encoding changes in it; q, k and v by head and row."""

    def __init__(self, convention: str, causal: bool) -> None:
        self.convention, self.causal = convention, causal
        rows = numbers("qkv", ROWS, 3 * HIDDEN)
        parts = [[row[p * HIDDEN : (p + 1) * HIDDEN] for row in rows] for p in range(3)]
        self.q, self.k, self.v = (
            [[row[h * SIZE : (h + 1) * SIZE] for row in part] for h in range(HEADS)]
            for part in parts
        )
        self.root = mpmath.sqrt(SIZE)

    def score(self, h: int, i: int, j: int) -> mpf:
        return dot(self.q[h][i], self.k[h][j]) / self.root

    def value(self, h: int, i: int, j: int) -> list[mpf]:
        return self.v[h][j]

    def context(self) -> Matrix:
        result = []
        for i in range(ROWS):
            row: list[mpf] = []
            for h in range(HEADS):
                seen = range(i + 1 if self.causal else ROWS)
                weights = [mpmath.exp(self.score(h, i, j)) for j in seen]
                values = [self.value(h, i, j) for j in seen]
                total = mpmath.fsum(weights)
                columns = ([value[c] for value in values] for c in range(SIZE))
                row += [mpmath.fdot(weights, column) / total for column in columns]
            result.append(row)
        return result


class Rope(Attention):
    """Su 2021, equation 34."""

    def __init__(self, convention: str, causal: bool) -> None:
        super().__init__(convention, causal)
        self.rotated = SIZE // 4 if convention == "halves_quarter" else SIZE
        for part in (self.q, self.k):
            for head in part:
                for t, row in enumerate(head):
                    self.turn(row, t)

    def turn(self, row: list[mpf], t: int) -> None:
        planes = self.rotated // 2
        for i in range(planes):
            at, beside = (2 * i, 2 * i + 1) if self.convention == "pairs" else (i, planes + i)
            angle = t * TEN_THOUSAND ** (-mpf(2 * i) / self.rotated)
            a, b = row[at], row[beside]
            row[at] = a * mpmath.cos(angle) - b * mpmath.sin(angle)
            row[beside] = a * mpmath.sin(angle) + b * mpmath.cos(angle)


class Alibi(Attention):
    def score(self, h: int, i: int, j: int) -> mpf:
        return super().score(h, i, j) - alibi_slopes(HEADS)[h] * abs(i - j)


class T5Bias(Attention):
    def score(self, h: int, i: int, j: int) -> mpf:
        bucket = t5_bucket(j - i, self.causal)
        return super().score(h, i, j) + mpf(parameter("position", bucket * HEADS + h))


class Shaw(Attention):
    """Shaw 2018, equations 3 to 5."""

    def __init__(self, convention: str, causal: bool) -> None:
        super().__init__(convention, causal)
        self.vectors = numbers("layer0.position", 2 * (2 * REACH + 1), HIDDEN)

    def vector(self, table: int, h: int, distance: int) -> list[mpf]:
        row = self.vectors[table * (2 * REACH + 1) + clipped(distance)]
        return row[h * SIZE : (h + 1) * SIZE]

    def score(self, h: int, i: int, j: int) -> mpf:
        return super().score(h, i, j) + dot(self.q[h][i], self.vector(0, h, j - i)) / self.root

    def value(self, h: int, i: int, j: int) -> list[mpf]:
        if self.convention == "keys":
            return self.v[h][j]
        return [a + b for a, b in zip(self.v[h][j], self.vector(1, h, j - i))]


class TransformerXl(Attention):
    """Dai 2019, §3.3."""

    def __init__(self, convention: str, causal: bool) -> None:
        super().__init__(convention, causal)
        trained = numbers("layer0.position", HIDDEN + 2, HIDDEN)
        self.u, self.v_shift = trained[HIDDEN], trained[HIDDEN + 1]
        half = HIDDEN // 2
        self.keys = {}
        for distance in range(1 - ROWS, ROWS):  # of query − key
            angles = [distance * TEN_THOUSAND ** (-mpf(2 * i) / HIDDEN) for i in range(half)]
            r = [mpmath.sin(a) for a in angles] + [mpmath.cos(a) for a in angles]
            columns = ([trained[row][c] for row in range(HIDDEN)] for c in range(HIDDEN))
            self.keys[distance] = [dot(r, column) for column in columns]

    def score(self, h: int, i: int, j: int) -> mpf:
        of_head = slice(h * SIZE, (h + 1) * SIZE)
        by_u = [a + b for a, b in zip(self.q[h][i], self.u[of_head])]
        by_v = [a + b for a, b in zip(self.q[h][i], self.v_shift[of_head])]
        return (dot(by_u, self.k[h][j]) + dot(by_v, self.keys[i - j][of_head])) / self.root


class Tupe(Attention):
    """Ke 2021, equations 7 to 10; U_Q and U_K stand by heads, (H, d, size)."""

    def __init__(self, convention: str, causal: bool) -> None:
        super().__init__(convention, causal)
        count = (ROWS + 2 + 2 * HIDDEN) * HIDDEN + 2 * HEADS
        trained = [mpf(parameter("position", i)) for i in range(count)]

        def take(n: int) -> list[mpf]:
            taken, trained[:] = trained[:n], trained[n:]
            return taken

        rows, gamma, beta = take(ROWS * HIDDEN), take(HIDDEN), take(HIDDEN)
        to_queries, to_keys = take(HIDDEN * HIDDEN), take(HIDDEN * HIDDEN)
        self.from_first, self.to_first = take(HEADS), take(HEADS)
        normed = []
        for t in range(ROWS):
            row = rows[t * HIDDEN : (t + 1) * HIDDEN]
            mean = mpmath.fsum(row) / HIDDEN
            variance = mpmath.fsum((x - mean) ** 2 for x in row) / HIDDEN
            deviation = mpmath.sqrt(variance + EPSILON)
            normed.append([(x - mean) / deviation * g + b for x, g, b in zip(row, gamma, beta)])

        def projected(matrix: list[mpf]) -> list[Matrix]:
            """By head and row."""
            result = []
            for h in range(HEADS):
                at = matrix[h * HIDDEN * SIZE : (h + 1) * HIDDEN * SIZE]
                result.append([[dot(row, at[c::SIZE]) for c in range(SIZE)] for row in normed])
            return result

        self.place_q, self.place_k = projected(to_queries), projected(to_keys)

    def score(self, h: int, i: int, j: int) -> mpf:
        content = super().score(h, i, j) / mpmath.sqrt(2)
        if i == 0:
            return content + self.from_first[h]
        if j == 0:
            return content + self.to_first[h]
        return content + dot(self.place_q[h][i], self.place_k[h][j]) / mpmath.sqrt(2 * SIZE)


def write_encoding(
    name: str, convention: str, content: dict[str, Any], causal: bool = False
) -> None:
    words = [name, convention, "causal" if causal else ""]
    header = {
        "made_by": f"tests/golden/make_encoding_golden.py with mpmath {mpmath.__version__}",
        "encoding": name,
        "convention": convention,
        "causal": causal,
    }
    write("encodings/" + "-".join(word for word in words if word), header | content)


ATTENTIONS: dict[str, tuple[Callable[[str, bool], Attention], list[str]]] = {
    "none": (Attention, [""]),
    "rope": (Rope, ["pairs", "halves", "halves_quarter"]),
    "alibi": (Alibi, [""]),
    "t5_bias": (T5Bias, [""]),
    "shaw": (Shaw, ["keys_values", "keys"]),
    "transformer_xl": (TransformerXl, [""]),
    "tupe": (Tupe, [""]),
}


def main() -> None:
    for convention in ("interleaved", "tensor2tensor"):
        sinusoid_file("sinusoid", convention)
        sinusoid_file("sinusoid_trainable", convention)
    for convention in ("bert", "roberta"):
        learned_file(convention)
    for name, (attention, conventions) in ATTENTIONS.items():
        for convention in conventions:
            for causal in (False, True):
                content: dict[str, Any] = {"rows": ROWS, "hidden": HIDDEN, "heads": HEADS}
                if name == "alibi":
                    slopes = {str(heads): rounded(alibi_slopes(heads)) for heads in (1, 8, 12, 20)}
                    content["slopes"] = slopes
                if name == "t5_bias":
                    content["first_distance"] = -140
                    content["buckets"] = [t5_bucket(d, causal) for d in range(-140, 141)]
                content["context"] = rounded(attention(convention, causal).context())
                write_encoding(name, convention, content, causal)


if __name__ == "__main__":
    main()
