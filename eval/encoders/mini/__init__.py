"""The network of `mini:plain` and `mini:augmented`: timm's resnet10t at half its width (1.26 M parameters)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

CHANNELS = (32, 64, 128, 256)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def network(num_classes: int = 0) -> "nn.Module":
    """Without a head (`num_classes` 0) it gives pooled features of shape (batch, 256)."""
    import flickrexif.eval.encoders.torchvision_operators  # noqa: F401  # isort: skip  (before timm)
    import timm

    model: nn.Module = timm.create_model("resnet10t", channels=CHANNELS, num_classes=num_classes)
    return model
