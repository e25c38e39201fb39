"""One check for the shapes of a function's arguments: broadcasting would otherwise hide a wrong one."""

from __future__ import annotations

from torch import Tensor


def expect_shapes(*arguments: tuple[str, Tensor, tuple[int | str, ...]]) -> None:
    """Compare tensors with the shapes they should have.

    Args:
        arguments: name, tensor and shape of each; a letter in a shape stands for one size in all of them.
    Raises ValueError: a tensor has another shape; the message names it.
    """
    sizes: dict[str, int] = {}
    for name, tensor, shape in arguments:
        expected = tuple(sizes.get(size, size) if isinstance(size, str) else size for size in shape)
        actual = tuple(tensor.shape)
        if len(actual) != len(expected) or any(
            isinstance(size, int) and size != got for size, got in zip(expected, actual, strict=True)
        ):
            raise ValueError(f"{name}: expected shape ({', '.join(map(str, expected))}), got {actual}")
        sizes |= {size: got for size, got in zip(shape, actual, strict=True) if isinstance(size, str)}
