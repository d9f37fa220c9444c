# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A price in microseconds for every unit of work, fitted to published silicon figures, and how far off it is.

Least squares of relative errors, every group of figures weighing the same, each price within the bounds of its unit
(kernel_work.UNITS): a counted cycle takes one to three. A weak pull to the middle of the bounds decides where figures do not,
so that a unit in none of them gets the middle, and a fit without an encoder knows nothing that the encoder said. An
estimate is a range: the fit is repeated without each published encoder in turn and asked for that encoder's forward;
the worst two answers are the range's ends, but for configurations that were replaced. So its width is what an encoder that nobody measured may be off by, and not
a confidence interval: the encoders are four.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear

from models.demos.wormhole.bge_large_en.runner.kernel_work import COUNTED, UNITS, Work
from models.demos.wormhole.bge_large_en.tests.perf.silicon_figures import ENCODERS, FIGURES, Figure

PULL = 0.03  # weight of a price's distance from the middle, in middles, beside a group's relative error

Prices = dict[str, float]


@dataclass(frozen=True)
class Residual:
    """Measured over predicted time of a figure: in the fit to all, and in the one without its group (encoders only)."""

    figure: Figure
    fitted: float
    left_out: float | None

    @property
    def judged(self) -> bool:
        """Whether it is one of those that make the range."""
        return self.left_out is not None and self.figure.name.startswith("forward") and not self.figure.replaced


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


def middle(unit: str) -> float:
    """What a unit costs as far as nobody measured: the geometric middle of a counted one's bounds, else the mean."""
    low, high = UNITS[unit].low, UNITS[unit].high
    return (low * high) ** 0.5 if unit in COUNTED else (low + high) / 2


def fit(figures: tuple[Figure, ...]) -> Prices:
    """Prices by bounded least squares."""
    units = list(UNITS)
    sizes = {group: sum(figure.group == group for figure in figures) for group in {f.group for f in figures}}
    # Relative errors: a row per figure, in shares of its measured time, and one per unit for the pull.
    rows = [
        [sizes[figure.group] ** -0.5 * figure.work.get(unit, 0.0) / figure.us for unit in units] for figure in figures
    ]
    wanted = [sizes[figure.group] ** -0.5 for figure in figures]
    rows += np.diag([PULL / middle(unit) for unit in units]).tolist()
    wanted += [PULL] * len(units)
    bounds = [UNITS[unit].low for unit in units], [UNITS[unit].high for unit in units]
    found = lsq_linear(np.array(rows), np.array(wanted), bounds=bounds, tol=1e-12)
    return dict(zip(units, found.x.tolist()))


def calibrate(figures: tuple[Figure, ...] = FIGURES) -> Calibration:
    """The fit to `figures`, with residuals. Whole forwards (name "forward…") of ENCODERS make the range, replaced ones not."""
    prices = fit(figures)
    without = {
        group: fit(tuple(figure for figure in figures if figure.group != group))
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
    judged = [residual.left_out for residual in residuals if residual.judged]
    return Calibration(prices, residuals, min(judged), max(judged))


def describe(calibration: Calibration) -> str:
    """The fit as text: prices with their units, then every figure with its residuals."""
    lines = ["Prices fitted to published Wormhole figures (microseconds per unit):"]
    lines += [
        f"  {unit:13s} {price:9.2f} of {UNITS[unit].low:g} to {UNITS[unit].high:g}  {UNITS[unit].counts}"
        for unit, price in calibration.prices.items()
    ]
    lines.append("Measured over predicted time (fitted to all | fitted without that encoder):")
    for residual in calibration.residuals:
        figure, left_out = residual.figure, "" if residual.left_out is None else f"{residual.left_out:6.3f}"
        name = f"{figure.group}: {figure.name}"
        lines.append(f"  {name:55s} {figure.us:9.1f} us {residual.fitted:6.3f} | {left_out:6s}  {figure.source}")
    low, high = calibration.fastest, calibration.slowest
    lines.append(
        f"Range: {low:.3f} to {high:.3f} times the fitted time, the left-out encoders' best and worst but for replaced ones."
    )
    return "\n".join(lines)
