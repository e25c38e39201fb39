"""How the head is cut, refined and closed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HeadConfig:
    """Lengths in mm.

    Attributes:
        neck_rings: rings of quads kept below MakeHuman's head.
        subdivide_longer_than: mean edge length from which a quad of the face is split.
        subdivide_bulging_more_than: how far the surface may bulge over an edge before the quad is split elsewhere.
        eyeball_inset: gap between eyeball and the innermost point of the eyelids.
        lid_clearance: least distance of a moving lid from the eyeball at weight 1.
        lid_overlap, lid_closing_at_most: how far a closed upper lid ends below the lower lid's edge, and the most
            that a blink is changed for it; within `lid_closing_from_corner` of the corners less and less.
        lip_overlap, lip_overlap_at_most: how far the lips of a shut mouth overlap at least, and at most, for the share
            `lips_meet_for` of people.
        closing_reach: distance over which those corrections fade out.
        lining_inset, lining_narrowing: the mouth lining is moved back and made narrower, to stay behind the lips.
        face_below_chin: how far the face region reaches below the lowest landmark.
    """

    neck_rings: int = 3
    subdivide_longer_than: float = 4.2
    subdivide_bulging_more_than: float = 0.25
    eyeball_inset: float = 0.6
    lid_clearance: float = 0.25
    lid_overlap: float = 0.3
    lid_closing_at_most: float = 1.2
    lid_closing_from_corner: float = 2.5
    lip_overlap: float = 0.6
    lip_overlap_at_most: float = 1.0
    lips_meet_for: float = 0.98
    closing_reach: float = 6.0
    lining_inset: float = 2.5
    lining_narrowing: float = 0.93
    face_below_chin: float = 5.0
