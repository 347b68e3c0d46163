"""The learned detector's network: a small U-Net that says for every pixel whether it is a nucleus, and where its centre is.

It works at one scale: images are resized until a typical nucleus is `NUCLEUS_PX` wide. For every second pixel it gives five
maps: the centre heat, the nucleus (foreground), the offset (y, x) to the centre of the nucleus, and the logarithm of its
diameter. A nucleus is then a peak of the heat and the foreground pixels whose offsets point to it, as in Panoptic-DeepLab
(Cheng et al. 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval

#: Diameter in pixels that a typical nucleus has in the images that the network sees.
NUCLEUS_PX = 14.0
#: Maps are so much coarser than the image.
STRIDE = 2
#: Sides of the image are padded to a multiple of this; 16 would do, but see `learned.STEPS_PER_OCTAVE`.
MULTIPLE = 32
#: Names of the maps, in order.
MAPS = ("heat", "nucleus", "offset_y", "offset_x", "log_diameter")
#: Channels at a quarter, an eighth and a sixteenth of the resolution.
WIDTHS = (64, 96, 128)
#: The network folds squares of so many pixels into channels first, and unfolds its maps at the end: convolutions at full
#: resolution have few channels and cost the most for what they tell.
FOLDED = 4


class NucleusNet(nn.Module):
    """(B, 2, Y, X) normalised images, see `nucleus_maps.normalise`, to (B, 5, Y/2, X/2) maps; Y and X are multiples of 16.

    `heat` and `nucleus` are logits; offsets and diameters are in units of `NUCLEUS_PX`, the diameter as its natural logarithm.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.widths = tuple(widths)
        first, *deeper = self.widths
        self.stem = nn.Sequential(nn.PixelUnshuffle(FOLDED), _convolution(2 * FOLDED**2, first), _convolution(first, first))
        self.down = nn.ModuleList(
            nn.Sequential(_convolution(before, after, stride=2), _convolution(after, after))
            for before, after in zip(self.widths, deeper, strict=False)
        )
        self.across = nn.ModuleList(nn.Conv2d(below, here, 1) for here, below in zip(self.widths[:-1], deeper, strict=True))
        self.up = nn.ModuleList(nn.Sequential(_convolution(here, here), _convolution(here, here)) for here in self.widths[:-1])
        unfolded = (FOLDED // STRIDE) ** 2
        self.heads = nn.Sequential(nn.Conv2d(first, len(MAPS) * unfolded, 1), nn.PixelShuffle(FOLDED // STRIDE))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Compute the maps."""
        features = [self.stem(images)]
        for down in self.down:
            features.append(down(features[-1]))
        found = features.pop()
        for across, up, here in zip(reversed(self.across), reversed(self.up), reversed(features), strict=True):
            found = up(here + interpolate(across(found), scale_factor=2.0, mode="nearest"))
        maps: torch.Tensor = self.heads(found)
        return maps


def _convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True))


@lru_cache(maxsize=4)
def nucleus_net(device: torch.device) -> NucleusNet:
    """The trained network on `device`, ready to use; its batch norms are folded into the convolutions before them."""
    from safetensors.torch import load_file

    net = NucleusNet()
    net.load_state_dict({name: value.float() for name, value in load_file(weights_path()).items()})
    net.eval()
    for part in net.modules():
        if isinstance(part, nn.Sequential) and len(part) == 3 and isinstance(part[1], nn.BatchNorm2d):
            part[0] = fuse_conv_bn_eval(cast(nn.Conv2d, part[0]), part[1])
            part[1] = nn.Identity()
    # convolutions of channels that lie together are faster on every device
    net = net.requires_grad_(False).to(device)
    return net.to(memory_format=torch.channels_last)


def weights_path() -> Path:
    """Where the weights that come with the package are."""
    return Path(str(files("napari_mid"))) / "data" / "nucleus_detector" / "model.safetensors"
