"""End with status 1 if the environment holds a Qt binding: the tests that follow would prove nothing."""

import sys
from importlib.metadata import distributions

BINDINGS = {"pyqt5", "pyqt6", "pyside2", "pyside6"}

found = sorted({distribution.name for distribution in distributions() if distribution.name.lower().partition("-")[0] in BINDINGS})
if found:
    sys.exit(f"{sys.prefix} holds a Qt binding ({', '.join(found)}); remove the folder and run make again.")
print("no Qt binding is installed")
