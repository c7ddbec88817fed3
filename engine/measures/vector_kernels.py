# mypy: disallow-untyped-decorators=False, disallow-subclassing-any=False
"""Sixteen single-precision numbers that the processor takes in one step, for kernels.

LLVM, which numba compiles with, knows vectors as a type; on a machine without registers that wide
it splits them. Loops over small arrays leave the choice to it, and it mostly chooses badly: every
intermediate result goes through memory. Conditions are whole numbers with a bit per place.
"""

from __future__ import annotations

import operator
from typing import Any, Final

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

WIDTH: Final = 16

_VECTOR: Final = ir.VectorType(ir.FloatType(), WIDTH)
_BITS: Final = ir.IntType(WIDTH)
_LOOSE: Final = ("contract", "nsz", "nnan")
"""Results are never infinite or no numbers; sums keep their order (`cyclic_kernels.LOOSE`)."""


class Sixteen(types.Type):
    """The type of sixteen numbers side by side."""

    def __init__(self) -> None:
        super().__init__(name="Sixteen")


SIXTEEN: Final = Sixteen()


@register_model(Sixteen)
class _SixteenModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


@intrinsic
def load(_context: Any, array: Any, at: Any) -> Any:
    """Read the ``at``-th sixteen numbers of a contiguous array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_place(context, builder, signature, arguments), align=4)

    return SIXTEEN(array, at), generate


@intrinsic
def store(_context: Any, array: Any, at: Any, value: Any) -> Any:
    """Write the ``at``-th sixteen numbers of a contiguous array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _place(context, builder, signature, arguments), align=4)
        return context.get_dummy_value()

    return types.void(array, at, value), generate


@intrinsic
def splat(_context: Any, value: Any) -> Any:
    """Return sixteen times the same number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        single = context.cast(builder, arguments[0], signature.args[0], types.float32)
        return _splat(builder, single)

    return SIXTEEN(value), generate


@intrinsic
def choose(_context: Any, bits: Any, yes: Any, no: Any) -> Any:
    """Return `yes` in the places whose bit is set, `no` in the others."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = context.cast(builder, arguments[0], signature.args[0], types.uint16)
        mask = builder.bitcast(bits, ir.VectorType(ir.IntType(1), WIDTH))
        return builder.select(mask, arguments[1], arguments[2])

    return SIXTEEN(bits, yes, no), generate


@intrinsic
def above(_context: Any, one: Any, other: Any) -> Any:
    """Return the bits of the places where one is greater than the other."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = builder.fcmp_ordered(">", arguments[0], arguments[1])
        return builder.bitcast(found, _BITS)

    return types.uint16(one, other), generate


@intrinsic
def least(_context: Any, one: Any, other: Any) -> Any:
    """Return the lesser number in each place."""
    return _chosen(one, other, "<")


@intrinsic
def most(_context: Any, one: Any, other: Any) -> Any:
    """Return the greater number in each place."""
    return _chosen(one, other, ">")


@intrinsic
def root(_context: Any, value: Any) -> Any:
    """Return the square roots."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        sqrt = cgutils.get_or_insert_function(builder.module, kind, "llvm.sqrt.v16f32")
        return builder.call(sqrt, [arguments[0]])

    return SIXTEEN(value), generate


@intrinsic
def looked_up(_context: Any, table: Any, place: Any) -> Any:
    """Return a table's values at places between its entries, on straight lines between them.

    Places are at least 0 and less than one below the last entry.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        whole = builder.fptosi(arguments[1], ir.VectorType(ir.IntType(32), WIDTH))
        part = builder.fsub(arguments[1], builder.sitofp(whole, _VECTOR), flags=_LOOSE)
        low = high = ir.Constant(_VECTOR, ir.Undefined)
        one = ir.Constant(ir.IntType(64), 1)
        for number in range(WIDTH):
            lane = ir.Constant(ir.IntType(32), number)
            at = builder.sext(builder.extract_element(whole, lane), ir.IntType(64))
            below = builder.load(builder.gep(base, [at]))
            beyond = builder.load(builder.gep(base, [builder.add(at, one)]))
            low = builder.insert_element(low, below, lane)
            high = builder.insert_element(high, beyond, lane)
        rise = builder.fsub(high, low, flags=_LOOSE)
        return builder.fadd(low, builder.fmul(part, rise, flags=_LOOSE), flags=_LOOSE)

    return SIXTEEN(table, place), generate


def _place(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    at = context.cast(builder, arguments[1], signature.args[1], types.intp)
    first = builder.mul(at, ir.Constant(at.type, WIDTH))
    return builder.bitcast(builder.gep(array.data, [first]), _VECTOR.as_pointer())


def _splat(builder: Any, single: Any) -> Any:
    none = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(none, single, ir.Constant(ir.IntType(32), 0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(first, none, everywhere)


def _chosen(one: Any, other: Any, relation: str) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = builder.fcmp_ordered(relation, arguments[0], arguments[1], flags=("nnan",))
        return builder.select(found, arguments[0], arguments[1])

    return SIXTEEN(one, other), generate


def _arithmetic(name: str) -> Any:
    @intrinsic
    def operation(_context: Any, one: Any, other: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, name)(arguments[0], arguments[1], flags=_LOOSE)

        return SIXTEEN(one, other), generate

    return operation


_plus, _minus = _arithmetic("fadd"), _arithmetic("fsub")
_times, _over = _arithmetic("fmul"), _arithmetic("fdiv")


def _both(one: Any, other: Any) -> bool:
    return isinstance(one, Sixteen) and isinstance(other, Sixteen)


@overload(operator.add)
def _add(one: Any, other: Any) -> Any:
    def implementation(one: Any, other: Any) -> Any:
        return _plus(one, other)

    return implementation if _both(one, other) else None


@overload(operator.sub)
def _subtract(one: Any, other: Any) -> Any:
    def implementation(one: Any, other: Any) -> Any:
        return _minus(one, other)

    return implementation if _both(one, other) else None


@overload(operator.mul)
def _multiply(one: Any, other: Any) -> Any:
    def implementation(one: Any, other: Any) -> Any:
        return _times(one, other)

    return implementation if _both(one, other) else None


@overload(operator.truediv)
def _divide(one: Any, other: Any) -> Any:
    def implementation(one: Any, other: Any) -> Any:
        return _over(one, other)

    return implementation if _both(one, other) else None
