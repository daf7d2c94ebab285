"""The test kit of a brick: what every word of the vocabulary must pass, for us and for authors of plug-ins.

    from jetlego.testing.kit import CHECKS, Example, run_check

    EXAMPLES = {"my_brick": Example(spec={"brick": "my_brick", "hidden": 8}, given={"in_dim": 3, "out_dim": 2})}

    @pytest.mark.parametrize("check", CHECKS)
    @pytest.mark.parametrize("name", EXAMPLES)
    def test_brick(name, check):
        run_check(check, name, EXAMPLES[name])

A check that does not apply to the brick's kinds passes by itself; leaving out one that applies needs a reason in
``Example.skip``. Streams are named as ``takes`` names them, which are the arguments of ``forward``; the mask of the
first set stream is ``mask``, of another one ``<stream>_mask``.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from jetlego.bricks.build import build, spec_of
from jetlego.bricks.initial import initialise
from jetlego.bricks.plan import plain
from jetlego.testing.guards import elsewhere, no_sync, sent_elsewhere
from jetlego.testing.streams import (
    COUNTS,
    Example,
    Inputs,
    call,
    entry_of,
    items_of,
    lengthened,
    outputs,
    packed_call,
    permuted,
    reordered,
    set_streams,
    shortened,
    taken,
)  # fmt: skip

__all__ = ["CHECKS", "Example", "make", "run_check"]


def make(example: Example, *, seed: int = 1, training: bool = False) -> nn.Module:
    """Build an example in float64, dropout off, in evaluation mode unless told otherwise."""
    module = build(example.spec, seed=seed, **example.given).double().train(training)
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return module


def run_check(check: str, name: str, example: Example) -> None:
    """Run one check of :data:`CHECKS` on an example; AssertionError if it fails."""
    if check in example.skip:
        return
    entry = entry_of(name)
    CHECKS[check](entry, example)


def check_spec_round_trip(entry: Any, example: Example) -> None:
    """The spec read back is the spec written, and survives JSON."""
    module = build(example.spec, seed=1, **example.given)
    assert spec_of(module) == plain(example.spec)
    again = build(json.loads(json.dumps(spec_of(module))), seed=1, **example.given)
    assert [p.shape for p in again.parameters()] == [p.shape for p in module.parameters()]


def check_rebuild(entry: Any, example: Example) -> None:
    """Two builds are bit-equal, the global random state is untouched, and no parameter is left as it was allocated."""
    before = torch.get_rng_state()
    first, second = (build(example.spec, seed=5, **example.given) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state()), "building drew from the global generator"
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b), f"{name} differs between two builds"
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.fill_(torch.nan)
    initialise(second, 5)
    for (name, a), b in zip(first.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b), f"{name} is not started by any reset"


def check_parameters(entry: Any, example: Example) -> None:
    """The number of parameters is the stated one, also where only shapes are made."""
    if example.parameters is None:
        return
    with torch.device("meta"):
        count = sum(p.numel() for p in build(example.spec, **example.given).parameters())
    assert count == example.parameters, f"{count} parameters, stated {example.parameters}"


def check_copies(entry: Any, example: Example) -> None:
    """A deep copy and a loaded state give the same output."""
    module, inputs = make(example), taken(entry, example)
    expected = call(module, inputs)
    other = make(example, seed=2)
    other.load_state_dict(module.state_dict())
    for twin in (copy.deepcopy(module), other):
        _assert_equal(call(twin, inputs), expected, 0)


def check_finite(entry: Any, example: Example) -> None:
    """Sets of zero and one item, in training and evaluation: finite outputs, finite gradients."""
    for training in (False, True):
        module, inputs = make(example, training=training), taken(entry, example, grad=True)
        results = call(module, inputs)
        assert all(torch.isfinite(r).all() for r in results)
        _backward(results)
        for name, x in inputs.items():
            if isinstance(x, Tensor) and x.grad is not None:
                assert torch.isfinite(x.grad).all(), f"gradient of {name}"
        for name, p in module.named_parameters():
            assert p.grad is None or torch.isfinite(p.grad).all(), f"gradient of {name}"


def check_nothing(entry: Any, example: Example) -> None:
    """A batch of sets without a single slot goes through, in training and evaluation."""
    if not set_streams(entry) or example.inputs is not None:
        return
    for training in (False, True):
        inputs = {k: shortened(v, max(COUNTS)) for k, v in taken(entry, example).items()}
        assert all(torch.isfinite(r).all() for r in call(make(example, training=training), inputs))
        if entry.views == {"padded", "packed"}:
            packed_call(make(example, training=training), entry, inputs)


def check_padding(entry: Any, example: Example) -> None:
    """More padding, filled with NaN, changes neither values nor gradients; padded outputs are zero."""
    if not set_streams(entry):
        return
    for training in (False, True):
        module, inputs = make(example, training=training), taken(entry, example)
        spoiled = lengthened(entry, inputs, extra=2)
        expected, gradients = _values_and_gradients(module, inputs)
        module.load_state_dict(make(example, training=training).state_dict())
        found, spoiled_gradients = _values_and_gradients(module, spoiled)
        for stud, a, b in zip(outputs(entry), expected, found, strict=True):
            _assert_equal([items_of(stud, a, inputs, entry)], [items_of(stud, b, inputs, entry)], 1e-12)
            if stud.kinds[0] in ("set", "sequence", "same") and b.dim() > 2:
                assert (b[~spoiled["mask"]] == 0).all(), "the padding of the output is not zero"
        _assert_equal(gradients, spoiled_gradients, 1e-10)


def check_packed(entry: Any, example: Example) -> None:
    """The packed view gives what the padded view gives."""
    if not set_streams(entry) or entry.views != {"padded", "packed"}:
        return
    for training in (False, True):
        inputs = taken(entry, example)
        expected = call(make(example, training=training), inputs)
        found = packed_call(make(example, training=training), entry, inputs)
        for stud, a, b in zip(outputs(entry), expected, found, strict=True):
            items = stud.kinds[0] in ("set", "sequence", "same", "any") and a.shape[:2] == inputs["mask"].shape
            _assert_equal([a[inputs["mask"]] if items else a], [b], 1e-12)


def check_batch_independence(entry: Any, example: Example) -> None:
    """An item alone gives what it gives in a batch."""
    if example.inputs is not None or not set_streams(entry):
        return
    module, inputs = make(example), taken(entry, example)
    together = call(module, inputs)
    for b in range(4):
        alone = {k: v[b : b + 1] if isinstance(v, Tensor) else v for k, v in inputs.items()}
        _assert_equal([t[b : b + 1] for t in together], call(module, alone), 1e-10)


def check_permutation(entry: Any, example: Example) -> None:
    """Permuted items give permuted items, and the same vectors."""
    streams = set_streams(entry)
    if not streams or entry.takes[streams[0]].kinds == ("sequence",):
        return
    module, inputs = make(example), taken(entry, example)
    shuffled, order = permuted(entry, inputs)
    for stud, a, b in zip(outputs(entry), call(module, inputs), call(module, shuffled), strict=True):
        _assert_equal([reordered(stud, a, order, both_axes=len(streams) < 2)], [b], 1e-10)


def check_causality(entry: Any, example: Example) -> None:
    """Where the example is causal, output t has exactly zero gradient to inputs after t."""
    if not example.causal:
        return
    module, inputs = make(example), taken(entry, example)
    inputs["mask"] = torch.ones_like(inputs["mask"])
    x = inputs["x"].requires_grad_()
    y = call(module, inputs)[0]
    for t in range(y.shape[1]):
        (grad,) = torch.autograd.grad(y[:, t].square().sum(), x, retain_graph=True)
        assert (grad[:, t + 1 :] == 0).all(), f"output {t} sees later inputs"
        assert grad[:, t].abs().sum() > 0, f"output {t} does not see its own input"


def check_steps(entry: Any, example: Example) -> None:
    """Step by step gives what the whole sequence gives, from a fresh and from a carried state."""
    module, inputs = make(example), taken(entry, example)
    if not hasattr(module, "step") or not example.causal:
        return
    inputs["mask"] = torch.ones_like(inputs["mask"])
    expected, state, steps = call(module, inputs)[0], None, []
    extra = {k: v for k, v in inputs.items() if k not in ("x", "mask")}
    for t in range(expected.shape[1]):
        y, state = module.step(inputs["x"][:, t], state, **extra)
        steps.append(y)
    _assert_equal([torch.stack(steps, 1)], [expected], 1e-10)


def check_no_sync(entry: Any, example: Example) -> None:
    """``forward`` never waits for the device."""
    for training in (False, True):
        module, inputs = make(example, training=training), taken(entry, example)
        with no_sync():
            call(module, inputs)


def check_devices(entry: Any, example: Example) -> None:
    """Every index and constant lies on the device of its tensor: a run with fake tensors of another device."""
    module, inputs = make(example), taken(entry, example)
    with elsewhere():
        state = {k: sent_elsewhere(v) for k, v in [*module.named_parameters(), *module.named_buffers()]}
        fake = {k: sent_elsewhere(v) for k, v in inputs.items()}
        results = _flat(torch.func.functional_call(module, state, (), fake))
        assert all(r.device.type == "meta" for r in results)


def check_gradients(entry: Any, example: Example) -> None:
    """Gradients of inputs and parameters agree with finite differences."""
    module, inputs = make(example), taken(entry, example)
    floats = [k for k, v in inputs.items() if isinstance(v, Tensor) and v.is_floating_point()]
    names = [n for n, p in module.named_parameters() if p.requires_grad]
    parameters = [p.detach().clone().requires_grad_() for _, p in module.named_parameters() if p.requires_grad]

    def run(*values: Tensor) -> tuple[Tensor, ...]:
        own = dict(zip(names, values[len(floats) :], strict=True))
        fed = {**inputs, **dict(zip(floats, values[: len(floats)], strict=True))}
        result = torch.func.functional_call(module, own, (), fed, strict=False)
        return tuple(r for r in _flat(result) if r.is_floating_point())

    values = [inputs[k].clone().requires_grad_() for k in floats] + parameters
    if values:
        torch.autograd.gradcheck(run, values, fast_mode=True, atol=1e-5, rtol=1e-4)


def check_half_precision(entry: Any, example: Example) -> None:
    """Under bfloat16 autocast: finite values and gradients, and nearly the direction of float32."""
    module = make(example).float()
    inputs = {k: _to_float32(v) for k, v in taken(entry, example).items()}
    expected = call(module, inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = call(module, inputs)
    for a, b in zip(expected, found, strict=True):
        if a.is_floating_point():
            assert torch.isfinite(b).all()
            a, b = a.float().flatten(), b.float().flatten()
            assert a.norm() == 0 or (a @ b) / (a.norm() * b.norm()).clamp(min=1e-30) > 0.99
    _backward(found)
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in module.parameters())


CHECKS: Mapping[str, Callable[[Any, Example], None]] = {
    "spec_round_trip": check_spec_round_trip,
    "rebuild": check_rebuild,
    "parameters": check_parameters,
    "copies": check_copies,
    "finite": check_finite,
    "nothing": check_nothing,
    "padding": check_padding,
    "packed": check_packed,
    "batch_independence": check_batch_independence,
    "permutation": check_permutation,
    "causality": check_causality,
    "steps": check_steps,
    "no_sync": check_no_sync,
    "devices": check_devices,
    "gradients": check_gradients,
    "half_precision": check_half_precision,
}
"""Name -> check(entry, example). The names are what ``Example.skip`` may give a reason for."""


def _flat(result: Any) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    values = result.values() if isinstance(result, Mapping) else result
    return [t for r in values if r is not None for t in _flat(r)]


def _backward(results: list[Tensor]) -> None:
    loss = sum((r.float().square().sum() for r in results if r.requires_grad), torch.zeros(()))
    if loss.requires_grad:
        loss.backward()


def _values_and_gradients(module: nn.Module, inputs: Inputs) -> tuple[list[Tensor], list[Tensor]]:
    module.zero_grad()
    results = call(module, inputs)
    _backward(results)
    return results, [p.grad.clone() for p in module.parameters() if p.grad is not None]


def _assert_equal(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, equal_nan=False)


def _to_float32(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.is_floating_point() else value
