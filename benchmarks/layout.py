"""How much faster convolutions are on a CPU in the layout that encoders get (channels last) than in torch's own.

    python -m benchmarks.layout

A batch of 32 random images of 224 px through each network on one core, the best of three in turn; and how far apart the
embeddings are. Only time is looked at, so that one network has random weights.
"""

import time

import torch

from flickrexif.eval.embed.run import keep_freed_memory
from flickrexif.eval.encoders import expand
from flickrexif.eval.encoders.loading import load

NETWORKS = {"mini:plain": True, "lite0": True, "timm:resnet50": False}  # name -> with its weights


def main() -> None:
    """Print seconds in both layouts, their ratio and the distance as a share of the embeddings' length."""
    torch.set_num_threads(1)
    keep_freed_memory()
    images = torch.randn(32, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    for name, pretrained in NETWORKS.items():
        (spec,) = expand([name])
        seconds, rows = {}, {}
        for layout in (torch.channels_last, torch.contiguous_format):
            encoder = load(spec, device="cpu", pretrained=pretrained)
            encoder.network.to(memory_format=layout)  # type: ignore[attr-defined]
            encoder.embed(images[:2])
            for _ in range(3):
                start = time.process_time()
                rows[layout] = encoder.embed(images)
                seconds[layout] = min(time.process_time() - start, seconds.get(layout, float("inf")))
        ours, plain = seconds[torch.channels_last], seconds[torch.contiguous_format]
        text = f"{name:14} {ours:.2f} s, in torch's layout {plain:.2f} s: {plain / ours:.2f} times as fast"
        if pretrained:
            distance = (rows[torch.channels_last] - rows[torch.contiguous_format]).norm()
            text += f"; {float(distance / rows[torch.contiguous_format].norm()):.0e} apart"
        print(text)


if __name__ == "__main__":
    main()
