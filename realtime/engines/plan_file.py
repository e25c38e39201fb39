"""The file of a network as TensorRT built it for one kind of GPU."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from facemodel import LimelightError
from facemodel.whole_files import whole_file

FINDING, FOLLOWING = "finding", "following"

_HEADER = "plan.json"
_PLANS = "plans"  # in it: their names, so that none can go missing from a damaged archive
_DATE = (1980, 1, 1, 0, 0, 0)  # equal plans make equal files


@dataclass(frozen=True)
class PlanKey:
    """What a plan was built from and for; it is of no use where one of these differs.

    Attributes:
        network_digest: SHA-256 of the network's file.
        precision: "fp32", "fp16" or "int8".
        gpu: name and compute capability.
        tensorrt: library and version.
    """

    network_digest: str
    precision: str
    gpu: str
    tensorrt: str

    def mismatch(self, built: PlanKey) -> str:
        """Why a plan built for another key is of no use for this one; empty if it is."""
        if built.gpu != self.gpu:
            return f"built for {built.gpu}, this is {self.gpu}"
        if built.tensorrt != self.tensorrt:
            return f"built with {built.tensorrt}, this is {self.tensorrt}"
        if built.network_digest != self.network_digest:
            return "built from another version of the network"
        return "" if built.precision == self.precision else f"built in {built.precision}, not {self.precision}"


@dataclass(frozen=True)
class PlanHeader:
    """What is known of a plan without a GPU.

    Attributes:
        key: what it was built from and for.
        network: its name.
        model_digest: `FaceModel.digest` of the model that the network was trained for.
        model_name: that model's name.
        resolution: side of the input crop, px.
        n_parameters: length of the parameter vector.
        max_batch: most crops in one run.
    """

    key: PlanKey
    network: str
    model_digest: str
    model_name: str
    resolution: int
    n_parameters: int
    max_batch: int


@dataclass(frozen=True)
class PlanFile:
    """A plan file: a zip archive, whose checksums tell a damaged file before TensorRT is given it.

    Attributes:
        header: what the plans are.
        plans: what TensorRT built, by FINDING and, for a network that follows, FOLLOWING.
    """

    header: PlanHeader
    plans: Mapping[str, bytes]

    def write(self, path: Path) -> None:
        """Write the file; it appears whole or not at all.

        Raises:
            LimelightError: it cannot be written.
        """
        header = asdict(self.header) | {_PLANS: list(self.plans)}
        with (
            whole_file(path, f"plan {path}", shared=True) as partial,
            zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive,
        ):
            archive.writestr(zipfile.ZipInfo(_HEADER, _DATE), json.dumps(header, indent=2))
            for name, plan in self.plans.items():
                archive.writestr(zipfile.ZipInfo(name, _DATE), plan)

    @classmethod
    def read(cls, path: Path) -> PlanFile:
        """Read a file.

        Raises:
            LimelightError: missing, damaged, or no plan.
        """
        with _Opened(path) as archive:
            header, names = _header(path, archive)
            if archive.namelist() != [_HEADER, *names]:
                raise _damaged(path)
            return cls(header, {name: archive.read(name) for name in names})

    @staticmethod
    def read_header(path: Path) -> PlanHeader:
        """What a file is, without the plans.

        Raises:
            LimelightError: missing, damaged, or no plan.
        """
        with _Opened(path) as archive:
            return _header(path, archive)[0]


class _Opened:
    """A plan's archive; what goes wrong inside becomes one line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> zipfile.ZipFile:
        try:
            self._archive = zipfile.ZipFile(self._path)
        except FileNotFoundError as error:
            raise LimelightError(
                f"plan {self._path}: no such file; 'limelight export --to tensorrt' writes one"
            ) from error
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise _damaged(self._path) from error
        except OSError as error:
            raise LimelightError(f"plan {self._path}: cannot be read ({error.strerror or error})") from error
        return self._archive

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._archive.close()
        # zipfile raises RuntimeError for what looks encrypted, or compressed in an unknown way.
        if isinstance(error, OSError | RuntimeError | zipfile.BadZipFile | zlib.error | EOFError):
            raise _damaged(self._path) from error


def _damaged(path: Path) -> LimelightError:
    return LimelightError(f"plan {path}: damaged, truncated or no TensorRT plan of ours; delete it")


def _header(path: Path, archive: zipfile.ZipFile) -> tuple[PlanHeader, list[str]]:
    """The header, and the names of the plans."""
    try:
        values = json.loads(archive.read(_HEADER))
        names = values.pop(_PLANS)
        header = PlanHeader(**{**values, "key": PlanKey(**values["key"])})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LimelightError(f"plan {path}: not a TensorRT plan of this version of Limelight; delete it") from error
    numbers = [header.resolution, header.n_parameters, header.max_batch]
    texts = [getattr(header.key, field.name) for field in fields(PlanKey)]
    texts += [header.network, header.model_digest, header.model_name]
    sound = all(isinstance(number, int) and number > 0 for number in numbers)
    sound = sound and all(isinstance(text, str) for text in texts)
    if not sound or names not in ([FINDING], [FINDING, FOLLOWING]):
        raise LimelightError(f"plan {path}: not a TensorRT plan of this version of Limelight; delete it")
    return header, names
