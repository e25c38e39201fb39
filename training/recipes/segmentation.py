"""The U-Net that masks photographs, trained twice since the first tells who wears glasses, and the skin classifier."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from facemodel.hair import hair_of
from training.config import TrainConfig
from training.data.datasets import open_dataset
from training.data.segmentation import SCENE, load_segmentation, prepare_celebamask_hq, prepare_photos, prepare_renders
from training.data.segmenter import Segmenter
from training.data.skin_classifier import learn_skin
from training.data.skin_pixels import SegmentationTeacher
from training.data.storage import EXTENT, load_samples
from training.data.synthetic import SceneConfig
from training.recipes import stages
from training.recipes.recipe import Job, Recipe, Stage
from training.render.degrade import CameraFaults
from training.tasks.segment import SegmentConfig, SegmentTask

_LEAST = 60

TRAINING = TrainConfig(
    batch_size=8, steps=1400, learning_rate=2e-3, average=0.99, precision="bfloat16", validation_samples=200
)


def pictures(job: Job, stage: Stage) -> Mapping[str, float]:
    """Render faces with the class of every pixel, and take in CelebAMask-HQ where it is named."""
    count, scene = job.count(stage, _LEAST), replace(SCENE, hair_file=hair_of(job.face_model))
    for name in job.datasets:
        prepare_celebamask_hq(job.folder("masks"), open_dataset(name), max(_LEAST, round(30_000 * job.scale)))
    prepare_renders(job.folder("masks"), job.model, count, job.seed, scene)
    return {"renders": count}


def masks(job: Job, stage: Stage) -> Mapping[str, float]:
    """Label fitted photographs by the teacher; around the eyes by the U-Net of the second stage that is needed."""
    root, earlier = job.folder(stage.name), None
    if len(stage.needs) > 2:
        earlier = partial(Segmenter.load(job.checkpoint(stage.needs[2])), extent=EXTENT)
        for made in ("renders", "celebamask_hq"):
            if (source := job.folder("masks") / made).is_dir():
                shutil.copytree(source, root / made, dirs_exist_ok=True)
    teacher = SegmentationTeacher(job.photos.parent / "teachers" / "pan_mnv3s_skin_clothes_hair.onnx")
    samples, count = load_samples(job.crops, job.model), job.count(stage, _LEAST)
    prepare_photos(root, job.model, samples, teacher, count, job.seed, earlier)
    return {"photographs": int((load_segmentation(root).kind == 1).sum())}


def segment(job: Job, stage: Stage) -> Mapping[str, float]:
    """Train a U-Net: the first at 112 px, the second from it at 160 px."""
    data, *first = stage.needs
    unet = SegmentConfig(resolution=160, initial=job.checkpoint(first[0])) if first else SegmentConfig(resolution=112)
    config = replace(stage.config, seed=job.seed)
    task = SegmentTask(config, unet, load_segmentation(job.folder(data)))
    return stages.trainer(job, stage, config, task, job.folder(stage.name)).run()


def skin(job: Job, stage: Stage) -> Mapping[str, float]:
    """Learn the skin classifier of Eq. 9 from sharp renders without hands, and from the labelled photographs."""
    sharp = replace(CameraFaults(), motion_share=0.0, defocus_share=0.0, coarse_share=0.0)
    scene = SceneConfig(occluder_share=0.0, faults=sharp, hair_file=hair_of(job.face_model))
    root = job.folder(stage.name)
    prepare_renders(root, job.model, job.count(stage, _LEAST), job.seed, scene)
    photographs = load_segmentation(job.folder(stage.needs[0]), ("photos",))
    classifier, figures = learn_skin([load_segmentation(root), photographs], job.seed)
    classifier.save(root / "skin_classifier.npz")
    return figures


SEGMENTATION = Recipe(
    "segmentation",
    "The classes of CelebAMask-HQ in a crop, learned from renders and from photographs that a teacher and a fit label.",
    (
        Stage("labels", stages.photo_labels),
        Stage("fits", stages.fits, ("labels",)),
        Stage("pictures", pictures, count=2500),
        Stage("masks", masks, ("fits", "pictures"), count=2500),
        Stage("unet", segment, ("masks",), config=replace(TRAINING, steps=1000)),
        Stage("masks-again", masks, ("fits", "pictures", "unet"), count=2500),
        Stage("unet-again", segment, ("masks-again", "unet"), config=TRAINING),
        Stage("skin", skin, ("masks",), count=1000),
    ),
)
