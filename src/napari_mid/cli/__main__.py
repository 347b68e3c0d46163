"""``python -m napari_mid.cli``: the same as ``napari-mid``; the window starts training this way."""

import sys

from napari_mid.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
