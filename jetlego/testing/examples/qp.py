"""Examples of the quadratic program as a layer."""

from jetlego.testing.streams import Example

EXAMPLES = {
    "optnet": Example({"brick": "optnet", "equalities": 2}, {"in_dim": 4}, parameters=8 + 4),
    "optnet/inequalities": Example(
        {"brick": "optnet", "inequalities": 3, "nonnegative": False, "learn_curvature": True, "stiffness": 1.0},
        {"in_dim": 3, "out_dim": 4},
        parameters=(3 * 4 + 4) + 3 * 4 + 3 + 4 + 16,
    ),
    "optnet/free": Example({"brick": "optnet", "nonnegative": False}, {"in_dim": 4}, parameters=4),
}
