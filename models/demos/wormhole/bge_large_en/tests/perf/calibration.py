# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A price in microseconds for every unit of work, fitted to published silicon figures, and how far off it is.

Non-negative least squares of relative errors, every group of figures weighing the same. A tile product costs at least
the matrix engine's 16 cycles times the fidelity. An estimate is a range: the fit is repeated without each published
encoder in turn and asked for that encoder's forward; the worst two answers are the range's ends. So its width is what
an encoder that nobody measured may be off by, and not a confidence interval: the encoders are four.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from models.demos.wormhole.bge_large_en.tests.perf.bound import FIDELITY_FACTOR
from models.demos.wormhole.bge_large_en.tests.perf.silicon_figures import ENCODERS, FIGURES, Figure
from models.demos.wormhole.bge_large_en.tests.perf.work import UNITS, Work

CYCLES_PER_PRODUCT = 16
FLOORS = {name.lower(): CYCLES_PER_PRODUCT * FIDELITY_FACTOR[name] for name in ("LoFi", "HiFi2", "HiFi4")}

Prices = dict[str, float]


@dataclass(frozen=True)
class Residual:
    """Measured over predicted time of a figure: in the fit to all, and in the one without its group (encoders only)."""

    figure: Figure
    fitted: float
    left_out: float | None


@dataclass(frozen=True)
class Calibration:
    """prices: microseconds per unit of UNITS. fastest, slowest: least and most of a left-out forward's residuals."""

    prices: Prices
    residuals: tuple[Residual, ...]
    fastest: float
    slowest: float

    def microseconds(self, work: Work) -> float:
        """The time for `work` that the prices give, the middle of the range."""
        return microseconds(self.prices, work)

    def range_us(self, work: Work) -> tuple[float, float]:
        """(least, most) microseconds for `work`."""
        middle = self.microseconds(work)
        return middle * self.fastest, middle * self.slowest


def microseconds(prices: Prices, work: Work) -> float:
    return sum(prices[unit] * amount for unit, amount in work.items())


def fit(figures: tuple[Figure, ...], fallback: Prices | None = None) -> Prices:
    """Prices by non-negative least squares. A unit in no figure gets its price of `fallback`, or its floor."""
    units = list(UNITS)
    sizes = {group: sum(figure.group == group for figure in figures) for group in {f.group for f in figures}}
    weights = np.array([sizes[figure.group] ** -0.5 for figure in figures])
    # Relative errors: a row per figure, in shares of its measured time.
    shares = np.array([[figure.work.get(unit, 0.0) / figure.us for unit in units] for figure in figures])
    floors = np.array([FLOORS.get(unit, 0.0) for unit in units])
    above, _ = nnls(shares * weights[:, None], (1 - shares @ floors) * weights)
    prices = dict(zip(units, (floors + above).tolist()))
    if fallback:
        prices |= {unit: fallback[unit] for unit, column in zip(units, shares.T) if not column.any()}
    return prices


def calibrate(figures: tuple[Figure, ...] = FIGURES) -> Calibration:
    """The fit to `figures`, with residuals. Whole forwards (name "forward…") of ENCODERS make the range."""
    prices = fit(figures)
    without = {
        group: fit(tuple(figure for figure in figures if figure.group != group), prices)
        for group in ENCODERS
        if any(figure.group == group for figure in figures)
    }
    residuals = tuple(
        Residual(
            figure,
            figure.us / microseconds(prices, figure.work),
            figure.us / microseconds(without[figure.group], figure.work) if figure.group in without else None,
        )
        for figure in figures
    )
    judged = [r.left_out for r in residuals if r.left_out is not None and r.figure.name.startswith("forward")]
    return Calibration(prices, residuals, min(judged), max(judged))


def describe(calibration: Calibration) -> str:
    """The fit as text: prices with their units, then every figure with its residuals."""
    lines = ["Prices fitted to published Wormhole figures (microseconds per unit):"]
    lines += [f"  {unit:13s} {price:9.2f}  {UNITS[unit]}" for unit, price in calibration.prices.items()]
    lines.append("Measured over predicted time (fitted to all | fitted without that encoder):")
    for residual in calibration.residuals:
        figure, left_out = residual.figure, "" if residual.left_out is None else f"{residual.left_out:6.3f}"
        name = f"{figure.group}: {figure.name}"
        lines.append(f"  {name:55s} {figure.us:9.1f} us {residual.fitted:6.3f} | {left_out:6s}  {figure.source}")
    low, high = calibration.fastest, calibration.slowest
    lines.append(f"Range: {low:.3f} to {high:.3f} times the fitted time, the left-out encoders' best and worst.")
    return "\n".join(lines)
