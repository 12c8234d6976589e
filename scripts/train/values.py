#!/usr/bin/env python3
"""Fits the model of values to what `claimlens eval DIR --readings READINGS --teach-values FILE.csv` wrote, and writes its
weights as Rust.

    python3 -m venv target/train && target/train/bin/pip install numpy==2.4.6
    target/train/bin/python scripts/train/values.py FILE.csv ... src/forensics/values/weights.rs

A logistic model with a ridge, by Newton's method: how much a value's traits say that it was put in later. No weight of a
trait is below zero: no value is safer for being odder. A value of which half or more was altered counts as altered, one
of which a part was is left out. Where several values of one role were altered in a photo, each counts less. One photo in
five is kept apart to see how the fit goes; the weights written are fitted to all.
"""

import argparse

import numpy as np

RIDGE = 3e-4
# Altered values are few: one counts as much as so many others, and n of one role in one photo as much as √n.
RICH = 30.0
ROLES = 5


def load(paths):
    tables, before = [], 0
    for path in paths:
        table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
        table[:, 0] += before
        before = table[:, 0].max() + 1
        tables.append(table)
    table = np.concatenate(tables)
    altered = table[:, 1]
    clear = (altered == 0) | (altered >= 0.5)
    return table[clear, 0], altered[clear] >= 0.5, table[clear, 2:]


def fit(photo, y, x):
    """Bias and weights; the ridge is on the mean loss, and spares the bias. Weights of roles alone may be below zero."""
    share = np.ones(len(y))
    places = photo[y] * ROLES + x[y, -ROLES:].argmax(1)
    _, place, count = np.unique(places, return_inverse=True, return_counts=True)
    share[y] = RICH / np.sqrt(count[place])
    x = np.hstack([np.ones((len(x), 1)), x])
    ridge = np.full(x.shape[1], 2 * RIDGE * share.sum())
    ridge[0] = 1e-9
    weights = np.zeros(x.shape[1])
    bounded = np.zeros(x.shape[1], bool)
    bounded[1:-ROLES] = True
    for _ in range(200):
        odds = 1 / (1 + np.exp(-np.clip(x @ weights, -40, 40)))
        slope = x.T @ (share * (odds - y)) + ridge * weights
        curve = (x * (share * odds * (1 - odds))[:, None]).T @ x + np.diag(ridge)
        # Those at zero that would fall below it stay.
        free = np.flatnonzero(~(bounded & (weights <= 0) & (slope > 0)))
        before = weights.copy()
        weights[free] -= np.linalg.solve(curve[np.ix_(free, free)], slope[free])
        weights[bounded] = weights[bounded].clip(0)
        if np.abs(weights - before).max() < 1e-8:
            return weights
    raise SystemExit("the fit does not settle")


def area_under_curve(scores, truth):
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    positive = truth.sum()
    return (ranks[truth].sum() - positive * (positive + 1) / 2) / max(positive * (len(scores) - positive), 1)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("tables", nargs="+", help="what eval wrote")
    arguments.add_argument("out", help="the Rust file")
    arguments = arguments.parse_args()
    photo, y, x = load(arguments.tables)
    print(f"{len(y)} values of {len(set(photo))} photos, {y.sum()} altered")
    apart = photo % 5 == 0
    weights = fit(photo[~apart], y[~apart], x[~apart])
    print(f"area under the curve on one photo in five: {area_under_curve(x[apart] @ weights[1:], y[apart]):.3f}")
    weights = fit(photo, y, x)
    rows = "".join(f"    {weight:.4f},\n" for weight in weights[1:])
    with open(arguments.out, "w", encoding="utf-8") as out:
        out.write(
            "//! Weights of the logistic model of values, as `scripts/train/values.py` writes them.\n\n"
            "use super::FEATURES;\n\n"
            "/// The score of a value that is as its company, before its role, nat.\n"
            f"pub const BIAS: f64 = {weights[0]:.4f};\n"
            "/// Nat for each unit of the features of a value, in their order.\n"
            f"#[rustfmt::skip]\npub const WEIGHTS: [f64; FEATURES] = [\n{rows}];\n"
        )


if __name__ == "__main__":
    main()
