"""Prepares photos and videos for the paper's self-supervised training: what section 4 labels once, in advance.

    python -m training.data.prepare /data/CelebA --out .cache/prepared/celeba --identity facenet

MediaPipe finds the face and its 478 points, the face model is fitted to them, the head that this gives is cut out as
the live tracker cuts it (224 px), the U-Net says where the face is seen and the classifier of Eq. 9 how surely it is
skin. `training.data.prepared` describes the folder and reads it.

The run may be stopped and started again at any time, from any folder; of what it did, a shard is lost at most. Several
may work on one prepared folder: `--part 1/4` to `--part 4/4`. A photo takes about 0.2 s of one core. One that cannot
be used costs one line, and a data set without any is left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path

import cv2
import torch
from tqdm import tqdm

from facemodel import FaceModel, LimelightError
from training.data.calibration import learn_calibration, load_calibration, save_calibration
from training.data.datasets import FaceDataset, FaceSample, open_dataset
from training.data.datasets.base import to_stderr
from training.data.datasets.folder import FRAME_STRIDE
from training.data.fit import FitConfig
from training.data.identity_features import add_features
from training.data.landmarker import BUNDLE
from training.data.photo_labels import PhotoLandmarker
from training.data.photo_preparation import MainFaceLandmarker, PhotoPreparer, PreparedPhoto
from training.data.prepared import PreparedWriter
from training.data.segmenter import Segmenter
from training.data.shards import ShardWriteError
from training.data.skin_classifier import SkinClassifier
from training.networks.identity import FEATURES, load_identity_network

ASSETS = Path(str(files("training") / "assets"))
"""What ships with this room: U-Net, skin classifier, landmarker, calibration for the default face model."""


@dataclass(frozen=True)
class PrepareConfig:
    """How a run goes about it.

    Attributes:
        shard: photos that one is made of.
        part, parts: this run makes every shard of which the number divided by `parts` leaves `part`.
    """

    shard: int = 500
    part: int = 0
    parts: int = 1


def prepare_dataset(
    dataset: FaceDataset, writer: PreparedWriter, preparer: PhotoPreparer, config: PrepareConfig | None = None
) -> int:
    """Write the shards of a data set that do not exist yet, and return how many photos all of its shards hold now.

    Raises:
        LimelightError: nothing usable, the data set has changed since an earlier run, or a shard cannot be written.
    """
    config = config or PrepareConfig()
    name = writer.folder.name
    count = 0
    with tqdm(total=dataset.estimate() or None, unit="photo", desc=name) as bar:
        for number, group in groupby(enumerate(dataset), key=lambda entry: entry[0] // config.shard):
            samples = (sample for _, sample in group)
            if (entries := writer.entries(number)) is not None:
                if [sample.name for sample in samples] != entries:
                    raise LimelightError(f"data set {dataset.root}: has changed since; use another --out")
                count += writer.length(number)
                bar.update(len(entries))
            elif number % config.parts == config.part:
                photos, entries = _prepare(samples, dataset, preparer, bar)
                writer.write(number, preparer.shard(name, photos, entries))
                count += len(photos)
            else:
                bar.update(sum(1 for _ in samples))
            bar.set_postfix(faces=count, skipped=dataset.skipped)
    if not count and config.parts == 1:
        raise LimelightError(f"data set {dataset.root}: no face on any photo")
    return count


def prepare_datasets(
    datasets: Sequence[tuple[FaceDataset, PreparedWriter]], preparer: PhotoPreparer, config: PrepareConfig
) -> int:
    """Do `prepare_dataset` for several; one of which nothing can be used costs one line.

    Raises:
        LimelightError: no data set has a photo that can be used, or a shard cannot be written.
    """
    total = 0
    for dataset, writer in datasets:
        try:
            total += prepare_dataset(dataset, writer, preparer, config)
        except ShardWriteError:
            raise
        except LimelightError as error:
            to_stderr(f"left out: {error}")
    if not total and config.parts == 1:
        raise LimelightError("prepared photos: none; no data set has any that can be used")
    return total


def _prepare(
    samples: Iterable[FaceSample], dataset: FaceDataset, preparer: PhotoPreparer, bar: tqdm
) -> tuple[list[PreparedPhoto], list[str]]:
    """Return the photos that can be used, and the names of all."""
    photos, entries = [], []
    for sample in samples:
        entries.append(sample.name)
        try:
            photos.append(preparer(sample))
        except LimelightError as error:
            dataset.skip(error)
        bar.update()
    return photos, entries


def calibrated_fit(
    root: Path, model: FaceModel, datasets: Sequence[FaceDataset], landmarker: MainFaceLandmarker
) -> FitConfig:
    """Return the fit's configuration of a prepared folder.

    A folder that has none yet gets the one shipped for the face model, or one that is learned from the data sets.

    Raises:
        LimelightError: a file is damaged, or cannot be written.
    """
    path, shipped = root / "calibration.npz", ASSETS / f"calibration-{model.digest}.npz"
    if not path.exists():
        config = load_calibration(shipped) if shipped.is_file() else learn_calibration(model, datasets, landmarker)
        if config.offsets is None:
            to_stderr("calibration: too few different people; the fits take MediaPipe's points as they are")
        save_calibration(path, config)
    return load_calibration(path)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Prepare photos and videos for the paper's self-supervised training.")
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="folder, or a name in the data folder")
    parser.add_argument("--out", type=Path, required=True, help="prepared folder")
    parser.add_argument("--identity", choices=(FEATURES,), help="add this network's identity features")
    parser.add_argument("--weights", type=Path, default=Path(".cache/backbones"), help="cache of its weights")
    parser.add_argument("--skin", type=Path, default=ASSETS / "skin_classifier.npz", help="skin classifier")
    parser.add_argument("--segmentation", type=Path, help="U-Net checkpoint; the shipped one if left out")
    parser.add_argument("--stride", type=int, default=FRAME_STRIDE, help="frames from one photo of a video to the next")
    parser.add_argument("--part", type=_part, default=(0, 1), metavar="I/N", help="only every N-th shard")
    parser.add_argument("--model", type=Path, help="face model file; the embedded default if left out")
    parser.add_argument("--device", default="cpu", help="of the identity network")
    options = parser.parse_args(arguments)
    if options.identity and options.part[1] > 1:
        parser.error("--identity looks at all shards; run without --part when the parts are done")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        _run(options)
    except LimelightError as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "stopped; run again to go on\n")


def _run(options: argparse.Namespace) -> None:
    datasets = _open(options.datasets, options.stride)
    model = FaceModel.load(options.model)
    classifier = SkinClassifier.load(options.skin)
    segmenter = Segmenter.load(options.segmentation)
    writers = [PreparedWriter(options.out, name, model) for name in datasets]
    with closing(PhotoLandmarker(BUNDLE)) as landmarker:
        fit = calibrated_fit(options.out, model, list(datasets.values()), landmarker)
        preparer = PhotoPreparer(model, landmarker, segmenter, classifier, fit)
        config = PrepareConfig(part=options.part[0], parts=options.part[1])
        total = prepare_datasets(list(zip(datasets.values(), writers, strict=True)), preparer, config)
    if options.identity:
        network = load_identity_network(options.weights).to(options.device)
        add_features(options.out, options.identity, lambda crops: network(crops.to(options.device)))
    print(f"{total} prepared photos")


def _open(names: Sequence[str], stride: int) -> dict[str, FaceDataset]:
    """Return data sets by the name of their folder, those that cannot be opened left out.

    Raises:
        LimelightError: none is left, or two have one name.
    """
    datasets: dict[str, FaceDataset] = {}
    for name in names:
        try:
            dataset = open_dataset(name, stride)
        except LimelightError as error:
            to_stderr(f"left out: {error}")
            continue
        folder = dataset.root.resolve().name
        if folder in datasets:
            raise LimelightError(f"data set {name}: another one is called {folder}, too; prepare them apart")
        datasets[folder] = dataset
    if not datasets:
        raise LimelightError(f"data set {', '.join(names)}: nothing to prepare")
    return datasets


def _part(text: str) -> tuple[int, int]:
    """Return `I/N` as (I - 1, N)."""
    number, slash, parts = text.partition("/")
    if not (slash and number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise argparse.ArgumentTypeError(f"'{text}': expected I/N, such as 1/4")
    return int(number) - 1, int(parts)


if __name__ == "__main__":
    main()
