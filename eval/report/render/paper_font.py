"""The font of the figures for print: the common characters of DejaVu Sans, which comes with matplotlib.

A PDF contains the glyphs that it shows. Cutting them out of the whole font takes longer than drawing the figure.
"""

import atexit
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

WHOLE, COMMON = "DejaVu Sans", "DejaVu Sans Common"
CHARACTERS = (range(0x20, 0x590), range(0x2000, 0x2070), range(0x2190, 0x2300), range(0x2710, 0x2720))
NAMES = {1: COMMON, 4: COMMON, 6: COMMON.replace(" ", "")}  # family, full and PostScript name, as fonts number them


@cache
def family() -> str:
    """Add the font to matplotlib, and return its name there. Its file exists until Python ends."""
    from matplotlib import font_manager

    folder = TemporaryDirectory(prefix="flickrexif-font-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    path = Path(folder.name) / f"{NAMES[6]}.ttf"
    _write_common(font_manager.findfont(WHOLE), path)
    font_manager.fontManager.addfont(path)
    return COMMON


@cache
def glyphs() -> frozenset[int]:
    """The code points that the font has."""
    from matplotlib import font_manager, ft2font

    return frozenset(ft2font.FT2Font(font_manager.findfont(family())).get_charmap())


def _write_common(whole: str, path: Path) -> None:
    """Write a font file with only CHARACTERS of the font file `whole`, under its own name, without kerning."""
    from fontTools import subset  # type: ignore[import-untyped]

    options = subset.Options(layout_features=[], glyph_names=True)
    options.drop_tables += ["FFTM", "GDEF", "GPOS", "GSUB", "MATH", "kern"]
    with subset.load_font(whole, options) as font:
        part = subset.Subsetter(options)
        part.populate(unicodes=[code for codes in CHARACTERS for code in codes])
        part.subset(font)
        for record in font["name"].names:
            record.string = NAMES.get(record.nameID, record.string)
        font.save(path)
