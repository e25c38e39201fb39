"""Public data sets in their published layouts, and any folder of photos or videos.

    for sample, picture in open_dataset("/data/CelebA").pictures():
        ...

`open_dataset` recognises CelebA, CelebAMask-HQ, 300W-LP and AFLW2000-3D; everything else is a folder of photos. All
yield `FaceSample`. Missing and damaged files cost one line each and are counted in `skipped`.
"""

from training.data.datasets.base import FaceDataset, FaceSample, HeadPose, Split
from training.data.datasets.celebamask_hq import label_map
from training.data.datasets.registry import LAYOUTS, open_dataset

__all__ = ["LAYOUTS", "FaceDataset", "FaceSample", "HeadPose", "Split", "label_map", "open_dataset"]
