"""What the shell completes, asked as bash asks it."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("eval --encoder mini:", ["mini:plain", "mini:augmented"]),
        ("embed --encoder @c", ["@cvl", "@current", "@ctl"]),
        ("eval ma", ["masking"]),
        ("process folder --parameter s", ["sharpening"]),
        ("process folder --variant JPEG95_4", ["JPEG95_420", "JPEG95_444"]),
        ("embed --on-the-fly resiz", ["resizing"]),
        ("splits --attribute F", ["Focal Length", "Flash"]),
        ("encoders lite", ["lite0", "lite1", "lite2"]),
    ],
)
def test_names_are_completed(line: str, expected: list[str]) -> None:
    words = f"flickrexif {line}"
    env = {**os.environ, "_FLICKREXIF_COMPLETE": "complete_bash", "COMP_WORDS": words}
    env["COMP_CWORD"] = str(len(words.split()) - 1)
    command = [sys.executable, "-c", "import sys; sys.argv[0] = 'flickrexif'; from flickrexif.cli import main; main()"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.stdout.splitlines() == expected
