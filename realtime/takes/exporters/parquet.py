"""Parquet, for analysis: one row per frame of the clip; values are null where it has no parameters of the face.

Each column's metadata tells its unit, and the table's metadata the take's header as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from facemodel.channels import CHANNEL_NAMES, CHANNEL_SLICES
from realtime.takes.clip import Block, Clip

extension = ".parquet"

_ROW_GROUP = 1 << 14
"""Frames that are compressed together."""

_UNITS = {
    "weights": "1",
    "head_angles": "degree",
    "head_position": "mm",
    "eye_angles": "degree",
    "translation": "px",
    "scale": "px/mm",
    "sh": "linear RGB, irradiance / pi",
    "key_position": "mm",
    "key_color": "linear RGB",
    "shininess": "1",
}


def write(clip: Clip, path: Path) -> None:
    """See `Exporter`. Of a model without ARKit's expressions the columns are its own.

    Raises:
        LimelightError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise LimelightError("parquet needs pyarrow: pip install 'limelight[export]'") from error
    fields = [
        pa.field(name, getattr(pa, kind)(), metadata={"unit": unit} if unit else None)
        for name, kind, unit in _facts(clip)
    ]
    fields += [pa.field(name, pa.float32(), metadata={"unit": unit}) for name, unit in _values(clip)]
    metadata = {"limelight.header": clip.take.header.to_json(), "limelight.fps": repr(clip.fps)}
    schema = pa.schema(fields, metadata=metadata)
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        batches: list[Any] = []
        for block in clip.blocks():
            columns = [*_columns(clip, block), *_numbers(clip, block).T]
            nobody = ~block.there
            arrays = [
                pa.array(column, field.type, mask=nobody if field.type == pa.float32() else None)
                for field, column in zip(schema, columns, strict=True)
            ]
            batches.append(pa.record_batch(arrays, schema=schema))
            if sum(map(len, batches)) >= _ROW_GROUP:
                file.write_table(pa.Table.from_batches(batches))
                batches.clear()
        if batches:
            file.write_table(pa.Table.from_batches(batches))


def _facts(clip: Clip) -> Iterator[tuple[str, str, str]]:
    """Name, type and unit of the columns that every row has."""
    yield "frame", "int64", ""
    yield "timestamp", "float64", "s"
    if clip.has_timecode:
        yield "timecode", "string", ""
    yield "state", "string", ""
    yield "confidence", "float64", "1"
    yield "person", "int64", ""
    yield "width", "int32", "px"
    yield "height", "int32", "px"


def _columns(clip: Clip, block: Block) -> Iterator[Any]:
    """Their values."""
    yield block.index
    yield block.time
    if clip.has_timecode:
        yield list(map(str, clip.timecodes(block)))
    yield [state.value for state in block.state]
    yield block.confidence.astype(float)
    yield block.person
    yield from block.size.T


def _values(clip: Clip) -> Iterator[tuple[str, str]]:
    """Name and unit of the columns that only a row with the face has."""
    names = CHANNEL_NAMES
    for group, span in CHANNEL_SLICES.items():
        arkit = group != "weights" or clip.reader.has_arkit_weights
        for name in names[span] if arkit else clip.layout.expression_names:
            yield name, _UNITS[group]


def _numbers(clip: Clip, block: Block) -> NDArray[np.float32]:
    """(N, number of them) their values."""
    rows = block.channels.rows.astype(np.float32)
    if clip.reader.has_arkit_weights:
        return rows
    own = block.vectors[:, clip.layout.slices["expression"]]
    return np.concatenate([own, rows[:, CHANNEL_SLICES["weights"].stop :]], axis=1)
