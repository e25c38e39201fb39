"""Training data: photos with fitted labels, renders with known labels, and pictures without a face.

`training.data.photo_labels` asks MediaPipe for 478 points and 52 scores of every photo, `training.data.photos` fits the
face model to those and cuts crops, `training.data.synthetic` renders random faces. Each can be stopped and goes on
where it was.

Format of the prepared folder, read by `load_samples`:

    dataset.json                       the header of `training.data.shards`, with stored size and extent
    photos/shard_00000/                at most 500 samples a shard, one .npy per array:
        images.npy      (N, 160, 160, 3) uint8 RGB
        parameters.npy  (N, P) float32    layout order, constrained, pose in crop px
        landmarks.npy   (N, 478, 2) float32   crop px; of photos the target of `training.data.labels.label_points`
        landmark_weight.npy  (N, 478) float32   how far a point's target is to be trusted, 0..1; 1 on renders
        scored.npy      (N, 52) bool   expressions (ARKIT_NAMES order) that the label says something about; False on
                        photos where MediaPipe has no score of use (`training.data.labels.UNSCORED`)
        face.npy        (N,) bool   the crop shows a face where a tracker would hold it; the confidence's target
        photo.npy       (N,) bool   a photograph; False for a render
        geometry.npy    (N,) bool   pose, identity and expression hold: every render, and photos whose fit is good
        light.npy       (N,) bool   albedo and light hold: every render
        held_out.npy    (N,) bool   validation part, split by person
    synthetic/shard_.../, negatives/shard_.../

A stored image shows EXTENT = 280 crop px: the network's 224 px crop (128 of the 160 stored pixels) lies in its
middle, the rest is margin for further jitter. Labels are crop px of that middle crop, so they run from -28 to
252 on the picture. Where `face` is False every label is a finite placeholder.
"""

from training.data.storage import EXTENT, STORED_SIZE, Samples, ShardWriter, load_samples, network_crops

__all__ = ["EXTENT", "STORED_SIZE", "Samples", "ShardWriter", "load_samples", "network_crops"]
