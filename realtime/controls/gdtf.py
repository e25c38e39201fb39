"""Our fixtures as a GDTF file (DIN SPEC 15800:2022), from which desks know what our slots do."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from facemodel import LimelightError
from realtime.controls.personality import GLOBAL, LIGHT, Channel

_ID = "6E4A1B52-7C0D-4E63-9B1F-2D5A8C3E7F10"
"""Of the fixture type, for ever."""
_WRITTEN = (1980, 1, 1, 0, 0, 0)
"""The time in the archive: the same file each time."""
_PRETTY = {
    "Dimmer": "Dim",
    "ColorAdd_R": "R",
    "ColorAdd_G": "G",
    "ColorAdd_B": "B",
    "CTC": "CTC",
    "Pan": "Azimuth",
    "Tilt": "Elevation",
    "Zoom": "Size",
    "Shutter1": "Shutter",
    "Effects1": "Relight",
    "Gobo1": "Environment",
    "Gobo1Pos": "Environment rotation",
    "Effects2": "Background dim",
    "Control1": "Cue GO",
}
_FEATURES = {
    "Dimmer": "Dimmer.Dimmer",
    "ColorAdd_R": "Color.RGB",
    "ColorAdd_G": "Color.RGB",
    "ColorAdd_B": "Color.RGB",
    "CTC": "Color.Color",
    "Pan": "Position.PanTilt",
    "Tilt": "Position.PanTilt",
    "Zoom": "Focus.Focus",
    "Shutter1": "Beam.Beam",
    "Effects1": "Beam.Beam",
    "Gobo1": "Gobo.Gobo",
    "Gobo1Pos": "Gobo.Gobo",
    "Effects2": "Beam.Beam",
    "Control1": "Control.Control",
}
_UNITS = {"Pan": "Angle", "Tilt": "Angle", "Zoom": "Angle", "Gobo1Pos": "Angle", "CTC": "Temperature"}


def write_gdtf(path: Path) -> None:
    """Write our fixtures: a type with a mode for one light and a mode for the picture as a whole.

    Raises:
        LimelightError: it cannot be written.
    """
    try:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(zipfile.ZipInfo("description.xml", _WRITTEN), description(), zipfile.ZIP_DEFLATED)
    except OSError as error:
        raise LimelightError(f"{path}: cannot be written ({error.strerror or error})") from error


def description() -> bytes:
    """Return `description.xml`."""
    root = Element("GDTF", DataVersion="1.2")
    fixture = SubElement(
        root,
        "FixtureType",
        Name="Limelight",
        ShortName="Limelight",
        LongName="Limelight",
        Manufacturer="Limelight",
        Description="Light of a face in Limelight: one light, or the picture as a whole",
        FixtureTypeID=_ID,
        CanHaveChildren="No",
    )
    attributes = {channel.attribute: channel for channel in (*LIGHT, *GLOBAL)}
    _attributes(SubElement(fixture, "AttributeDefinitions"), attributes)
    SubElement(fixture, "Wheels")
    SubElement(fixture, "PhysicalDescriptions")
    SubElement(fixture, "Models")
    geometries = SubElement(fixture, "Geometries")
    SubElement(geometries, "Geometry", Name="Body", Position="{1,0,0,0}{0,1,0,0}{0,0,1,0}{0,0,0,1}")
    modes = SubElement(fixture, "DMXModes")
    _mode(modes, "Light", LIGHT)
    _mode(modes, "Global", GLOBAL)
    SubElement(fixture, "Revisions")
    SubElement(fixture, "FTPresets")
    SubElement(fixture, "Protocols")
    indent(root)
    return tostring(root, "UTF-8", xml_declaration=True)


def _attributes(parent: Element, attributes: dict[str, Channel]) -> None:
    SubElement(parent, "ActivationGroups")
    groups = SubElement(parent, "FeatureGroups")
    features = sorted({_FEATURES[name] for name in attributes})
    for group in sorted({feature.partition(".")[0] for feature in features}):
        made = SubElement(groups, "FeatureGroup", Name=group, Pretty=group)
        for feature in features:
            if feature.startswith(f"{group}."):
                SubElement(made, "Feature", Name=feature.partition(".")[2])
    all_of_them = SubElement(parent, "Attributes")
    for name in attributes:
        unit = _UNITS.get(name, "None")
        SubElement(
            all_of_them, "Attribute", Name=name, Pretty=_PRETTY[name], Feature=_FEATURES[name], PhysicalUnit=unit
        )  # fmt: skip


def _mode(parent: Element, name: str, channels: Sequence[Channel]) -> None:
    mode = SubElement(parent, "DMXMode", Name=name, Description=f"{name}, high byte first", Geometry="Body")
    made = SubElement(mode, "DMXChannels")
    for channel in channels:
        offsets = ",".join(str(channel.offset + 1 + i) for i in range(channel.slots))
        function = f"{channel.attribute} 1"
        start = f"Body_{channel.attribute}.{channel.attribute}.{function}"
        one = SubElement(
            made, "DMXChannel", DMXBreak="1", Offset=offsets, Highlight="None", Geometry="Body", InitialFunction=start
        )
        master = "Grand" if channel.attribute == "Dimmer" else "None"
        logical = SubElement(one, "LogicalChannel", Attribute=channel.attribute, Snap="No", Master=master)
        logical.attrib.update(MibFade="0", DMXChangeTimeLimit="0")
        highest = (1 << channel.bits) - 1
        SubElement(
            logical,
            "ChannelFunction",
            Name=function,
            Attribute=channel.attribute,
            OriginalAttribute="",
            DMXFrom=f"0/{channel.slots}",
            Default=f"{round(channel.default * highest)}/{channel.slots}",
            PhysicalFrom=f"{channel.low:.6f}",
            PhysicalTo=f"{channel.high:.6f}",
            RealFade="0",
            RealAcceleration="0",
        )
    SubElement(mode, "Relations")
    SubElement(mode, "FTMacros")
